/**
 * What the browser remembers between page loads: which conversation is ours, and what we wrote that is not committed.
 *
 * Each unsent message has a key of its own, so that two tabs never overwrite each other's.
 */

import { random } from "../../../web/browser/random";
import type { Language } from "./words";

export interface Remembered {
  secret: string;
  /** The server confirmed the conversation; until then `start` is sent again, which is harmless. */
  started: boolean;
  topic: string;
  name: string;
  language: string;
}

export interface Unsent {
  id: string;
  secret: string;
  text: string;
  attachments: string[];
  names: string[];
  at: number;
}

/** The part of `Storage` that is used, so that a test or a browser without storage can stand in. */
export type Shelf = Pick<Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">;

/** A shelf that forgets with the page: for browsers that allow no storage. */
export function forgetfulShelf(): Shelf {
  const kept = new Map<string, string>();
  return {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
    removeItem: (key) => void kept.delete(key),
    key: (index) => [...kept.keys()][index] ?? null,
    get length() {
      return kept.size;
    },
  };
}

export function browserShelf(): Shelf {
  try {
    const probe = "trunkline.probe";
    localStorage.setItem(probe, "1");
    localStorage.removeItem(probe);
    return localStorage;
  } catch {
    return forgetfulShelf();
  }
}

export class Memory {
  readonly key: string;

  constructor(
    private readonly shelf: Shelf,
    server: string,
  ) {
    this.key = `trunkline.webchat.${server}`;
  }

  conversation(): Remembered | null {
    return this.read<Remembered>(this.key);
  }

  keepConversation(remembered: Remembered): void {
    this.write(this.key, remembered);
  }

  /** Forget the conversation and everything unsent in it. */
  forget(): void {
    for (const message of this.unsent()) this.drop(message.id);
    this.shelf.removeItem(this.key);
  }

  /** Messages not yet committed, oldest first. */
  unsent(): Unsent[] {
    const found: Unsent[] = [];
    const prefix = `${this.key}.out.`;
    for (let index = 0; index < this.shelf.length; index += 1) {
      const key = this.shelf.key(index);
      const message = key?.startsWith(prefix) ? this.read<Unsent>(key) : null;
      if (message) found.push(message);
    }
    return found.sort((a, b) => a.at - b.at);
  }

  keep(message: Unsent): void {
    this.write(`${this.key}.out.${message.id}`, message);
  }

  drop(id: string): void {
    this.shelf.removeItem(`${this.key}.out.${id}`);
  }

  /** This browser's own id, the same in every conversation. */
  visitor(): string {
    const key = `${this.key}.visitor`;
    const kept = this.shelf.getItem(key);
    if (kept) return kept;
    const fresh = random(24);
    this.shelf.setItem(key, fresh);
    return fresh;
  }

  language(): Language | null {
    const kept = this.shelf.getItem(`${this.key}.language`);
    return kept === "zh" || kept === "en" ? kept : null;
  }

  keepLanguage(language: Language): void {
    this.shelf.setItem(`${this.key}.language`, language);
  }

  isOpen(): boolean {
    return this.shelf.getItem(`${this.key}.open`) === "1";
  }

  keepOpen(open: boolean): void {
    this.shelf.setItem(`${this.key}.open`, open ? "1" : "0");
  }

  private read<T>(key: string): T | null {
    try {
      return JSON.parse(this.shelf.getItem(key) ?? "null") as T | null;
    } catch {
      return null;
    }
  }

  private write(key: string, value: unknown): void {
    try {
      this.shelf.setItem(key, JSON.stringify(value));
    } catch {
      // A full storage costs the resend after a reload, not the conversation.
    }
  }
}
