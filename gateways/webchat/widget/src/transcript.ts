/** The conversation: messages, marks, remarks and the typing bubble. Each line is made once and then only touched up. */

import { fill, icon, make, put, putText } from "./element";
import type { AttachmentInfo, Entry } from "./frames";
import type { ChatState, Pending, Remark } from "./state";
import { localeOf, say, type Language, type Words } from "./words";

const NEAR_THE_END_PX = 60;
const CLOSE_TOGETHER_MS = 120_000;

export interface TranscriptEvents {
  retry(id: string): void;
  /** The end of the conversation is on screen. */
  looked(): void;
}

export class Transcript {
  readonly element: HTMLElement;
  private readonly list: HTMLElement;
  private readonly scroller: HTMLElement;
  private readonly jump: HTMLButtonElement;
  private readonly lines = new Map<string, HTMLElement>();
  private language: Language = "en";
  private words!: Words;
  /** The customer looks at the end and wants to go on doing so. */
  private follows = true;

  constructor(private readonly events: TranscriptEvents) {
    this.list = make("div", { class: "lines", role: "log", "aria-live": "polite" });
    this.scroller = make("div", { class: "scroller", tabindex: "0", onscroll: () => this.scrolled() }, this.list);
    this.jump = make("button", { class: "jump", type: "button", hidden: true, onclick: () => this.toEnd() });
    this.element = make("div", { class: "transcript" }, this.scroller, this.jump);
    // A draft of several lines or a banner takes room; the end stays in sight.
    new ResizeObserver(() => this.follows && this.toEnd()).observe(this.scroller);
  }

  /** Show the state; `now` decides whether somebody still types. */
  show(state: ChatState, words: Words, language: Language, now: number): void {
    const wasAtEnd = this.atEnd();
    if (this.language !== language) {
      this.lines.clear();
      this.language = language;
    }
    this.words = words;
    put(this.list, "aria-label", words.transcript);
    putText(this.jump, words.newMessages);
    const added = this.place(this.wanted(state, now));
    const last = state.pending.at(-1);
    if (wasAtEnd || (added && last !== undefined)) this.toEnd();
    else if (added) this.jump.hidden = false;
  }

  toEnd(): void {
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.jump.hidden = true;
    this.scrolled();
  }

  atEnd(): boolean {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    return scrollHeight - scrollTop - clientHeight < NEAR_THE_END_PX;
  }

  private scrolled(): void {
    this.follows = this.atEnd();
    if (!this.follows) return;
    this.jump.hidden = true;
    this.events.looked();
  }

  /** The lines in order. Remarks stand after the entry that they followed. */
  private wanted(state: ChatState, now: number): HTMLElement[] {
    const lines: HTMLElement[] = [];
    let remark = 0;
    const remarksUpTo = (number: number): void => {
      for (let next = state.remarks[remark]; next && next.after <= number; next = state.remarks[++remark]) {
        lines.push(this.remark(next));
      }
    };
    let before: Entry | undefined;
    for (const entry of state.entries) {
      remarksUpTo(entry.number - 1);
      if (!before || !sameDay(before.at, entry.at)) lines.push(this.day(entry.at));
      lines.push(this.entry(entry, before, state));
      before = entry;
    }
    remarksUpTo(Number.MAX_SAFE_INTEGER);
    for (const message of state.pending) lines.push(this.pendingLine(message));
    if (state.typing && state.typing.until > now) lines.push(this.typingLine(state.typing.name));
    return lines;
  }

  /** Make the list hold exactly these lines, touching only what differs; tells whether the last line is new. */
  private place(wanted: HTMLElement[]): boolean {
    const lastBefore = this.list.lastElementChild;
    const keep = new Set<Element>(wanted);
    for (const child of [...this.list.children]) if (!keep.has(child)) child.remove();
    wanted.forEach((line, index) => {
      if (this.list.children[index] !== line) this.list.insertBefore(line, this.list.children[index] ?? null);
    });
    return this.list.lastElementChild !== lastBefore;
  }

  private line(key: string, build: () => HTMLElement): HTMLElement {
    const known = this.lines.get(key);
    if (known) return known;
    const built = build();
    this.lines.set(key, built);
    return built;
  }

  private entry(entry: Entry, before: Entry | undefined, state: ChatState): HTMLElement {
    const mine = entry.author === "customer";
    const grouped =
      before !== undefined &&
      before.author === entry.author &&
      before.author_name === entry.author_name &&
      entry.at - before.at < CLOSE_TOGETHER_MS;
    const line = this.line(`entry ${entry.number}`, () => this.message(entry, mine, grouped));
    if (mine) this.mark(line, entry, state);
    return line;
  }

