/** The widget as a whole: the launcher with its badge, and the panel with header, conversation and composer. */

import type { Chat } from "./chat";
import { Composer } from "./composer";
import { fill, icon, make, put, putText } from "./element";
import { StartForm } from "./form";
import type { Memory } from "./memory";
import { unread } from "./state";
import { Transcript } from "./transcript";
import { queuedText } from "./waiting";
import { say, wordsOf, type Language } from "./words";

export interface PanelOptions {
  title: string;
  topic: string;
  language: Language;
}

export class Panel {
  readonly launcher: HTMLButtonElement;
  readonly element: HTMLElement;
  private readonly badge = make("span", { class: "badge", hidden: true });
  private readonly face = make("span", { class: "face" }, icon("chat"));
  private readonly title = make("h2", { id: "title" });
  private readonly status = make("p", { class: "status", role: "status" });
  private readonly banner = make("p", { class: "banner", role: "status", hidden: true });
  private readonly languageButton = make("button", { type: "button", class: "tool", onclick: () => this.switchLanguage() });
  private readonly leaveButton = make("button", { type: "button", class: "tool", onclick: () => this.ask(true) }, icon("leave"));
  private readonly closeButton = make("button", { type: "button", class: "tool", onclick: () => this.open(false) }, icon("down"));
  private readonly question = make("div", { class: "question", role: "alertdialog", hidden: true, "aria-labelledby": "question" });
  private readonly restart = make("button", { type: "button", class: "primary", onclick: () => this.again() });
  private readonly ended = make("div", { class: "ended", hidden: true }, this.restart);
  private readonly transcript: Transcript;
  private readonly composer: Composer;
  private readonly form: StartForm;
  private language: Language;
  private isOpen = false;
  private waiting = false;
  /** The customer acted and waits for the next part of the panel, which then gets the focus. */
  private focusOnTurn = false;

  constructor(
    private readonly chat: Chat,
    private readonly memory: Memory,
    private readonly options: PanelOptions,
  ) {
    this.language = memory.language() ?? options.language;
    this.transcript = new Transcript({ retry: (id) => chat.retry(id), looked: () => this.looked() });
    this.composer = new Composer({
      say: (text, files) => chat.say(text, files),
      type: () => chat.type(),
      stopTyping: () => chat.stopTyping(),
      upload: (file) => chat.upload(file),
    });
    this.form = new StartForm((name, topic) => this.begin(name, topic), options.topic);
    this.launcher = make("button", { type: "button", class: "launcher", "aria-expanded": "false", onclick: () => this.open(!this.isOpen) }, this.face, this.badge);
    this.element = this.build();
    document.addEventListener("visibilitychange", () => this.looked());
    this.open(memory.isOpen(), false);
  }

