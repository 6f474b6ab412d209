import type { Notice } from "./frames";
import { minutes, queuedText, waitText } from "./waiting";
import { wordsOf } from "./words";

const MINUTE_MS = 60_000;

function queued(ahead: number | null, lowMin = 0, highMin = 0): Notice {
  const wait = { wait_low_ms: lowMin * MINUTE_MS, wait_high_ms: highMin * MINUTE_MS };
  return { type: "notice", kind: "queued", agent_name: "", queue: "cards", ahead, ...wait };
}

it("says a wait in minutes, as people do, in both languages", () => {
  const said = (notice: Notice) => [waitText(notice, wordsOf("en")), waitText(notice, wordsOf("zh"))];
  expect(said(queued(3, 2.2, 3.6))).toEqual(["about 2 to 4 min", "大约2到4分钟"]);
  expect(said(queued(3, 0.3, 1.8))).toEqual(["less than 2 min", "不到2分钟"]);
  expect(said(queued(3, 5, 5))).toEqual(["about 5 min", "大约5分钟"]);
  expect(said(queued(3))).toEqual(["", ""]);
});

it("rounds outwards, more coarsely the longer the wait is", () => {
  expect(minutes(61_000, 119_000)).toEqual([1, 2]);
  expect(minutes(7 * MINUTE_MS, 13 * MINUTE_MS)).toEqual([5, 15]);
  expect(minutes(38 * MINUTE_MS, 61 * MINUTE_MS)).toEqual([30, 70]);
  expect(minutes(200 * MINUTE_MS, 500 * MINUTE_MS)).toEqual([180, 510]);
  expect(minutes(0, 1)).toEqual([0, 1]);
});

it("tells what is known and may be told", () => {
  const words = wordsOf("en");
  expect(queuedText(queued(2), words)).toContain("2 ahead of you.");
  expect(queuedText(queued(2, 2, 4), words)).toContain("2 ahead of you, about 2 to 4 min.");
  expect(queuedText(queued(0), words)).toContain("You are next.");
  expect(queuedText(queued(0, 2, 4), words)).toContain("You are next, about 2 to 4 min.");
  expect(queuedText(queued(null), words)).toContain("We will be with you soon.");
  expect(queuedText(queued(null, 2, 4), words)).toContain("Your wait: about 2 to 4 min.");
});
