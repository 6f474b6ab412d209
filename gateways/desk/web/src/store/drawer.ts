/** What one browser tab keeps over a reload: who is signed in, drafts, and messages that are not committed. */

import type { Me, Pending } from "./state";

export interface Kept {
  me: Me | null;
  pending: Pending[];
  drafts: Record<string, string>;
  selected: string | null;
}

const KEY = "trunkline.desk";
const NOTHING: Kept = { me: null, pending: [], drafts: {}, selected: null };

export class Drawer {
  private kept: Kept;

  constructor(private readonly storage: Pick<Storage, "getItem" | "setItem">) {
    this.kept = { ...NOTHING, ...read(storage) };
  }

  get content(): Kept {
    return this.kept;
  }

  keep(changes: Partial<Kept>): void {
    this.kept = { ...this.kept, ...changes };
    try {
      this.storage.setItem(KEY, JSON.stringify(this.kept));
    } catch {
      // A full or forbidden storage costs the resend after a reload, nothing else.
    }
  }

  empty(): void {
    this.keep(NOTHING);
  }
}

function read(storage: Pick<Storage, "getItem">): Partial<Kept> {
  try {
    return (JSON.parse(storage.getItem(KEY) ?? "{}") ?? {}) as Partial<Kept>;
  } catch {
    return {};
  }
}
