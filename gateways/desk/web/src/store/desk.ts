/**
 * The one store of the page: it owns the connection, keeps what is not committed, and tells React when the state changed.
 *
 * What the agent asks for is answered by `accepted` or `refused` with the same `ref`; messages are sent again after a
 * reconnection until they are answered, which their ref makes harmless.
 */

import { LastingSocket } from "../../../../web/browser/lasting-socket";
import { random } from "../../../../web/browser/random";
import { SUBPROTOCOL, type PageFrames, type ServerFrames } from "../frames";
import { Drawer } from "./drawer";
import { apply, emptyDesk, lastAside, lastNumber, leavesGap, withToast, type DeskState, type Pending } from "./state";

const TYPING_EVERY_MS = 3_000;
const MARKS_PAUSE_MS = 250;

type Asked = PageFrames & { ref: string };
/** An `Omit` that keeps the union's members apart. */
type WithoutRef<T> = T extends { ref: string } ? Omit<T, "ref"> : never;
type Answer = (refused: string | null) => void;

export class Desk {
  state: DeskState;
  readonly drawer: Drawer;
  private readonly socket: LastingSocket;
  private readonly listeners = new Set<() => void>();
  private readonly asked = new Map<string, Answer>();
  private credentials: { agent: string; password: string } | null = null;
  private typingSentAt: Record<string, number> = {};
  private sentMarks: Record<string, { delivered: number; read: number }> = {};
  private marksTimer: number | undefined;

  constructor(url: string, storage: Pick<Storage, "getItem" | "setItem">) {
    this.drawer = new Drawer(storage);
    const { me, pending } = this.drawer.content;
    this.state = { ...emptyDesk(), phase: me ? "resuming" : "signed_out", me, pending };
    this.socket = new LastingSocket(url, SUBPROTOCOL, {
      opened: () => this.opened(),
      frame: (content) => this.receive(content as ServerFrames),
      lost: () => this.lost(),
    });
  }

