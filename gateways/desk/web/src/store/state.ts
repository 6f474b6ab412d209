/** What the desk shows, as one value, and how each frame of the server changes it. Pure: no React, no clock, no network. */

import type {
  Aside,
  Centre,
  Consult,
  Conversation as ConversationFrame,
  Entry,
  Explained,
  Offer,
  OfferEnded,
  QueueCounters,
  Reservation,
  ServerFrames,
  SignedIn,
  State as StateFrame,
} from "../frames";

export type Presence = StateFrame["presence"];
export type Outcome = OfferEnded["outcome"];

/** A message that is not committed yet. */
export interface Pending {
  ref: string;
  interaction: string;
  text: string;
  attachments: string[];
  names: string[];
  refused: string | null;
  /** For the other agent only. */
  aside: boolean;
}

export interface Chat {
  interaction: string;
  entries: Entry[];
  customerDelivered: number;
  customerRead: number;
  /** When the customer's "is typing" runs out, by this machine's clock; 0 when they are not. */
  typingUntil: number;
  /** The highest entry number that was on screen here. */
  read: number;
  /** What agents say to each other, and the highest number of it that was on screen here. */
  asides: Aside[];
  asidesRead: number;
  /** The consult that goes on. */
  consult: Consult | null;
}

/** What the agent is in a conversation: serves it alone, asks a colleague, or is the colleague. */
export type Part = "serves" | "asks" | "helps";

/** Something that happened which the agent should see once. */
export interface Toast {
  key: number;
  kind: "refused" | "offer_ended" | "consult";
  detail: string;
  outcome?: Outcome;
  /** How a consult ended, for this agent. */
  consult?: ConsultOutcome;
}

export type ConsultOutcome = "unanswered" | "left" | "no_such_queue" | "refused" | "released" | "taken" | "handed_over";

export interface Me {
  agent: string;
  name: string;
  token: string;
}

export interface DeskState {
  phase: "signed_out" | "signing_in" | "resuming" | "signed_in";
  online: boolean;
  clusterUp: boolean;
  me: Me | null;
  centre: Centre;
  presence: Presence;
  presenceReason: string;
  presenceSince: number;
  reservations: Record<string, Reservation>;
  /** Offers that the agent took and the cluster has not granted yet. */
  accepting: ReadonlySet<string>;
  chats: Record<string, Chat>;
  pending: Pending[];
  /** Why this agent was asked, by reservation, as far as it was wanted. */
  explained: Record<string, Explained>;
  queues: QueueCounters[];
  /** The cluster's clock minus this machine's, in ms: the largest sample, which waited the least on its way. */
  skewMs: number | null;
  maxAttachmentMb: number;
  signedOut: { reason: string; detail: string } | null;
  signInProblem: string | null;
  toasts: Toast[];
}

export const TYPING_SHOWN_MS = 6_000;

const NO_CENTRE: Centre = { names: {}, queues: [], agents: [], dispositions: [], presence_reasons: [], skills: [] };

export function emptyDesk(): DeskState {
  return {
    phase: "signed_out",
    online: false,
    clusterUp: true,
    me: null,
    centre: NO_CENTRE,
    presence: "offline",
    presenceReason: "",
    presenceSince: 0,
    reservations: {},
    accepting: new Set(),
    chats: {},
    pending: [],
    explained: {},
    queues: [],
    skewMs: null,
    maxAttachmentMb: 0,
    signedOut: null,
    signInProblem: null,
    toasts: [],
  };
}

export function lastNumber(chat: Chat | undefined): number {
  return chat?.entries.at(-1)?.number ?? 0;
}

/** Whether these entries do not follow on what is held, so that the page must ask for the conversation again. */
export function leavesGap(chat: Chat | undefined, entries: Entry[]): boolean {
  if (!chat) return true;
  let last = lastNumber(chat);
  for (const entry of entries) {
    // A desk is given the last entries only, so an empty chat may begin at any number.
    if (last > 0 && entry.number > last + 1) return true;
    last = Math.max(last, entry.number);
  }
  return false;
}

export function unreadOf(chat: Chat | undefined): number {
  if (!chat) return 0;
  const said = chat.entries.filter((entry) => entry.number > chat.read && entry.author === "customer");
  return said.length + chat.asides.filter((aside) => aside.number > chat.asidesRead).length;
}

export function lastAside(chat: Chat | undefined): number {
  return chat?.asides.at(-1)?.number ?? 0;
}

