// Small things that several parts of the page do with its elements.

export function parsed(text) {
  return new DOMParser().parseFromString(text, "text/html");
}

export function paragraph(text) {
  const made = document.createElement("p");
  made.textContent = text;
  return made;
}

/** Let a screen reader go on from a heading. */
export function focusOn(heading) {
  heading.tabIndex = -1;
  heading.focus();
}
