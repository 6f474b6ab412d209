/**
 * The entry: `<script src="https://chat.example/widget.js" defer></script>` puts the chat on any page.
 *
 * Attributes of the script tag: `data-server` (where the chat server is, if not where the script comes from),
 * `data-title`, `data-topic` (skips the choice), `data-language` (`zh`, `en`), `data-color`.
 */

import { Chat } from "./chat";
import { browserShelf, Memory } from "./memory";
import { Panel } from "./panel";
import styles from "./widget.css?inline";
import { preferredLanguage } from "./words";

const MARK = "trunkline-webchat";

function mount(script: HTMLScriptElement): void {
  if (document.querySelector(MARK)) return;
  const { server, title, topic, language, color } = script.dataset;
  const origin = (server ?? new URL(script.src, location.href).origin).replace(/\/+$/, "");
  const host = document.createElement(MARK);
  // The page's own styles stop at the shadow root, and the widget's do not leak out of it.
  const root = host.attachShadow({ mode: "open" });
  const memory = new Memory(browserShelf(), origin);
  let panel: Panel | null = null;
  const chat = new Chat(origin, memory, () => panel?.refresh());
  panel = new Panel(chat, memory, { title: title ?? "", topic: topic ?? "", language: preferredLanguage(language ?? navigator.language) });
  // A constructed sheet, because a page's content security policy may forbid inline style elements.
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(styles);
  root.adoptedStyleSheets = [sheet];
  root.append(panel.element, panel.launcher);
  if (color && CSS.supports("color", color)) host.style.setProperty("--tl-color", color);
  document.body.append(host);
}

const script = document.currentScript;
if (script instanceof HTMLScriptElement) {
  if (document.body) mount(script);
  else addEventListener("DOMContentLoaded", () => mount(script));
}