export function partOf(state: DeskState, interaction: string): Part {
  const consult = state.chats[interaction]?.consult;
  if (!consult) return "serves";
  return consult.asked_by === state.me?.agent ? "asks" : "helps";
}

export function apply(state: DeskState, frame: ServerFrames, now: number): DeskState {
  switch (frame.type) {
    case "welcome":
      return { ...state, maxAttachmentMb: frame.max_attachment_mb };
    case "signed_in":
      return signedIn(state, frame);
    case "signed_out":
      return { ...emptyDesk(), online: state.online, signedOut: { reason: frame.reason, detail: frame.detail } };
    case "state":
      return withState(state, frame, now);
    case "offer":
      return withOffer(state, frame, now);
    case "offer_ended":
      return withoutOffer(state, frame);
    case "conversation":
      return withConversation(state, frame);
    case "entries":
      return withEntries(state, frame.interaction, frame.entries);
    case "asides":
      return withAsides(state, frame.interaction, frame.asides);
    case "consult":
      return withConsult(state, frame.interaction, frame.consult);
    case "typing":
      return withChat(state, frame.interaction, (chat) => ({ ...chat, typingUntil: frame.typing ? now + TYPING_SHOWN_MS : 0 }));
    case "saw":
      return withChat(state, frame.interaction, (chat) => ({
        ...chat,
        customerDelivered: Math.max(chat.customerDelivered, frame.delivered, frame.read),
        customerRead: Math.max(chat.customerRead, frame.read),
      }));
    case "explained":
      return { ...state, explained: { ...state.explained, [frame.reservation]: frame } };
    case "queues":
      return { ...state, queues: frame.queues };
    case "centre":
      return { ...state, centre: frame.centre };
    case "link":
      return { ...state, clusterUp: frame.up };
    case "problem":
      return withToast(state, { kind: "refused", detail: frame.detail });
    case "accepted":
    case "refused":
    case "pong":
      return state;
  }
}

export function withToast(state: DeskState, toast: Omit<Toast, "key">): DeskState {
  const key = (state.toasts.at(-1)?.key ?? 0) + 1;
  return { ...state, toasts: [...state.toasts, { ...toast, key }] };
}

function skewed(state: DeskState, serverNow: number, now: number): number {
  const sample = serverNow - now;
  return state.skewMs === null ? sample : Math.max(state.skewMs, sample);
}

function signedIn(state: DeskState, frame: SignedIn): DeskState {
  const me = { agent: frame.agent, name: frame.name, token: frame.token };
  return { ...state, phase: "signed_in", me, centre: frame.centre, signedOut: null, signInProblem: null };
}

function withState(state: DeskState, frame: StateFrame, now: number): DeskState {
  const reservations = Object.fromEntries(frame.reservations.map((one) => [one.reservation, one]));
  const open = new Set(frame.reservations.map((one) => one.interaction));
  return {
    ...state,
    me: state.me && { ...state.me, name: frame.name || state.me.name },
    presence: frame.presence,
    presenceReason: frame.reason,
    presenceSince: frame.since,
    reservations,
    accepting: new Set([...state.accepting].filter((id) => reservations[id]?.state === "pending")),
    chats: Object.fromEntries(Object.entries(state.chats).filter(([interaction]) => open.has(interaction))),
    pending: state.pending.filter((message) => open.has(message.interaction)),
    explained: Object.fromEntries(Object.entries(state.explained).filter(([id]) => id in reservations)),
    skewMs: skewed(state, frame.now, now),
  };
}

function withOffer(state: DeskState, frame: Offer, now: number): DeskState {
  const { reservation } = frame;
  return {
    ...state,
    reservations: { ...state.reservations, [reservation.reservation]: reservation },
    skewMs: skewed(state, frame.now, now),
  };
}

function withoutOffer(state: DeskState, frame: OfferEnded): DeskState {
  const known = state.reservations[frame.reservation];
  if (!known) return state;
  if (frame.outcome === "wrapping" || frame.outcome === "accepted") {
    return { ...state, reservations: { ...state.reservations, [frame.reservation]: { ...known, state: frame.outcome } } };
  }
  const { [frame.reservation]: _, ...rest } = state.reservations;
  const chosen = frame.outcome === "rejected" || frame.outcome === "completed";
  const gone = { ...state, reservations: rest };
  return chosen ? gone : withToast(gone, { kind: "offer_ended", detail: known.customer.name, outcome: frame.outcome });
}

