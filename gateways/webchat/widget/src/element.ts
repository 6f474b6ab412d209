/** A little help for making elements: no framework, so that the widget stays one small file. */

type Child = Node | string | null | undefined | false;

interface Attributes {
  [name: string]: string | number | boolean | null | undefined | ((event: never) => void);
}

/** Make an element; `on…` attributes become listeners, `false` and null are left out, `true` is an empty attribute. */
export function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value as EventListener);
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value === true ? "" : String(value));
  }
  fill(element, ...children);
  return element;
}

export function fill(element: Element, ...children: Child[]): void {
  element.replaceChildren(...children.filter((child): child is Node | string => child !== null && child !== undefined && child !== false));
}

/** Change an attribute only if it differs, so that nothing is announced twice. */
export function put(element: Element, name: string, value: string | null): void {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

export function putText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

const drawings = {
  chat: "M4 5.5A2.5 2.5 0 0 1 6.5 3h11A2.5 2.5 0 0 1 20 5.5v8a2.5 2.5 0 0 1-2.5 2.5H11l-4.3 3.7c-.5.4-1.2.1-1.2-.5V16A2.5 2.5 0 0 1 4 13.5z",
  down: "m5 9 7 7 7-7",
  close: "M6 6l12 12M18 6 6 18",
  send: "M4 12 20 4l-5 16-3.5-6.5z",
  clip: "m8 12.5 6.4-6.4a3.3 3.3 0 0 1 4.7 4.7l-8.5 8.5a5 5 0 0 1-7.1-7.1l8-8",
  file: "M7 3h7l5 5v13H7zM14 3v5h5",
  leave: "M10 4H5v16h5M15 8l4 4-4 4M19 12H9",
  once: "m5 12.5 4.5 4.5L19 7",
  twice: "m2.5 12.5 4.5 4.5 9.5-10M11 16l1 1 9.5-10",
  clock: "M12 7v5l3 2M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17z",
};

/** A line drawing in the text's colour; decoration only, so hidden from screen readers. */
export function icon(name: keyof typeof drawings): SVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "icon");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", drawings[name]);
  svg.append(path);
  return svg;
}
