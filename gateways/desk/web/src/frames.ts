// Generated from gateways/desk/frames.py by `python -m gateways.web.typescript`; change that instead.
export const SUBPROTOCOL = "trunkline.desk.v1";
export const MAX_ATTACHMENTS = 10;

export type PageFrames = SignIn | Resume | SignOut | SetPresence | Accept | Reject | Say | Typing | Saw | Transfer | GiveBack | AskColleague | Conference | HandOver | EndConsult | End | WrapUp | Show | Explain | Ping;

export type ServerFrames = Welcome | SignedIn | CentreChanged | SignedOut | State | Offer | OfferEnded | Conversation | Entries | Asides | ConsultStands | TheyType | TheySaw | Queues | Link | Explained | Accepted | Refused | Problem | Pong;

export interface SignIn {
  type: "sign_in";
  ref: string;
  agent: string;
  password: string;
}

/** Come back with the token of an earlier sign-in. */
export interface Resume {
  type: "resume";
  ref: string;
  agent: string;
  token: string;
}

export interface SignOut {
  type: "sign_out";
  ref: string;
}

export interface SetPresence {
  type: "presence";
  ref: string;
  presence: "available" | "away";
  reason?: string;
}

export interface Accept {
  type: "accept";
  ref: string;
  reservation: string;
}

/** Decline an offer; `busy`: not now, which the queue may remember for another time than not this one. */
export interface Reject {
  type: "reject";
  ref: string;
  reservation: string;
  reason?: string;
  busy?: boolean;
}

/** Write to the customer; `ref` is the message's id, so that sending it again is harmless.

    An `aside`, during a consult or conference, goes to the other agent only. */
export interface Say {
  type: "say";
  ref: string;
  interaction: string;
  text?: string;
  attachments?: string[];
  aside?: boolean;
}

export interface Typing {
  type: "typing";
  interaction: string;
  typing: boolean;
}

/** How far entries reached the page, and how far they were on screen; marks never go back. */
export interface Saw {
  type: "saw";
  interaction: string;
  delivered?: number;
  read?: number;
}

/** Hand the customer to a queue, or to one agent of it. */
export interface Transfer {
  type: "transfer";
  ref: string;
  interaction: string;
  queue: string;
  to_agent?: string;
}

/** Let the customer wait for somebody else in the queue they came from, in their place or behind all who wait. */
export interface GiveBack {
  type: "give_back";
  ref: string;
  interaction: string;
  keep_place?: boolean;
}

/** Ask anybody of a queue for help, or one agent of it; the customer stays. How it goes is told by `consult`. */
export interface AskColleague {
  type: "ask_colleague";
  ref: string;
  interaction: string;
  queue: string;
  to_agent?: string;
}

/** Let the colleague of this consult talk with the customer too. */
export interface Conference {
  type: "conference";
  ref: string;
  interaction: string;
  consult: string;
}

/** Leave the customer to the colleague of this consult. */
export interface HandOver {
  type: "hand_over";
  ref: string;
  interaction: string;
  consult: string;
}

/** End the consult, or stop asking; for the colleague: leave it. */
export interface EndConsult {
  type: "end_consult";
  ref: string;
  interaction: string;
  consult: string;
}

export interface End {
  type: "end";
  ref: string;
  interaction: string;
}

export interface WrapUp {
  type: "wrap_up";
  ref: string;
  reservation: string;
  disposition?: string;
  note?: string;
}

/** The page missed something of a conversation: send all of it. */
export interface Show {
  type: "show";
  interaction: string;
}

/** Ask why the agent got an offer, or what became of it; answered with `explained`. */
export interface Explain {
  type: "explain";
  ref: string;
  reservation: string;
}

/** Answered with `pong`: how a page notices a dead connection. */
export interface Ping {
  type: "ping";
}

/** The first frame. */
export interface Welcome {
  type: "welcome";
  max_attachment_mb: number;
}

export interface SignedIn {
  type: "signed_in";
  agent: string;
  name: string;
  token: string;
  centre: Centre;
}

/** What the agent chooses from. */
export interface Centre {
  names: Record<string, string>;
  queues: QueueInfo[];
  agents: Colleague[];
  dispositions: Named[];
  presence_reasons: Named[];
  skills: Named[];
}

/** `in_target_ms` is the wait that the service level counts as in time. */
export interface QueueInfo {
  id: string;
  names: Record<string, string>;
  in_target_ms: number;
}

/** Another agent, and the queues that they serve. */
export interface Colleague {
  id: string;
  name: string;
  queues: string[];
}

/** Something to choose from; `names` maps a language to its wording. */
export interface Named {
  id: string;
  names: Record<string, string>;
}

/** Another version of the configuration is in force. */
export interface CentreChanged {
  type: "centre";
  centre: Centre;
}

/** This page no longer speaks for the agent. */
export interface SignedOut {
  type: "signed_out";
  reason: "asked" | "elsewhere" | "ended" | "expired";
  detail: string;
}

