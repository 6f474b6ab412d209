import { describe, expect, it } from "vitest";
import type { Aside, Consult, Entry, Reservation, ServerFrames, State } from "../frames";
import { apply, emptyDesk, leavesGap, offersOf, partOf, servedBy, unreadOf, type DeskState } from "./state";

const NOW = 1_000_000;
const PERSON = { id: "c1", name: "Nora", language: "en", attributes: {} };

function reservation(number: number, state: Reservation["state"]): Reservation {
  return {
    reservation: `r${number}`,
    interaction: `webchat:${number}/1`,
    state,
    queue: "cards",
    channel: "webchat",
    customer: PERSON,
    subject: "",
    waited_ms: 0,
    started_at: number,
    ends_at: 0,
    asks: "",
  };
}

function entry(number: number, author: Entry["author"] = "customer"): Entry {
  return { number, id: `m${number}`, author, author_name: "", at: number, text: `${number}`, attachments: [] };
}

function stateFrame(...reservations: Reservation[]): State {
  return { type: "state", name: "Alice", presence: "available", reason: "", since: 1, reservations, now: NOW };
}

function conversation(number: number, entries: Entry[]): ServerFrames {
  return {
    type: "conversation",
    interaction: `webchat:${number}/1`,
    reservation: `r${number}`,
    channel: "webchat",
    customer: PERSON,
    entries,
    customer_delivered: 0,
    customer_read: 0,
    asides: [],
    consult: null,
  };
}

function after(...frames: ServerFrames[]): DeskState {
  return frames.reduce<DeskState>((state, frame) => apply(state, frame, NOW), emptyDesk());
}

describe("conversations", () => {
  const at = "webchat:1/1";

  it("shows an entry that comes twice once", () => {
    const more: ServerFrames = { type: "entries", interaction: at, entries: [entry(2), entry(3)] };
    const state = after(stateFrame(reservation(1, "accepted")), conversation(1, [entry(1), entry(2)]), more, more);
    expect(state.chats[at]?.entries.map((one) => one.number)).toEqual([1, 2, 3]);
  });

  it("keeps the beginning that a long conversation no longer sends", () => {
    const known = [1, 2, 3].map((number) => entry(number));
    const state = after(stateFrame(reservation(1, "accepted")), conversation(1, known), conversation(1, [entry(3), entry(4)]));
    expect(state.chats[at]?.entries.map((one) => one.number)).toEqual([1, 2, 3, 4]);
  });

  it("does not join parts that have a gap between them", () => {
    const state = after(stateFrame(reservation(1, "accepted")), conversation(1, [entry(1)]), conversation(1, [entry(5)]));
    expect(state.chats[at]?.entries.map((one) => one.number)).toEqual([5]);
  });

  it("notices missing entries", () => {
    const chat = after(stateFrame(reservation(1, "accepted")), conversation(1, [entry(7)])).chats[at];
    expect([leavesGap(chat, [entry(8)]), leavesGap(chat, [entry(9)]), leavesGap(chat, [entry(3)])]).toEqual([false, true, false]);
    expect(leavesGap(undefined, [entry(1)])).toBe(true);
  });

  it("counts only the customer's entries as unread", () => {
    const state = after(stateFrame(reservation(1, "accepted")), conversation(1, [entry(1), entry(2, "agent"), entry(3)]));
    expect(unreadOf(state.chats[at])).toBe(2);
  });

  it("takes a message from the unsent ones once its entry is there", () => {
    const sent = { ref: "m2", interaction: at, text: "2", attachments: [], names: [], refused: null, aside: false };
    const before = { ...after(stateFrame(reservation(1, "accepted")), conversation(1, [entry(1)])), pending: [sent] };
    expect(apply(before, { type: "entries", interaction: at, entries: [entry(2, "agent")] }, NOW).pending).toEqual([]);
    expect(apply(before, conversation(1, [entry(1), entry(2, "agent")]), NOW).pending).toEqual([]);
  });

  it("moves marks forward only", () => {
    const saw = (delivered: number, read: number): ServerFrames => ({ type: "saw", interaction: at, delivered, read });
    const state = after(stateFrame(reservation(1, "accepted")), conversation(1, [entry(1)]), saw(3, 2), saw(1, 1));
    expect([state.chats[at]?.customerDelivered, state.chats[at]?.customerRead]).toEqual([3, 2]);
  });
});

