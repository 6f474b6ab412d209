// Generated from gateways/webchat/frames.py by `python -m gateways.web.typescript`; change that instead.
export const SUBPROTOCOL = "trunkline.webchat.v1";
export const MAX_ATTACHMENTS = 10;

export type PageFrames = Start | Resume | Say | Typing | Saw | Leave | Ping;

export type ServerFrames = Welcome | Ready | Gone | Entries | TheyType | TheySaw | Notice | Accepted | Refused | Problem | Pong;

/** Open a conversation, or find the one that this secret already opened. */
export interface Start {
  type: "start";
  secret: string;
  visitor: string;
  topic?: string;
  name?: string;
  language?: string;
  page?: string;
}

/** Come back to a conversation; `seen` is the highest entry number the page holds, 0 for none. */
export interface Resume {
  type: "resume";
  secret: string;
  seen?: number;
}

/** Write a message; `id` is the page's own and makes sending it again harmless. `attachments` are ids of uploads. */
export interface Say {
  type: "say";
  id: string;
  text?: string;
  attachments?: string[];
}

export interface Typing {
  type: "typing";
  typing: boolean;
}

/** How far entries reached the page, and how far they were on screen; marks never go back. */
export interface Saw {
  type: "saw";
  delivered?: number;
  read?: number;
}

/** The customer ends the conversation. */
export interface Leave {
  type: "leave";
}

/** Answered with `pong`: how a page notices a dead connection. */
export interface Ping {
  type: "ping";
}

/** The first frame, and again when it changes: what this server offers and allows. */
export interface Welcome {
  type: "welcome";
  topics: Topic[];
  max_attachment_mb: number;
  max_text_length: number;
}

/** A choice before the conversation; `names` maps a language to its wording. */
export interface Topic {
  id: string;
  names: Record<string, string>;
}

/** The conversation is open; `resumed` says whether it was before. */
export interface Ready {
  type: "ready";
  conversation: string;
  resumed: boolean;
}

/** There is no such conversation (any more): start a new one with a new secret. */
export interface Gone {
  type: "gone";
}

export interface Entries {
  type: "entries";
  entries: Entry[];
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

export interface TheyType {
  type: "typing";
  typing: boolean;
  name: string;
}

/** How far the agent's desk received and read the conversation. */
export interface TheySaw {
  type: "saw";
  delivered: number;
  read: number;
}

/** A state of the conversation, worded by the page; for `queued`, how many wait in front and how much longer.

    `ahead` is null if it is not to be told; the wait is between `wait_low_ms` and `wait_high_ms`, both 0 if not known. */
export interface Notice {
  type: "notice";
  kind: "closed" | "connected" | "ended" | "joined" | "left" | "queued" | "transferred";
  agent_name: string;
  queue: string;
  ahead: number | null;
  wait_low_ms: number;
  wait_high_ms: number;
}

/** The message is committed; the page need not keep it. */
export interface Accepted {
  type: "accepted";
  id: string;
}

/** The message (or `start`, `leave`) had no effect; worth trying again if `retry_after_ms` is not 0. */
export interface Refused {
  type: "refused";
  id: string;
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
