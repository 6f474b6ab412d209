/** What is asked before a conversation: a name and a topic, both optional. */

import { fill, make, put, putText } from "./element";
import type { Topic } from "./frames";
import { say, type Language, type Words } from "./words";
import type { ChatState } from "./state";

export class StartForm {
  readonly element: HTMLFormElement;
  readonly name: HTMLInputElement;
  private readonly greeting = make("p", { class: "greeting" });
  private readonly gone = make("p", { class: "hint" });
  private readonly problem = make("p", { class: "complaint", role: "alert" });
  private readonly busy = make("p", { class: "hint", role: "status" });
  // A timer is not read aloud each second; the line above it is, once.
  private readonly countdown = make("p", { class: "hint", role: "timer" });
  private readonly nameLabel = make("span");
  private readonly topicLabel = make("span");
  private readonly topic = make("select", { name: "topic" });
  private readonly topicField: HTMLElement;
  private readonly button = make("button", { type: "submit", class: "primary" });
  private shown = "";
  /** The server was busy when this conversation was to begin, and has not taken it yet. */
  private waited = false;

  constructor(start: (name: string, topic: string) => void, fixedTopic: string) {
    this.name = make("input", { name: "name", type: "text", maxlength: "80", autocomplete: "given-name" });
    this.topicField = make("label", { class: "field" }, this.topicLabel, this.topic);
    this.element = make(
      "form",
      {
        class: "start",
        onsubmit: (event: Event) => {
          event.preventDefault();
          start(this.name.value.trim(), fixedTopic || this.topic.value);
        },
      },
      this.greeting,
      this.gone,
      make("label", { class: "field" }, this.nameLabel, this.name),
      this.topicField,
      this.problem,
      this.busy,
      this.countdown,
      this.button,
    );
    this.topicField.hidden = fixedTopic !== "";
  }

  show(state: ChatState, words: Words, language: Language, fixedTopic: string): void {
    putText(this.greeting, words.greeting);
    putText(this.gone, words.gone);
    this.gone.hidden = !state.gone;
    putText(this.nameLabel, words.name);
    putText(this.topicLabel, words.topic);
    this.topicField.hidden = fixedTopic !== "" || state.topics.length < 2;
    putText(this.problem, state.problem ? say(words.refusedStart, { reason: state.problem }) : "");
    this.wait(state, words);
    const busy = state.phase === "starting";
    putText(this.button, busy ? words.starting : words.start);
    put(this.button, "disabled", busy ? "" : null);
    this.offer(state.topics, language);
  }

  private wait(state: ChatState, words: Words): void {
    const trying = state.phase === "starting" && this.waited;
    this.waited = state.phase === "starting" && (state.retryAt !== null || this.waited);
    const left = state.retryAt === null ? 0 : Math.ceil((state.retryAt - Date.now()) / 1_000);
    putText(this.busy, this.waited ? words.busy : "");
    putText(this.countdown, left > 0 ? say(words.retryIn, { count: left }) : trying ? words.retryNow : "");
    this.busy.hidden = !this.waited;
    this.countdown.hidden = !this.countdown.textContent;
  }

  private offer(topics: Topic[], language: Language): void {
    const key = JSON.stringify([language, topics]);
    if (key === this.shown) return;
    this.shown = key;
    const chosen = this.topic.value;
    fill(this.topic, ...topics.map((topic) => make("option", { value: topic.id }, wordingOf(topic, language))));
    if (topics.some((topic) => topic.id === chosen)) this.topic.value = chosen;
  }
}

function wordingOf(topic: Topic, language: Language): string {
  return topic.names[language] ?? topic.names["en"] ?? Object.values(topic.names)[0] ?? topic.id;
}
