/**
 * A WebSocket that comes back by itself: with growing, jittered pauses, at once when the browser is online again, and
 * when the server has been silent for too long.
 */

export interface SocketEvents {
  opened(): void;
  frame(content: unknown): void;
  lost(): void;
}

const FIRST_PAUSE_MS = 300;
const LONGEST_PAUSE_MS = 10_000;
const SILENCE_MS = 20_000;
const ANSWER_WITHIN_MS = 8_000;

export class LastingSocket {
  private socket: WebSocket | null = null;
  private failures = 0;
  private retry: number | undefined;
  private silence: number | undefined;
  private stopped = true;

  constructor(
    private readonly url: string,
    private readonly subprotocol: string,
    private readonly events: SocketEvents,
  ) {
    addEventListener("online", () => this.hurry());
    addEventListener("pageshow", () => this.hurry());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.hurry();
    });
  }

  start(): void {
    if (!this.stopped) return;
    this.stopped = false;
    this.connect();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.retry);
    this.discard();
  }

  /** Send now, or not at all: what must arrive is kept by the caller until it is acknowledged. */
  send(frame: unknown): boolean {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(frame));
    return true;
  }

  private connect(): void {
    this.discard();
    const socket = new WebSocket(this.url, this.subprotocol);
    this.socket = socket;
    socket.onopen = () => {
      this.failures = 0;
      this.heard();
      this.events.opened();
    };
    socket.onmessage = (message) => {
      this.heard();
      this.events.frame(JSON.parse(String(message.data)));
    };
    socket.onclose = () => this.fell();
    this.listen(ANSWER_WITHIN_MS, () => this.fell());
  }

  private fell(): void {
    this.discard();
    if (this.stopped) return;
    this.events.lost();
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.failures) * (0.5 + Math.random());
    this.failures += 1;
    clearTimeout(this.retry);
    this.retry = window.setTimeout(() => this.connect(), pause);
  }

  private hurry(): void {
    if (!this.stopped && this.socket === null) {
      clearTimeout(this.retry);
      this.connect();
    }
  }

  private heard(): void {
    this.listen(SILENCE_MS, () => {
      this.send({ type: "ping" });
      this.listen(ANSWER_WITHIN_MS, () => this.fell());
    });
  }

  private listen(withinMs: number, otherwise: () => void): void {
    clearTimeout(this.silence);
    this.silence = window.setTimeout(otherwise, withinMs);
  }

  private discard(): void {
    clearTimeout(this.silence);
    const socket = this.socket;
    this.socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }
}
