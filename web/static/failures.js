// What went wrong, as the server says it.

import { paragraph } from "./dom.js";

/** A section that says what happened; `told` has a text, and mostly a heading. */
export function failureOf(told) {
  const failure = document.createElement("section");
  failure.className = "failure";
  failure.setAttribute("role", "alert");
  const heading = document.createElement("h1");
  heading.textContent = told.heading || told.text;
  failure.append(heading);
  if (told.heading) failure.append(paragraph(told.text));
  return failure;
}

/** A button that works once. */
export function retryButton(text, repeat) {
  const retry = document.createElement("button");
  retry.type = "button";
  retry.textContent = text;
  retry.addEventListener("click", repeat, { once: true });
  return retry;
}
