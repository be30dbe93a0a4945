// Two pictures on top of each other, and a slider between them.

/** Lay the overlay over the plain picture, as far as the slider `share` says. */
export function compare(share, overlay) {
  overlay.closest(".pictures").classList.add("compared");
  share.parentElement.hidden = false;
  const slide = () => {
    overlay.style.setProperty("clip-path", `inset(0 ${100 - share.value}% 0 0)`);
  };
  share.addEventListener("input", slide);
  slide();
}