/** All that the agent has; `now` is the cluster's clock, to count down by. */
export interface State {
  type: "state";
  name: string;
  presence: "available" | "away" | "not_responding" | "offline";
  reason: string;
  since: number;
  reservations: Reservation[];
  now: number;
}

/** One reservation; instants are ms since the epoch by the cluster's clock, `ends_at` 0 for none.

    `asks` is the name of the colleague who asks for help; empty for a customer who waits. */
export interface Reservation {
  reservation: string;
  interaction: string;
  state: "accepted" | "cancelled" | "completed" | "pending" | "rejected" | "rescinded" | "timed_out" | "wrapping";
  queue: string;
  channel: string;
  customer: Person;
  subject: string;
  waited_ms: number;
  started_at: number;
  ends_at: number;
  asks: string;
}

export interface Person {
  id: string;
  name: string;
  language: string;
  attributes: Record<string, string>;
}

export interface Offer {
  type: "offer";
  reservation: Reservation;
  now: number;
}

export interface OfferEnded {
  type: "offer_ended";
  reservation: string;
  interaction: string;
  outcome: "accepted" | "cancelled" | "completed" | "pending" | "rejected" | "rescinded" | "timed_out" | "wrapping";
}

/** A whole conversation: it replaces what the page has of it. */
export interface Conversation {
  type: "conversation";
  interaction: string;
  reservation: string;
  channel: string;
  customer: Person;
  entries: Entry[];
  customer_delivered: number;
  customer_read: number;
  asides: Aside[];
  consult: Consult | null;
}

/** One line of a conversation; `at` is ms since the epoch. */
export interface Entry {
  number: number;
  id: string;
  author: "agent" | "bot" | "customer" | "system";
  author_name: string;
  at: number;
  text: string;
  attachments: AttachmentInfo[];
}

/** A file as messages carry it. */
export interface AttachmentInfo {
  id: string;
  name: string;
  media_type: string;
  size_bytes: number;
  url: string;
}

/** A line between agents, which the customer is not shown; numbered by itself, `after` an entry (0: none). */
export interface Aside {
  number: number;
  id: string;
  author_name: string;
  at: number;
  text: string;
  attachments: AttachmentInfo[];
  after: number;
}

/** A consult: `agent` is the colleague, empty as long as anybody of the queue may be; `reason` is why it ended. */
export interface Consult {
  consult: string;
  stage: "asking" | "conference" | "consulting" | "ended";
  asked_by: string;
  asked_by_name: string;
  queue: string;
  agent: string;
  agent_name: string;
  reason: string;
}

/** New entries; a page skips what it has, and asks with `show` when numbers are missing. */
export interface Entries {
  type: "entries";
  interaction: string;
  entries: Entry[];
}

/** New lines between agents; a page skips what it has, and asks with `show` when numbers are missing. */
export interface Asides {
  type: "asides";
  interaction: string;
  asides: Aside[];
}

/** How the consult about this conversation stands now. */
export interface ConsultStands {
  type: "consult";
  interaction: string;
  consult: Consult;
}

export interface TheyType {
  type: "typing";
  interaction: string;
  typing: boolean;
}

export interface TheySaw {
  type: "saw";
  interaction: string;
  delivered: number;
  read: number;
}

export interface Queues {
  type: "queues";
  queues: QueueCounters[];
}

/** Live figures of one queue; `oldest_at` is 0 when nobody waits, and the totals count from its creation. */
export interface QueueCounters {
  queue: string;
  waiting: number;
  offered: number;
  oldest_at: number;
  entered: number;
  granted: number;
  withdrawn: number;
  granted_in_target: number;
}

/** Whether the desk's server reaches the cluster. */
export interface Link {
  type: "link";
  up: boolean;
}

/** Why the agent was asked; with `decided_at` 0 it is not known. The runner-up would have been asked without them.

    `because` is `dedicated` or `last` where the customer was to go to this agent first. */
export interface Explained {
  type: "explained";
  ref: string;
  reservation: string;
  decided_at: number;
  choice: string;
  waiting: number;
  candidates: number;
  ring: number;
  rings: number;
  needs: Needs;
  together: boolean;
  findings: Finding[];
  runner_up: string;
  runner_up_ring: number;
  runner_up_findings: Finding[];
  because: string;
}

/** What is asked of agents: least levels of skills, an expression, one agent, agents of other queues. */
export interface Needs {
  skills: Record<string, number>;
  where: string;
  agent: string;
  queues: string[];
}

/** One figure that told agents apart, as in `AgentFinding` of the gRPC protocol. */
export interface Finding {
  measure: string;
  amount: number;
}

/** What was asked is committed. */
export interface Accepted {
  type: "accepted";
  ref: string;
}

/** What was asked had no effect; `detail` says what to do instead. */
export interface Refused {
  type: "refused";
  ref: string;
  code: string;
  detail: string;
  retry_after_ms: number;
}

/** The page sent something that cannot be done at all; `detail` says what to send instead. */
export interface Problem {
  type: "problem";
  code: string;
  detail: string;
}

export interface Pong {
  type: "pong";
}
