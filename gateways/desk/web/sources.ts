/**
 * A build plugin that writes `sources.sha256` beside the built page: the hash of everything the page is made from, so
 * that a test can tell, without node, whether the committed page is the one that the sources say.
 */

import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import type { Plugin } from "vite";

const SKIPPED = new Set(["node_modules"]);

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (SKIPPED.has(entry.name)) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesBelow(path);
    return entry.name.endsWith(".test.ts") ? [] : [path];
  });
}

/** The hash over the names and contents of all files below `folder` and of `extra`, named relative to `folder`. */
export function hashOf(folder: string, extra: string[]): string {
  const others = extra.flatMap((path) => (statSync(path).isDirectory() ? filesBelow(path) : [path]));
  const files = [...filesBelow(folder), ...others].map((path) => [relative(folder, path).replaceAll("\\", "/"), path] as const);
  const hash = createHash("sha256");
  for (const [name, path] of files.sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`${name}\0${createHash("sha256").update(readFileSync(path)).digest("hex")}\n`);
  }
  return hash.digest("hex");
}

export function recordSources(folder: string, extra: string[] = []): Plugin {
  return {
    name: "record-sources",
    generateBundle() {
      this.emitFile({ type: "asset", fileName: "sources.sha256", source: `${hashOf(folder, extra)}\n` });
    },
  };
}
