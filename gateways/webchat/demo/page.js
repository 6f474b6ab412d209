// The demonstration page in two languages. The widget beside it chooses its own, from the browser or its own button.
"use strict";

const texts = [...document.querySelectorAll("[data-zh]")].map((element) => [element, element.textContent, element.dataset.zh]);
const labels = [...document.querySelectorAll("[data-zh-label]")].map((element) => [
  element,
  element.getAttribute("aria-label"),
  element.dataset.zhLabel,
]);
const button = document.getElementById("language");

function show(chinese) {
  document.documentElement.lang = chinese ? "zh-CN" : "en";
  document.title = chinese ? "海港银行" : "Harbour Bank";
  for (const [element, en, zh] of texts) element.textContent = chinese ? zh : en;
  for (const [element, en, zh] of labels) element.setAttribute("aria-label", chinese ? zh : en);
  button.textContent = chinese ? "English" : "中文";
  button.lang = chinese ? "en" : "zh-CN";
}

button.addEventListener("click", () => show(document.documentElement.lang === "en"));
show(navigator.language.toLowerCase().startsWith("zh"));
