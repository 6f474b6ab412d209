import { expect, it } from "vitest";
import type { Centre, Explained } from "./frames";
import { whyLines } from "./why";

const CENTRE: Centre = {
  names: {},
  queues: [{ id: "loans", names: { en: "Loans", zh: "贷款" }, in_target_ms: 1 }],
  agents: [{ id: "grace", name: "Grace", queues: [] }],
  dispositions: [],
  presence_reasons: [],
  skills: [{ id: "cards", names: { en: "Cards", zh: "银行卡" } }],
};

const WHY: Explained = {
  type: "explained",
  ref: "r",
  reservation: "i#1.1",
  decided_at: 1,
  choice: "longest_idle",
  waiting: 1,
  candidates: 3,
  ring: 1,
  rings: 1,
  needs: { skills: { cards: 3, english: 2 }, where: "", agent: "", queues: [] },
  together: false,
  findings: [{ measure: "idle", amount: 41_200 }],
  runner_up: "grace",
  runner_up_ring: 1,
  runner_up_findings: [{ measure: "idle", amount: 8_000 }],
  because: "",
};

it("says what was asked for, how the agent was chosen, and who came next", () => {
  expect(whyLines(WHY, "alice", CENTRE, "en")).toEqual([
    "It needs Cards 3, english 2.",
    "Of 3 who were free, the one free for the longest is asked (free for 0:41).",
    "Without you, Grace would have been asked (free for 0:08).",
  ]);
  expect(whyLines(WHY, "alice", CENTRE, "zh")).toEqual([
    "需要：银行卡 3、english 2。",
    "3 名坐席空闲，分配给空闲最久者（已空闲 0:41）。",
    "若您不空闲，将分配给 Grace（已空闲 0:08）。",
  ]);
});

it("says when it was meant for the agent, and that somebody further out came next", () => {
  const why = { ...WHY, candidates: 2, rings: 2, needs: { skills: {}, where: "", agent: "alice", queues: [] }, runner_up_ring: 2 };
  expect(whyLines(why, "alice", CENTRE, "en")).toEqual([
    "It was meant for you.",
    "Of 2 who were free, the one free for the longest is asked (free for 0:41).",
    "You were in the first of 2 circles that could be asked.",
    "Without you, Grace of circle 2 would have been asked.",
  ]);
});

it("says when the agent is the customer's own, or served them last", () => {
  const mine = { ...WHY, needs: { skills: {}, where: "", agent: "alice", queues: [] } };
  expect(whyLines({ ...mine, because: "last" }, "alice", CENTRE, "en")[0]).toEqual("You served this customer last.");
  expect(whyLines({ ...mine, because: "dedicated" }, "alice", CENTRE, "zh")[0]).toEqual("您是该客户的专属坐席。");
});

it("says when agents were lent, when a batch was assigned, and when nothing was kept", () => {
  const lent = { ...WHY, together: true, ring: 2, rings: 2, runner_up: "", needs: { skills: {}, where: "", agent: "", queues: ["loans"] } };
  expect(whyLines(lent, "alice", CENTRE, "en")).toEqual([
    "Any agent of the queue could take it. Agents of Loans were asked for help.",
    "Several customers and agents were matched at once, the best way for all of them.",
    "Nobody of an inner circle was free: you are in circle 2 of 2.",
  ]);
  expect(whyLines({ ...WHY, decided_at: 0 }, "alice", CENTRE, "zh")).toEqual(["没有保存分配原因。"]);
});
