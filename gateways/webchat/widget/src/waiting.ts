/** How a wait is worded: how many are in front, and about how many minutes. Pure. */

import type { Notice } from "./frames";
import { say, type Words } from "./words";

const MINUTE_MS = 60_000;
/** Up to so many minutes in steps of so many; a closer figure would promise what nobody knows. */
const STEPS_MIN: [upTo: number, step: number][] = [[10, 1], [30, 5], [120, 10], [Infinity, 30]];

/** A wait in whole minutes, rounded outwards, so that what is said still holds what was meant. */
export function minutes(lowMs: number, highMs: number): [least: number, most: number] {
  const high = Math.ceil(highMs / MINUTE_MS);
  const step = STEPS_MIN.find(([upTo]) => high <= upTo)?.[1] ?? 1;
  return [Math.floor(lowMs / (MINUTE_MS * step)) * step, Math.max(1, Math.ceil(high / step) * step)];
}

/** "about 2 to 4 min"; empty if the wait is not known. */
export function waitText(notice: Notice, words: Words): string {
  if (!notice.wait_high_ms) return "";
  const [least, most] = minutes(notice.wait_low_ms, notice.wait_high_ms);
  const wording = least === 0 ? words.waitUnder : least === most ? words.waitAbout : words.waitBetween;
  return say(wording, { least, most });
}

/** What somebody who waits reads. */
export function queuedText(notice: Notice, words: Words): string {
  const wait = waitText(notice, words);
  if (notice.ahead === null) return wait ? say(words.queuedHiddenFor, { wait }) : words.queuedHidden;
  if (notice.ahead === 0) return wait ? say(words.queuedNextFor, { wait }) : words.queuedNext;
  return say(wait ? words.queuedFor : words.queued, { count: notice.ahead, wait });
}
