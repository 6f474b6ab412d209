/** Where the customer writes: text, files, and the button to send them. */

import { fill, icon, make, put } from "./element";
import { MAX_ATTACHMENTS, type AttachmentInfo } from "./frames";
import { say, type Words } from "./words";

export interface ComposerEvents {
  say(text: string, attachments: AttachmentInfo[]): void;
  type(): void;
  stopTyping(): void;
  upload(file: File): Promise<AttachmentInfo>;
}

interface Chosen {
  file: File;
  info: AttachmentInfo | null;
}

const TALLEST_PX = 120;

export class Composer {
  readonly element: HTMLFormElement;
  readonly text: HTMLTextAreaElement;
  private readonly sendButton: HTMLButtonElement;
  private readonly attachButton: HTMLButtonElement;
  private readonly picker: HTMLInputElement;
  private readonly files: HTMLElement;
  private readonly complaint: HTMLElement;
  private chosen: Chosen[] = [];
  private words!: Words;
  private limitMb = 0;

  constructor(private readonly events: ComposerEvents) {
    this.text = make("textarea", { rows: "1", class: "input", oninput: () => this.typed(), onkeydown: (event: KeyboardEvent) => this.key(event) });
    this.text.addEventListener("paste", (event) => this.add([...(event.clipboardData?.files ?? [])]));
    this.text.addEventListener("blur", () => this.events.stopTyping());
    this.sendButton = make("button", { class: "send", type: "submit", disabled: true }, icon("send"));
    this.picker = make("input", { type: "file", multiple: true, hidden: true, "aria-hidden": "true", tabindex: "-1", onchange: () => this.picked() });
    this.attachButton = make("button", { class: "tool", type: "button", onclick: () => this.picker.click() }, icon("clip"));
    this.files = make("ul", { class: "files", hidden: true });
    this.complaint = make("p", { class: "complaint", role: "alert" });
    this.element = make(
      "form",
      { class: "composer", onsubmit: (event: Event) => this.submit(event) },
      this.complaint,
      this.files,
      make("div", { class: "row" }, this.attachButton, this.picker, this.text, this.sendButton),
    );
    for (const kind of ["dragover", "drop"]) this.element.addEventListener(kind, (event) => event.preventDefault());
    this.element.addEventListener("drop", (event) => this.add([...(event.dataTransfer?.files ?? [])]));
  }

  show(words: Words, limitMb: number, maxLength: number): void {
    this.words = words;
    this.limitMb = limitMb;
    put(this.text, "placeholder", words.placeholder);
    put(this.text, "aria-label", words.placeholder);
    put(this.text, "maxlength", String(maxLength));
    put(this.sendButton, "aria-label", words.send);
    put(this.attachButton, "aria-label", words.attach);
    put(this.attachButton, "title", words.attach);
    this.attachButton.hidden = limitMb <= 0;
  }

  private key(event: KeyboardEvent): void {
    // While an input method composes (Chinese), Enter chooses a word and does not send.
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229) this.submit(event);
  }

  private typed(): void {
    this.text.style.height = "auto";
    this.text.style.height = `${Math.min(this.text.scrollHeight, TALLEST_PX)}px`;
    if (this.text.value.trim()) this.events.type();
    else this.events.stopTyping();
    this.refresh();
  }

  private submit(event: Event): void {
    event.preventDefault();
    const text = this.text.value.trim();
    const ready = this.chosen.map((one) => one.info).filter((info) => info !== null);
    if (ready.length < this.chosen.length || (!text && !ready.length)) return;
    this.events.say(text, ready);
    this.text.value = "";
    this.chosen = [];
    this.complain("");
    this.text.style.height = "auto";
    this.refresh();
    this.text.focus();
  }

  private picked(): void {
    this.add([...(this.picker.files ?? [])]);
    this.picker.value = "";
  }

  private add(files: File[]): void {
    this.complain("");
    for (const file of files) {
      if (this.chosen.length >= MAX_ATTACHMENTS) {
        this.complain(say(this.words.tooMany, { limit: MAX_ATTACHMENTS }));
        return;
      }
      if (file.size > this.limitMb * 1_000_000) {
        this.failed(file, say(this.words.tooLarge, { limit: this.limitMb }));
        continue;
      }
      void this.upload({ file, info: null });
    }
  }

  private async upload(one: Chosen): Promise<void> {
    this.chosen.push(one);
    this.refresh();
    try {
      one.info = await this.events.upload(one.file);
    } catch (error) {
      this.chosen = this.chosen.filter((other) => other !== one);
      this.failed(one.file, error instanceof TypeError ? this.words.offline : String((error as Error).message));
    }
    this.refresh();
  }

  private failed(file: File, reason: string): void {
    this.complain(say(this.words.uploadFailed, { name: file.name, reason }));
  }

  private complain(text: string): void {
    this.complaint.textContent = text;
  }

  private refresh(): void {
    const uploading = this.chosen.some((one) => one.info === null);
    this.sendButton.disabled = uploading || (!this.text.value.trim() && !this.chosen.length);
    this.files.hidden = !this.chosen.length;
    fill(this.files, ...this.chosen.map((one) => this.chip(one)));
  }

  private chip(one: Chosen): HTMLElement {
    const { name } = one.file;
    const remove = (): void => {
      this.chosen = this.chosen.filter((other) => other !== one);
      this.refresh();
      this.text.focus();
    };
    return make(
      "li",
      { class: one.info ? "chip" : "chip busy" },
      icon("file"),
      make("span", { class: "name" }, one.info ? name : say(this.words.uploading, { name })),
      make("button", { type: "button", "aria-label": say(this.words.removeFile, { name }), onclick: remove }, icon("close")),
    );
  }
}
