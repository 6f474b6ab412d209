/**
 * One customer's chat: joins what is remembered, the connection and the state, and tells the view when something changed.
 *
 * A message is remembered before it is sent and until the server says that it is committed; everything unsent is sent
 * again after each reconnection, which its id makes harmless.
 */

import { LastingSocket } from "../../../web/browser/lasting-socket";
import { random } from "../../../web/browser/random";
import { SUBPROTOCOL, type AttachmentInfo, type PageFrames, type ServerFrames } from "./frames";
import { Memory, type Remembered, type Unsent } from "./memory";
import { apply, emptyChat, highest, leavesGap, TYPING_SHOWN_MS, type ChatState } from "./state";

const TYPING_EVERY_MS = 3_000;
const MARKS_PAUSE_MS = 250;

export interface Greeting {
  name: string;
  topic: string;
  language: string;
}

export class Chat {
  state: ChatState;
  private readonly socket: LastingSocket;
  private conversation: Remembered | null;
  private readonly retries = new Map<string, number>();
  private typingSentAt = 0;
  private sentMarks = { delivered: 0, read: 0 };
  private marksTimer: number | undefined;
  private typingTimer: number | undefined;
  /** Moves the countdown while the server is busy. */
  private countdown: number | undefined;
  /** How often `start` was sent; a repeated one may find a conversation that already has entries. */
  private starts = 0;

  constructor(
    private readonly server: string,
    private readonly memory: Memory,
    private readonly changed: () => void,
  ) {
    this.conversation = memory.conversation();
    this.starts = this.conversation ? 1 : 0;
    this.state = this.recalled();
    this.socket = new LastingSocket(`${server.replace(/^http/, "ws")}/ws`, SUBPROTOCOL, {
      opened: () => this.opened(),
      frame: (content) => this.receive(content as ServerFrames),
      lost: () => this.update({ ...this.state, online: false, typing: null }),
    });
    addEventListener("storage", (event) => this.otherTab(event));
    if (this.conversation) this.socket.start();
  }

  /** Connect without a conversation, to learn what the server offers. */
  connect(): void {
    this.socket.start();
  }

  start(greeting: Greeting): void {
    this.conversation = { secret: random(24), started: false, ...greeting };
    this.starts = 0;
    this.memory.keepConversation(this.conversation);
    this.sentMarks = { delivered: 0, read: 0 };
    this.update({ ...this.state, phase: "starting", gone: false, problem: null });
    this.socket.start();
    this.attach();
  }

  /** Forget an ended conversation, so that the next one begins with a new secret. */
  again(): void {
    this.memory.forget();
    this.conversation = null;
    const { topics, maxAttachmentMb, maxTextLength, online } = this.state;
    this.update({ ...emptyChat("form"), topics, maxAttachmentMb, maxTextLength, online });
  }

  say(text: string, attachments: AttachmentInfo[]): void {
    if (!this.conversation) return;
    const message: Unsent = {
      id: random(12),
      secret: this.conversation.secret,
      text,
      attachments: attachments.map((file) => file.id),
      names: attachments.map((file) => file.name),
      at: Date.now(),
    };
    this.memory.keep(message);
    this.typingSentAt = 0;
    this.update({ ...this.state, pending: [...this.state.pending, { ...message, refused: null }] });
    this.sendMessage(message);
  }

  /** Send a refused message again, or give it up. */
  retry(id: string): void {
    const pending = this.state.pending.map((message) => (message.id === id ? { ...message, refused: null } : message));
    this.update({ ...this.state, pending });
    const message = pending.find((one) => one.id === id);
    if (message) this.sendMessage(message);
  }

  leave(): void {
    this.send({ type: "leave" });
  }

  type(): void {
    const now = Date.now();
    if (this.state.phase === "live" && now - this.typingSentAt > TYPING_EVERY_MS) {
      this.typingSentAt = now;
      this.send({ type: "typing", typing: true });
    }
  }

  stopTyping(): void {
    if (this.typingSentAt) this.send({ type: "typing", typing: false });
    this.typingSentAt = 0;
  }

  /** Everything up to here was on screen. */
  looked(): void {
    const number = highest(this.state);
    if (number > this.state.read) this.update({ ...this.state, read: number });
  }

  async upload(file: File): Promise<AttachmentInfo> {
    const response = await fetch(`${this.server}/attachments`, {
      method: "POST",
      body: file,
      headers: {
        authorization: `Bearer ${this.conversation?.secret ?? ""}`,
        "content-type": file.type || "application/octet-stream",
        "x-file-name": encodeURIComponent(file.name),
      },
    });
    const answer = (await response.json()) as AttachmentInfo & { detail?: string };
    if (!response.ok) throw new Error(answer.detail ?? response.statusText);
    return answer;
  }

