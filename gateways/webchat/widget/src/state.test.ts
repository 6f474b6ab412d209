import type { Entry, Notice, ServerFrames } from "./frames";
import { apply, emptyChat, leavesGap, unread, type ChatState } from "./state";
import { say, wordsOf } from "./words";

const NOW = 1_000_000;

function entry(number: number, author: Entry["author"] = "agent"): Entry {
  return { number, id: `m${number}`, author, author_name: "Alice", at: number, text: `${number}`, attachments: [] };
}

function notice(kind: Notice["kind"], agent_name = "", ahead = 0): Notice {
  return { type: "notice", kind, agent_name, queue: "cards", ahead, wait_low_ms: 0, wait_high_ms: 0 };
}

function after(...frames: ServerFrames[]): ChatState {
  return frames.reduce<ChatState>((state, frame) => apply(state, frame, NOW), { ...emptyChat("resuming"), online: true });
}

const entries = (...list: Entry[]): ServerFrames => ({ type: "entries", entries: list });

describe("the transcript", () => {
  it("shows an entry that comes twice once, and notices a gap", () => {
    const state = after(entries(entry(1), entry(2)), entries(entry(2), entry(3)));
    expect(state.entries.map((one) => one.number)).toEqual([1, 2, 3]);
    expect([leavesGap(state, [entry(4)]), leavesGap(state, [entry(5)]), leavesGap(state, [entry(1)])]).toEqual([false, true, false]);
    expect(leavesGap(emptyChat("live"), [entry(2)])).toBe(true);
  });

  it("takes a message from the unsent ones once its entry is there", () => {
    const unsent = { id: "m1", secret: "s", text: "1", attachments: [], names: [], at: 1, refused: null };
    const state = { ...emptyChat("live"), pending: [unsent] };
    expect(apply(state, entries(entry(1, "customer")), NOW).pending).toEqual([]);
  });

  it("keeps a message that may be tried again, and tells why another was refused", () => {
    const unsent = { id: "m1", secret: "s", text: "1", attachments: [], names: [], at: 1, refused: null };
    const state = { ...emptyChat("live"), pending: [unsent] };
    const refused: ServerFrames = { type: "refused", id: "m1", code: "UNAVAILABLE", detail: "busy", retry_after_ms: 100 };
    expect(apply(state, refused, NOW)).toEqual(state);
    expect(apply(state, { ...refused, retry_after_ms: 0 }, NOW).pending[0]?.refused).toBe("busy");
  });

  it("says until when a busy server asks to wait, until it takes the conversation", () => {
    const busy: ServerFrames = { type: "refused", id: "start", code: "RESOURCE_EXHAUSTED", detail: "full", retry_after_ms: 4_000 };
    const waiting = apply(emptyChat("starting"), busy, NOW);
    expect([waiting.phase, waiting.retryAt, waiting.problem]).toEqual(["starting", NOW + 4_000, null]);
    expect(apply(waiting, { type: "ready", conversation: "c", resumed: false }, NOW).retryAt).toBeNull();
    expect(apply(waiting, { ...busy, retry_after_ms: 0 }, NOW)).toMatchObject({ phase: "form", problem: "full", retryAt: null });
  });

  it("counts what others wrote as unread", () => {
    const state = after(entries(entry(1), entry(2, "customer"), entry(3)));
    expect([unread(state), unread({ ...state, read: 1 }), unread({ ...state, read: 3 })]).toEqual([2, 1, 0]);
  });
});

describe("notices", () => {
  it("puts a line into the transcript once for each change", () => {
    const state = after(notice("queued", "", 2), notice("queued", "", 1), entries(entry(1)), notice("connected", "Alice"), notice("connected", "Alice"));
    expect(state.remarks.map((remark) => [remark.notice.kind, remark.after])).toEqual([["connected", 1]]);
    expect(state.agentName).toBe("Alice");
  });

  it("ends the conversation for good", () => {
    const company = after(notice("connected", "Alice"), notice("joined", "Bob"), notice("connected", "Alice"), notice("joined", "Bob"), notice("left", "Bob"), notice("joined", "Bob"));
    expect(company.remarks.map((remark) => remark.notice.kind)).toEqual(["connected", "joined", "left", "joined"]);
    expect([company.notice?.kind, company.agentName]).toEqual(["connected", "Alice"]);
    const ended = after(notice("ended"), { type: "ready", conversation: "c", resumed: true });
    expect(ended.phase).toBe("ended");
  });

  it("begins afresh when the server knows the conversation no more", () => {
    const gone = after(entries(entry(1)), { type: "gone" });
    expect([gone.phase, gone.entries, gone.gone, gone.online]).toEqual(["form", [], true, true]);
  });
});

it("has every wording in both languages, with the same values to fill in", () => {
  const values = (words: Record<string, string>) =>
    Object.entries(words).map(([key, text]) => [key, [...text.matchAll(/\{\w+\}/g)].map(([name]) => name).sort()]);
  expect(values(wordsOf("zh"))).toEqual(values(wordsOf("en")));
  expect(say("{name} is typing", { name: "Alice" })).toBe("Alice is typing");
});