  private message(entry: Entry, mine: boolean, grouped: boolean): HTMLElement {
    const name = this.authorOf(entry);
    return make(
      "div",
      { class: `line ${mine ? "mine" : "theirs"} ${grouped ? "grouped" : ""}`, "data-number": entry.number },
      !mine && !grouped && make("span", { class: "author" }, name),
      make(
        "div",
        { class: "bubble" },
        make("span", { class: "unseen" }, mine ? `${this.words.you}: ` : `${name}: `),
        entry.text && make("p", { class: "text", dir: "auto" }, ...linked(entry.text)),
        ...entry.attachments.map((file) => this.attachment(file)),
      ),
      make(
        "span",
        { class: "meta" },
        make("time", { datetime: new Date(entry.at).toISOString() }, this.clock(entry.at)),
        mine && make("span", { class: "mark" }),
      ),
    );
  }

  private authorOf(entry: Entry): string {
    if (entry.author_name) return entry.author_name;
    return entry.author === "bot" ? this.words.bot : this.words.someone;
  }

  private mark(line: HTMLElement, entry: Entry, state: ChatState): void {
    const mark = line.querySelector(".mark");
    if (!mark) return;
    const level = entry.number <= state.theyRead ? "read" : entry.number <= state.theyDelivered ? "delivered" : "sent";
    if (mark.getAttribute("data-level") === level) return;
    put(mark, "data-level", level);
    put(mark, "title", this.words[level]);
    fill(mark, icon(level === "sent" ? "once" : "twice"), make("span", { class: "unseen" }, this.words[level]));
  }

  private pendingLine(message: Pending): HTMLElement {
    const line = this.line(`pending ${message.id} ${message.refused ?? ""}`, () =>
      make(
        "div",
        { class: `line mine ${message.refused ? "refused" : "pending"}`, "data-id": message.id },
        make(
          "div",
          { class: "bubble" },
          message.text && make("p", { class: "text", dir: "auto" }, message.text),
          ...message.names.map((name) => make("span", { class: "file" }, icon("file"), make("span", { class: "name" }, name))),
        ),
        message.refused
          ? make(
              "span",
              { class: "meta", role: "alert" },
              say(this.words.failed, { reason: message.refused }),
              make("button", { type: "button", class: "link", onclick: () => this.events.retry(message.id) }, this.words.retry),
            )
          : make("span", { class: "meta" }, make("span", { class: "mark", title: this.words.sending }, icon("clock"))),
      ),
    );
    return line;
  }

  private attachment(file: AttachmentInfo): HTMLElement {
    const picture = file.media_type.startsWith("image/");
    const content = picture
      ? make("img", {
          src: file.url,
          alt: say(this.words.image, { name: file.name }),
          loading: "lazy",
          onload: () => this.grew(),
        })
      : make("span", { class: "file" }, icon("file"), make("span", { class: "name" }, file.name), make("small", {}, size(file.size_bytes)));
    return make(
      "a",
      { class: picture ? "picture" : "download", href: safe(file.url), target: "_blank", rel: "noopener noreferrer", "aria-label": say(this.words.download, { name: file.name }) },
      content,
    );
  }

  /** A picture came in late and pushed the end away. */
  private grew(): void {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    if (scrollHeight - scrollTop - clientHeight < 320) this.toEnd();
  }

  private remark(remark: Remark): HTMLElement {
    return this.line(`remark ${remark.key}`, () => {
      const { kind, agent_name } = remark.notice;
      const wording = kind === "queued" ? this.words.waiting : this.words[kind];
      return make("div", { class: "remark" }, say(wording, { name: agent_name || this.words.someone }));
    });
  }

  private day(at: number): HTMLElement {
    const day = new Date(at);
    return this.line(`day ${day.toDateString()}`, () => {
      const today = sameDay(at, Date.now());
      const format = today ? undefined : new Intl.DateTimeFormat(localeOf(this.language), { dateStyle: "medium" });
      const text = format?.format(day) ?? new Intl.RelativeTimeFormat(this.language, { numeric: "auto" }).format(0, "day");
      return make("div", { class: "day" }, text);
    });
  }

  private typingLine(name: string): HTMLElement {
    return this.line(`typing ${name}`, () =>
      make(
        "div",
        { class: "line theirs typing" },
        make("div", { class: "bubble" }, make("span", { class: "unseen" }, say(this.words.typing, { name: name || this.words.someone })), make("i"), make("i"), make("i")),
      ),
    );
  }

  private clock(at: number): string {
    return new Intl.DateTimeFormat(localeOf(this.language), { hour: "2-digit", minute: "2-digit" }).format(at);
  }
}

function sameDay(a: number, b: number): boolean {
  return new Date(a).toDateString() === new Date(b).toDateString();
}

function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${Math.round(bytes / 1000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** Only web addresses may be followed: an attachment's URL comes from another server. */
function safe(url: string): string {
  return /^https?:\/\//i.test(url) ? url : "about:blank";
}

/** Text with its web addresses as links; everything else stays text, so nothing that is written is ever markup. */
function linked(text: string): (Node | string)[] {
  return text.split(/(https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]，。；：！？）】])/g).map((part, index) =>
    index % 2 === 1 ? make("a", { href: part, target: "_blank", rel: "noopener noreferrer nofollow" }, part) : part,
  );
}