describe("reservations", () => {
  it("rings until the offer ends, and says why it ended", () => {
    const ringing = after(stateFrame(), { type: "offer", reservation: reservation(1, "pending"), now: NOW });
    expect(offersOf(ringing)).toHaveLength(1);
    const gone = apply(ringing, { type: "offer_ended", reservation: "r1", interaction: "webchat:1/1", outcome: "cancelled" }, NOW);
    expect(offersOf(gone)).toEqual([]);
    expect(gone.toasts.map((toast) => [toast.outcome, toast.detail])).toEqual([["cancelled", "Nora"]]);
  });

  it("says nothing about what the agent did", () => {
    const ringing = after(stateFrame(reservation(1, "pending")));
    const frame: ServerFrames = { type: "offer_ended", reservation: "r1", interaction: "webchat:1/1", outcome: "rejected" };
    expect(apply(ringing, frame, NOW).toasts).toEqual([]);
  });

  it("keeps a conversation while it is wrapped up, and forgets it afterwards", () => {
    const wrapping = after(stateFrame(reservation(1, "accepted")), conversation(1, [entry(1)]), stateFrame(reservation(1, "wrapping")));
    expect(servedBy(wrapping)).toHaveLength(1);
    expect(Object.keys(wrapping.chats)).toEqual(["webchat:1/1"]);
    expect(apply(wrapping, stateFrame(), NOW).chats).toEqual({});
  });

  it("reads the cluster's clock from the fastest message", () => {
    const late: ServerFrames = { ...stateFrame(), now: NOW - 5_000 };
    expect(after(late).skewMs).toBe(-5_000);
    expect(after(late, stateFrame(), late).skewMs).toBe(0);
  });
});

describe("consults", () => {
  const at = "webchat:1/1";
  const CONSULT: Consult = { consult: "webchat:1/2", stage: "consulting", asked_by: "alice", asked_by_name: "Alice", queue: "loans", agent: "bob", agent_name: "Bob", reason: "" };
  const stands = (changes: Partial<Consult> = {}): ServerFrames => ({ type: "consult", interaction: at, consult: { ...CONSULT, ...changes } });
  const aside = (number: number, author_name: string): Aside => ({ number, id: `a${number}`, author_name, at: number, text: "", attachments: [], after: 1 });
  const signed = (agent: string, name: string): DeskState => ({ ...emptyDesk(), me: { agent, name, token: "" } });
  const asAlice = (...frames: ServerFrames[]): DeskState =>
    [stateFrame(reservation(1, "accepted")), conversation(1, [entry(1)]), ...frames].reduce<DeskState>((state, frame) => apply(state, frame, NOW), signed("alice", "Alice"));

  it("knows who asks and who helps", () => {
    const asks = asAlice(stands());
    expect(partOf(asks, at)).toBe("asks");
    expect(partOf({ ...asks, me: { agent: "bob", name: "Bob", token: "" } }, at)).toBe("helps");
    expect(partOf(asAlice(), at)).toBe("serves");
  });

  it("is over when it ended, and says so once it is news", () => {
    const ended = asAlice(stands(), stands({ stage: "ended", reason: "colleague" }));
    expect([partOf(ended, at), ended.toasts.map((toast) => [toast.consult, toast.detail])]).toEqual(["serves", [["left", "Bob"]]]);
    expect(asAlice(stands(), stands({ stage: "ended", reason: "agent" })).toasts).toEqual([]);
  });

  it("shows an aside once, and counts only the colleague's as unread", () => {
    const said: ServerFrames = { type: "asides", interaction: at, asides: [aside(1, "Alice")] };
    const answered: ServerFrames = { type: "asides", interaction: at, asides: [aside(1, "Alice"), aside(2, "Bob")] };
    const state = asAlice(stands(), said, answered, answered);
    expect(state.chats[at]?.asides.map((one) => one.number)).toEqual([1, 2]);
    expect(unreadOf(state.chats[at])).toBe(2);
    expect(unreadOf(asAlice(stands(), said).chats[at])).toBe(1);
  });
});

describe("signing out", () => {
  it("forgets everything but the connection", () => {
    const state = after(stateFrame(reservation(1, "accepted")), conversation(1, [entry(1)]), {
      type: "signed_out",
      reason: "elsewhere",
      detail: "",
    });
    expect(state).toEqual({ ...emptyDesk(), signedOut: { reason: "elsewhere", detail: "" } });
  });
});
