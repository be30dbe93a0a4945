// How far a request is: what is done now, how much is sent, and what was chosen.

const one = (id) => document.getElementById(id);

/** Say what is done now. */
export function stage(text) {
  one("progress").hidden = false;
  if (one("stage").textContent !== text) one("stage").textContent = text;
  one("content").setAttribute("aria-busy", "true");
}

/** Say how much is sent, from 0 to 1; null where that is not known. */
export function sent(share) {
  if (share === null) one("sent").removeAttribute("value");
  else one("sent").value = 100 * share;
}

/** Nothing is done now. */
export function finished() {
  one("progress").hidden = true;
  sent(null);
  one("content").removeAttribute("aria-busy");
}

/** Draw what was chosen; from pixels, so that nothing else of the file is on the page. */
export async function show(blob) {
  const canvas = one("preview");
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  canvas.hidden = !blob;
  if (!blob) return;
  try {
    const picture = await createImageBitmap(blob, { resizeHeight: 448, resizeQuality: "low" });
    const side = Math.min(picture.width, picture.height);
    const [left, top] = [(picture.width - side) / 2, (picture.height - side) / 2];
    context.drawImage(picture, left, top, side, side, 0, 0, canvas.width, canvas.height);
    picture.close();
  } catch {
    canvas.hidden = true; // the server says what is wrong with it
  }
}