  open(): void {
    this.socket.start();
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  snapshot = (): DeskState => this.state;

  signIn(agent: string, password: string): void {
    this.update({ ...this.state, phase: "signing_in", signInProblem: null, signedOut: null });
    this.credentials = { agent, password };
    if (this.state.online) this.sendCredentials();
  }

  signOut(): void {
    this.ask({ type: "sign_out" });
  }

  setPresence(presence: "available" | "away", reason = ""): void {
    this.ask({ type: "presence", presence, reason });
  }

  accept(reservation: string): void {
    this.update({ ...this.state, accepting: new Set([...this.state.accepting, reservation]) });
    this.ask({ type: "accept", reservation }, (refused) => {
      if (refused === null) return;
      const accepting = new Set(this.state.accepting);
      accepting.delete(reservation);
      this.update({ ...this.state, accepting });
      this.toast(refused);
    });
  }

  reject(reservation: string, reason: string): void {
    this.ask({ type: "reject", reservation, reason });
  }

  /** Not now: the queue asks again after a time of its own. */
  busy(reservation: string): void {
    this.ask({ type: "reject", reservation, reason: "busy", busy: true });
  }

  giveBack(interaction: string, keepPlace: boolean): void {
    this.ask({ type: "give_back", interaction, keep_place: keepPlace });
  }

  end(interaction: string): void {
    this.ask({ type: "end", interaction });
  }

  transfer(interaction: string, queue: string, toAgent: string, done: Answer): void {
    this.ask({ type: "transfer", interaction, queue, to_agent: toAgent }, done);
  }

  askColleague(interaction: string, queue: string, toAgent: string, done: Answer): void {
    this.ask({ type: "ask_colleague", interaction, queue, to_agent: toAgent }, done);
  }

  conference(interaction: string, consult: string): void {
    this.ask({ type: "conference", interaction, consult });
  }

  handOver(interaction: string, consult: string): void {
    this.ask({ type: "hand_over", interaction, consult });
  }

  endConsult(interaction: string, consult: string): void {
    this.ask({ type: "end_consult", interaction, consult });
  }

  wrapUp(reservation: string, disposition: string, note: string): void {
    this.ask({ type: "wrap_up", reservation, disposition, note });
  }

  say(interaction: string, text: string, files: { id: string; name: string }[], aside: boolean): void {
    const attachments = files.map((file) => file.id);
    const names = files.map((file) => file.name);
    const message: Pending = { ref: random(12), interaction, text, attachments, names, refused: null, aside };
    delete this.typingSentAt[interaction];
    this.update({ ...this.state, pending: [...this.state.pending, message] });
    this.sendMessage(message);
  }

  /** Send a refused message again. */
  retry(ref: string): void {
    this.refusePending(ref, null);
    const message = this.state.pending.find((one) => one.ref === ref);
    if (message) this.sendMessage(message);
  }

  /** Give up a refused message. */
  discard(ref: string): void {
    this.update({ ...this.state, pending: this.state.pending.filter((message) => message.ref !== ref) });
  }

  type(interaction: string): void {
    const now = Date.now();
    if (now - (this.typingSentAt[interaction] ?? 0) < TYPING_EVERY_MS) return;
    this.typingSentAt[interaction] = now;
    this.socket.send({ type: "typing", interaction, typing: true });
  }

  stopTyping(interaction: string): void {
    if (this.typingSentAt[interaction]) this.socket.send({ type: "typing", interaction, typing: false });
    delete this.typingSentAt[interaction];
  }

  /** Ask why this agent was asked; it comes into the state, and `answered` is told of a refusal. */
  explain(reservation: string, answered: Answer): void {
    this.ask({ type: "explain", reservation }, answered);
  }

  /** Ask for a whole conversation again. */
  show(interaction: string): void {
    this.socket.send({ type: "show", interaction });
  }

  /** All of this conversation is on screen. */
  looked(interaction: string): void {
    const chat = this.state.chats[interaction];
    const [number, heard] = [lastNumber(chat), lastAside(chat)];
    if (!chat || (number <= chat.read && heard <= chat.asidesRead)) return;
    const looked = { ...chat, read: Math.max(number, chat.read), asidesRead: Math.max(heard, chat.asidesRead) };
    this.update({ ...this.state, chats: { ...this.state.chats, [interaction]: looked } });
  }

  forgetToast(key: number): void {
    this.update({ ...this.state, toasts: this.state.toasts.filter((toast) => toast.key !== key) });
  }

  /** Now, or when the connection is there: an agent who signs in need not know that it broke. */
  private sendCredentials(): void {
    if (!this.credentials) return;
    this.ask({ type: "sign_in", ...this.credentials }, (refused) => {
      this.credentials = null;
      if (refused !== null) this.update({ ...this.state, phase: "signed_out", signInProblem: refused });
    });
  }

  private opened(): void {
    this.update({ ...this.state, online: true, skewMs: null });
    if (this.credentials) return this.sendCredentials();
    const me = this.state.me ?? this.drawer.content.me;
    if (me) this.ask({ type: "resume", agent: me.agent, token: me.token });
  }

  private lost(): void {
    // Whether these were applied is unknown; the state that comes with the reconnection tells.
    this.asked.clear();
    const accepting = new Set<string>();
    this.update({ ...this.state, online: false, accepting });
  }

  private receive(frame: ServerFrames): void {
    if (frame.type === "accepted" || frame.type === "refused") return this.answered(frame.ref, frame.type === "refused" ? frame.detail : null);
    if (frame.type === "entries" && leavesGap(this.state.chats[frame.interaction], frame.entries)) {
      this.show(frame.interaction);
      return;
    }
    if (frame.type === "asides" && (frame.asides[0]?.number ?? 0) > lastAside(this.state.chats[frame.interaction]) + 1) {
      this.show(frame.interaction);
      return;
    }
    const next = apply(this.state, frame, Date.now());
    if (frame.type === "signed_out") this.drawer.empty();
    this.update(next);
    if (frame.type === "explained") this.answered(frame.ref, null);
    if (frame.type === "signed_in") {
      this.sentMarks = {};
      for (const message of next.pending) if (message.refused === null) this.sendMessage(message);
    }
  }

  private answered(ref: string, refused: string | null): void {
    const answer = this.asked.get(ref);
    this.asked.delete(ref);
    if (answer) answer(refused);
    else if (refused !== null) this.toast(refused);
  }

  private ask(frame: WithoutRef<Asked>, answer?: Answer): void {
    const ref = random(9);
    if (!this.socket.send({ ...frame, ref })) {
      this.toast("");
      answer?.("");
      return;
    }
    if (answer) this.asked.set(ref, answer);
  }

  private sendMessage(message: Pending): void {
    const { ref, interaction, text, attachments, aside } = message;
    if (this.state.phase !== "signed_in") return;
    if (this.socket.send({ type: "say", ref, interaction, text, attachments, aside })) {
      this.asked.set(ref, (refused) => refused !== null && this.refusePending(ref, refused));
    }
  }

  private refusePending(ref: string, refused: string | null): void {
    const pending = this.state.pending.map((message) => (message.ref === ref ? { ...message, refused } : message));
    this.update({ ...this.state, pending });
  }

  /** An empty detail stands for "not connected"; the view words it. */
  private toast(detail: string): void {
    this.update(withToast(this.state, { kind: "refused", detail }));
  }

  private markSoon(): void {
    clearTimeout(this.marksTimer);
    this.marksTimer = window.setTimeout(() => {
      for (const chat of Object.values(this.state.chats)) {
        const marks = { delivered: lastNumber(chat), read: chat.read };
        const sent = this.sentMarks[chat.interaction] ?? { delivered: 0, read: 0 };
        const serves = Object.values(this.state.reservations).some(
          (one) => one.interaction === chat.interaction && one.state === "accepted",
        );
        if (!serves || (marks.delivered <= sent.delivered && marks.read <= sent.read)) continue;
        if (this.socket.send({ type: "saw", interaction: chat.interaction, ...marks })) this.sentMarks[chat.interaction] = marks;
      }
    }, MARKS_PAUSE_MS);
  }

  private update(state: DeskState): void {
    const before = this.state;
    this.state = state;
    if (state.pending !== before.pending) this.drawer.keep({ pending: state.pending });
    if (state.me !== before.me && state.me) this.drawer.keep({ me: state.me });
    if (state.chats !== before.chats || state.reservations !== before.reservations) this.markSoon();
    for (const listener of this.listeners) listener();
  }
}