function withConversation(state: DeskState, frame: ConversationFrame): DeskState {
  const before = state.chats[frame.interaction];
  const ids = new Set([...frame.entries, ...frame.asides].map((line) => line.id));
  const chat: Chat = {
    interaction: frame.interaction,
    // What a longer transcript no longer sends is still here from before.
    entries: joined(before?.entries ?? [], frame.entries),
    customerDelivered: frame.customer_delivered,
    customerRead: frame.customer_read,
    typingUntil: before?.typingUntil ?? 0,
    read: before?.read ?? 0,
    asides: frame.asides,
    // What was said before this page was opened is not news.
    asidesRead: before?.asidesRead ?? frame.asides.at(-1)?.number ?? 0,
    consult: frame.consult,
  };
  return {
    ...state,
    chats: { ...state.chats, [frame.interaction]: chat },
    pending: state.pending.filter((message) => !ids.has(message.ref)),
  };
}

/** `fresh` wins; of `known`, only a part that meets it without a gap is kept. */
function joined(known: Entry[], fresh: Entry[]): Entry[] {
  const first = fresh[0]?.number;
  if (first === undefined) return known;
  const older = known.filter((entry) => entry.number < first);
  const newer = known.filter((entry) => entry.number > (fresh.at(-1)?.number ?? 0));
  return [...(older.at(-1)?.number === first - 1 ? older : []), ...fresh, ...newer];
}

function withEntries(state: DeskState, interaction: string, entries: Entry[]): DeskState {
  const ids = new Set(entries.map((entry) => entry.id));
  const changed = withChat(state, interaction, (chat) => {
    const last = lastNumber(chat);
    const fresh = entries.filter((entry) => entry.number > last);
    const customerSpoke = fresh.some((entry) => entry.author === "customer");
    return { ...chat, entries: [...chat.entries, ...fresh], typingUntil: customerSpoke ? 0 : chat.typingUntil };
  });
  return { ...changed, pending: changed.pending.filter((message) => !ids.has(message.ref)) };
}

function withAsides(state: DeskState, interaction: string, asides: Aside[]): DeskState {
  const ids = new Set(asides.map((aside) => aside.id));
  const changed = withChat(state, interaction, (chat) => {
    const fresh = asides.filter((aside) => aside.number > lastAside(chat));
    const own = fresh.length > 0 && fresh.every((aside) => aside.author_name === state.me?.name);
    const all = [...chat.asides, ...fresh];
    return { ...chat, asides: all, asidesRead: own ? (all.at(-1)?.number ?? 0) : chat.asidesRead };
  });
  return { ...changed, pending: changed.pending.filter((message) => !ids.has(message.ref)) };
}

function withConsult(state: DeskState, interaction: string, consult: Consult): DeskState {
  const over = consult.stage === "ended";
  const changed = withChat(state, interaction, (chat) => ({ ...chat, consult: over ? null : consult }));
  const outcome = over ? outcomeOf(consult, consult.asked_by === state.me?.agent) : null;
  const other = consult.asked_by === state.me?.agent ? consult.agent_name || consult.agent : consult.asked_by_name;
  return outcome ? withToast(changed, { kind: "consult", detail: other, consult: outcome }) : changed;
}

/** What there is to tell this agent about how a consult ended; nothing about what they did themselves. */
function outcomeOf(consult: Consult, asked: boolean): ConsultOutcome | null {
  switch (consult.reason) {
    case "taken_over":
      return asked ? "handed_over" : "taken";
    case "unanswered":
    case "no_such_queue":
    case "refused":
      return asked ? consult.reason : null;
    case "colleague":
      return asked ? "left" : null;
    default:
      return asked ? null : "released";
  }
}

function withChat(state: DeskState, interaction: string, change: (chat: Chat) => Chat): DeskState {
  const chat = state.chats[interaction];
  return chat ? { ...state, chats: { ...state.chats, [interaction]: change(chat) } } : state;
}

/** Offers that ring, the oldest first. */
export function offersOf(state: DeskState): Reservation[] {
  return Object.values(state.reservations)
    .filter((one) => one.state === "pending")
    .sort((a, b) => a.started_at - b.started_at);
}

/** Conversations being served or wrapped up, in the order in which they began. */
export function servedBy(state: DeskState): Reservation[] {
  return Object.values(state.reservations)
    .filter((one) => one.state === "accepted" || one.state === "wrapping")
    .sort((a, b) => a.started_at - b.started_at);
}