  private recalled(): ChatState {
    const kept = this.conversation;
    const state = emptyChat(!kept ? "form" : kept.started ? "resuming" : "starting");
    const pending = this.memory.unsent().filter((message) => message.secret === kept?.secret);
    return { ...state, pending: pending.map((message) => ({ ...message, refused: null })) };
  }

  private opened(): void {
    this.update({ ...this.state, online: true });
    this.sentMarks = { delivered: 0, read: 0 };
    this.attach();
  }

  private attach(): void {
    const kept = this.conversation;
    if (!kept) return;
    if (kept.started) this.send({ type: "resume", secret: kept.secret, seen: highest(this.state) });
    else this.sendStart(kept);
  }

  private sendStart(kept: Remembered): void {
    const { secret, topic, name, language } = kept;
    const page = location.origin + location.pathname;
    if (this.send({ type: "start", secret, visitor: this.memory.visitor(), topic, name, language, page: page.slice(0, 500) })) {
      this.starts += 1;
    }
  }

  private receive(frame: ServerFrames): void {
    if (frame.type === "entries" && leavesGap(this.state, frame.entries)) {
      this.attach();
      return;
    }
    if (frame.type === "gone") {
      this.memory.forget();
      this.conversation = null;
    }
    this.update(apply(this.state, frame, Date.now()));
    this.follow(frame);
  }

  private follow(frame: ServerFrames): void {
    if (frame.type === "ready") this.nowLive();
    if (frame.type === "accepted") this.memory.drop(frame.id);
    if (frame.type === "refused") this.refused(frame.id, frame.retry_after_ms);
    this.countDown();
    if (frame.type === "entries") for (const entry of frame.entries) this.memory.drop(entry.id);
    if (frame.type === "typing") {
      clearTimeout(this.typingTimer);
      this.typingTimer = window.setTimeout(() => this.update({ ...this.state, typing: null }), TYPING_SHOWN_MS);
    }
  }

  private nowLive(): void {
    if (this.conversation && !this.conversation.started) {
      this.conversation = { ...this.conversation, started: true };
      this.memory.keepConversation(this.conversation);
      if (this.starts > 1) this.attach();
    }
    for (const message of this.state.pending) if (!message.refused) this.sendMessage(message);
  }

  private refused(id: string, retryAfterMs: number): void {
    if (retryAfterMs > 0) {
      clearTimeout(this.retries.get(id));
      const again = () => (id === "start" ? this.attachAgain() : this.resend(id));
      this.retries.set(id, window.setTimeout(again, retryAfterMs));
    } else if (id === "start") {
      this.memory.forget();
      this.conversation = null;
    } else {
      this.memory.drop(id);
    }
  }

  private attachAgain(): void {
    this.update({ ...this.state, retryAt: null });
    this.countDown();
    this.attach();
  }

  private countDown(): void {
    const counting = this.state.retryAt !== null;
    if (counting && this.countdown === undefined) this.countdown = window.setInterval(this.changed, 1_000);
    if (!counting) {
      clearInterval(this.countdown);
      this.countdown = undefined;
    }
  }

  private resend(id: string): void {
    const message = this.state.pending.find((one) => one.id === id);
    if (message) this.sendMessage(message);
  }

  private sendMessage(message: Unsent): void {
    const { id, text, attachments } = message;
    if (this.conversation?.started) this.send({ type: "say", id, text, attachments });
  }

  /** Tell the cluster how far the conversation got, a little later and only once for a burst. */
  private markSoon(): void {
    const delivered = highest(this.state);
    const read = this.state.read;
    if (delivered <= this.sentMarks.delivered && read <= this.sentMarks.read) return;
    clearTimeout(this.marksTimer);
    this.marksTimer = window.setTimeout(() => {
      if (this.state.online && this.state.phase === "live" && this.send({ type: "saw", delivered, read })) {
        this.sentMarks = { delivered, read };
      }
    }, MARKS_PAUSE_MS);
  }

  private otherTab(event: StorageEvent): void {
    if (event.key !== this.memory.key) return;
    const kept = this.memory.conversation();
    if (kept?.secret === this.conversation?.secret) {
      this.conversation = kept;
      return;
    }
    this.conversation = kept;
    const { topics, maxAttachmentMb, maxTextLength, online } = this.state;
    this.update({ ...this.recalled(), topics, maxAttachmentMb, maxTextLength, online });
    this.attach();
  }

  private send(frame: PageFrames): boolean {
    return this.socket.send(frame);
  }

  private update(state: ChatState): void {
    this.state = state;
    this.markSoon();
    this.changed();
  }
}
