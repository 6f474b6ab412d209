/** What the widget shows, as one value, and how each frame changes it. Pure: no DOM, no clock, no network. */

import type { Entry, Notice, ServerFrames, Topic } from "./frames";
import type { Unsent } from "./memory";

export interface Pending extends Unsent {
  /** Why the server does not want it; sending it again is then the customer's decision. */
  refused: string | null;
}

/** A line between messages that nobody wrote; it stands after the entry with this number. */
export interface Remark {
  key: number;
  after: number;
  notice: Notice;
}

/** `starting` has never been confirmed by the server, `resuming` has, and waits for the connection. */
export type Phase = "form" | "starting" | "resuming" | "live" | "ended";

export interface ChatState {
  online: boolean;
  phase: Phase;
  topics: Topic[];
  maxAttachmentMb: number;
  maxTextLength: number;
  entries: Entry[];
  remarks: Remark[];
  pending: Pending[];
  notice: Notice | null;
  agentName: string;
  theyDelivered: number;
  theyRead: number;
  typing: { name: string; until: number } | null;
  /** The highest number that was on screen here. */
  read: number;
  /** The last conversation is no longer known to the server. */
  gone: boolean;
  problem: string | null;
  /** The server is busy, and the page tries again at this instant. */
  retryAt: number | null;
}

export const TYPING_SHOWN_MS = 6_000;

export function emptyChat(phase: Phase): ChatState {
  return {
    online: false,
    phase,
    topics: [],
    maxAttachmentMb: 0,
    maxTextLength: 8000,
    entries: [],
    remarks: [],
    pending: [],
    notice: null,
    agentName: "",
    theyDelivered: 0,
    theyRead: 0,
    typing: null,
    read: 0,
    gone: false,
    problem: null,
    retryAt: null,
  };
}

export function highest(state: ChatState): number {
  return state.entries.at(-1)?.number ?? 0;
}

/** Whether these entries do not follow on what is held: something was missed, and the page must resume. */
export function leavesGap(state: ChatState, entries: Entry[]): boolean {
  let last = highest(state);
  for (const entry of entries) {
    if (entry.number > last + 1) return true;
    last = Math.max(last, entry.number);
  }
  return false;
}

export function unread(state: ChatState): number {
  return state.entries.filter((entry) => entry.number > state.read && entry.author !== "customer").length;
}

export function apply(state: ChatState, frame: ServerFrames, now: number): ChatState {
  switch (frame.type) {
    case "welcome":
      return {
        ...state,
        topics: frame.topics,
        maxAttachmentMb: frame.max_attachment_mb,
        maxTextLength: frame.max_text_length,
      };
    case "ready":
      return { ...state, phase: state.phase === "ended" ? "ended" : "live", gone: false, problem: null, retryAt: null };
    case "gone":
      return { ...emptyChat("form"), ...offered(state), online: state.online, gone: true };
    case "entries":
      return withEntries(state, frame.entries);
    case "typing":
      return { ...state, typing: frame.typing ? { name: frame.name, until: now + TYPING_SHOWN_MS } : null };
    case "saw":
      return {
        ...state,
        theyDelivered: Math.max(state.theyDelivered, frame.delivered, frame.read),
        theyRead: Math.max(state.theyRead, frame.read),
      };
    case "notice":
      return withNotice(state, frame);
    case "accepted":
      return state;
    case "refused":
      return withRefusal(state, frame.id, frame.detail, frame.retry_after_ms, now);
    case "problem":
      return { ...state, problem: frame.detail };
    case "pong":
      return state;
  }
}

/** Remember what the server offers when everything else is forgotten. */
function offered(state: ChatState): Pick<ChatState, "topics" | "maxAttachmentMb" | "maxTextLength"> {
  return { topics: state.topics, maxAttachmentMb: state.maxAttachmentMb, maxTextLength: state.maxTextLength };
}

function withEntries(state: ChatState, entries: Entry[]): ChatState {
  const last = highest(state);
  const fresh = entries.filter((entry) => entry.number > last);
  const ids = new Set(fresh.map((entry) => entry.id));
  const spoke = fresh.some((entry) => entry.author !== "customer");
  return {
    ...state,
    entries: [...state.entries, ...fresh],
    pending: state.pending.filter((message) => !ids.has(message.id)),
    typing: spoke ? null : state.typing,
  };
}

/** Somebody more joins in, or leaves: a line, while the state of the conversation stays what it is. */
function withCompany(state: ChatState, notice: Notice): ChatState {
  const about = state.remarks.filter(({ notice: said }) => said.agent_name === notice.agent_name).at(-1)?.notice;
  const repeated = about?.kind === notice.kind || (notice.kind === "left" && about === undefined);
  if (repeated) return state;
  return { ...state, typing: null, remarks: [...state.remarks, { key: state.remarks.length + 1, after: highest(state), notice }] };
}

function withNotice(state: ChatState, notice: Notice): ChatState {
  if (notice.kind === "joined" || notice.kind === "left") return withCompany(state, notice);
  const said = state.notice;
  const repeated = said !== null && said.kind === notice.kind && said.agent_name === notice.agent_name;
  const worthALine = !repeated && notice.kind !== "queued";
  const ended = notice.kind === "ended" || notice.kind === "closed";
  return {
    ...state,
    notice,
    agentName: notice.kind === "connected" ? notice.agent_name : state.agentName,
    phase: ended ? "ended" : state.phase,
    typing: notice.kind === "connected" ? state.typing : null,
    remarks: worthALine
      ? [...state.remarks, { key: state.remarks.length + 1, after: highest(state), notice }]
      : state.remarks,
  };
}

function withRefusal(state: ChatState, id: string, detail: string, retryAfterMs: number, now: number): ChatState {
  if (retryAfterMs > 0) return id === "start" ? { ...state, retryAt: now + retryAfterMs } : state;
  if (id === "start") return { ...state, phase: "form", problem: detail, retryAt: null };
  return {
    ...state,
    pending: state.pending.map((message) => (message.id === id ? { ...message, refused: detail } : message)),
  };
}