  /** Bring the page in line with the chat's state; cheap, and at most once for each animation frame. */
  refresh(): void {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.show();
    });
    // A hidden page gets no animation frames, and its badge and marks should move all the same.
    if (document.visibilityState === "hidden") {
      this.waiting = false;
      this.show();
    }
  }

  private build(): HTMLElement {
    // No landmarks of its own: the page around it has them.
    const head = make(
      "div",
      { class: "head" },
      make("div", { class: "headline" }, this.title, this.status),
      this.languageButton,
      this.leaveButton,
      this.closeButton,
    );
    return make(
      "section",
      { class: "panel", role: "dialog", "aria-labelledby": "title", hidden: true, onkeydown: (event: KeyboardEvent) => this.key(event) },
      head,
      this.banner,
      this.form.element,
      this.transcript.element,
      this.ended,
      this.composer.element,
      this.question,
    );
  }

  private show(): void {
    const { state } = this.chat;
    const words = wordsOf(this.language);
    const talking = state.phase !== "form" && state.phase !== "starting";
    const turned = this.form.element.hidden !== talking;
    this.words();
    this.form.element.hidden = talking;
    this.transcript.element.hidden = !talking;
    this.composer.element.hidden = !talking || state.phase === "ended";
    this.ended.hidden = state.phase !== "ended";
    this.leaveButton.hidden = state.phase !== "live";
    const connected = state.online || state.phase === "form";
    this.banner.hidden = connected;
    putText(this.banner, connected ? "" : state.entries.length || state.pending.length ? words.lost : words.connecting);
    this.form.show(state, words, this.language, this.options.topic);
    this.composer.show(words, state.maxAttachmentMb, state.maxTextLength);
    if (talking) this.transcript.show(state, words, this.language, Date.now());
    putText(this.status, this.statusText());
    this.showBadge();
    if (turned && this.focusOnTurn) {
      this.focusOnTurn = false;
      this.focusInside();
    }
  }

  private words(): void {
    const words = wordsOf(this.language);
    put(this.element, "lang", this.language === "zh" ? "zh-CN" : "en");
    putText(this.title, this.options.title || words.title);
    putText(this.languageButton, this.language === "zh" ? "EN" : "中");
    put(this.languageButton, "aria-label", words.switchLanguage);
    put(this.languageButton, "title", words.switchLanguage);
    put(this.leaveButton, "aria-label", words.end);
    put(this.leaveButton, "title", words.end);
    put(this.closeButton, "aria-label", words.minimize);
    put(this.closeButton, "title", words.minimize);
    putText(this.restart, words.startNew);
  }

  private statusText(): string {
    const { state } = this.chat;
    const words = wordsOf(this.language);
    if (state.phase === "form") return words.subtitle;
    const notice = state.notice;
    if (!notice) return words.waiting;
    switch (notice.kind) {
      case "queued":
        return queuedText(notice, words);
      case "connected":
        return say(words.connected, { name: notice.agent_name || words.someone });
      default:
        return words[notice.kind];
    }
  }

  private showBadge(): void {
    const words = wordsOf(this.language);
    const count = this.isOpen ? 0 : unread(this.chat.state);
    this.badge.hidden = count === 0;
    putText(this.badge, count > 99 ? "99+" : String(count));
    put(this.launcher, "aria-label", this.isOpen ? words.minimize : count ? say(words.openUnread, { count }) : words.open);
    put(this.launcher, "aria-expanded", String(this.isOpen));
  }

  private open(open: boolean, focus = true): void {
    this.isOpen = open;
    this.memory.keepOpen(open);
    this.element.hidden = !open;
    this.launcher.classList.toggle("opened", open);
    fill(this.face, icon(open ? "down" : "chat"));
    if (open) this.chat.connect();
    this.show();
    if (!open) {
      if (focus) this.launcher.focus();
      return;
    }
    this.transcript.toEnd();
    this.looked();
    if (focus) this.focusInside();
  }

  private focusInside(): void {
    if (!this.composer.element.hidden) this.composer.text.focus();
    else if (!this.form.element.hidden) this.form.name.focus();
    else this.restart.focus();
  }

  private begin(name: string, topic: string): void {
    this.chat.start({ name, topic, language: this.language === "zh" ? "zh-CN" : navigator.language || "en" });
    this.focusOnTurn = true;
  }

  private again(): void {
    this.focusOnTurn = true;
    this.chat.again();
  }

  /** Ask before ending; the answer "no" has the focus, so that Enter in haste ends nothing. */
  private ask(asking: boolean): void {
    const words = wordsOf(this.language);
    const no = make("button", { type: "button", class: "plain", onclick: () => this.ask(false) }, words.endNo);
    const yes = make("button", { type: "button", class: "danger", onclick: () => this.leave() }, words.endYes);
    fill(this.question, make("p", { id: "question" }, words.endQuestion), make("div", { class: "answers" }, no, yes));
    this.question.hidden = !asking;
    if (asking) no.focus();
    else this.focusInside();
  }

  private leave(): void {
    this.ask(false);
    this.chat.leave();
  }

  private looked(): void {
    if (this.isOpen && document.visibilityState === "visible" && this.transcript.atEnd()) this.chat.looked();
  }

  private switchLanguage(): void {
    this.language = this.language === "zh" ? "en" : "zh";
    this.memory.keepLanguage(this.language);
    this.show();
  }

  private key(event: KeyboardEvent): void {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    if (this.question.hidden) this.open(false);
    else this.ask(false);
  }
}
