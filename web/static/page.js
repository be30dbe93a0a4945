// The page without reloading: check, clean and send a photograph, and show the answer as it comes.
// Without this script the form works all the same, as a form.

import { isPolyglot, kindOf, stripped } from "./files.js";

const words = JSON.parse(document.getElementById("words").textContent);
const one = (id) => document.getElementById(id);
const main = one("content");
const first = main.cloneNode(true);

/** Asks once more what was asked last, as it is; null where it could not be asked. */
let repeat = null;
let method = "";
let running = null;
let taken = 0;

enhance();
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dropping");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("dropping");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  take(event.dataTransfer.files[0]);
});
one("cancel").addEventListener("click", stop);

/** Give what the server sent its behaviour. */
function enhance() {
  const form = one("ask");
  if (form) {
    const touch = matchMedia("(pointer: coarse)").matches;
    one("drop").hidden = touch;
    one("camera").hidden = !touch;
    one("send").hidden = true; // a photograph is sent when it is chosen
    // An iPhone makes a JPEG of a photograph for a page that does not name HEIC, and should.
    if (!touch && words.optional.length) {
      const names = words.optional.map((kind) => `,image/${kind},.${kind}`);
      one("photograph").accept = `image/jpeg,image/png,image/webp${names.join("")},image/heif,.heif`;
    }
    for (const input of form.querySelectorAll("input[type=file]")) {
      input.addEventListener("change", () => take(input.files[0]));
    }
    form.addEventListener("submit", (event) => event.preventDefault());
  }
  one("samples")?.addEventListener("submit", (event) => {
    event.preventDefault();
    send(new URLSearchParams({ sample: event.submitter.value }), null);
  });
  if (first.querySelector("#ask")) {
    main.querySelector(".actions a")?.addEventListener("click", startAgain);
  }
  const print = one("print");
  if (print) {
    print.hidden = false;
    print.addEventListener("click", () => window.print());
  }
  for (const time of main.querySelectorAll("time")) {
    const format = { dateStyle: "long", timeStyle: "short" };
    time.textContent = new Date(time.dateTime).toLocaleString(words.locale, format);
  }
  enhanceWhy();
}

/** Let the slider lay the coloured picture over the plain one, and another method be chosen. */
function enhanceWhy() {
  const [share, overlay, again] = ["share", "overlay", "again"].map(one);
  if (share && overlay) {
    overlay.closest(".pictures").classList.add("compared");
    share.parentElement.hidden = false;
    const slide = () => {
      overlay.style.setProperty("clip-path", `inset(0 ${100 - share.value}% 0 0)`);
    };
    share.addEventListener("input", slide);
    slide();
  }
  if (again) {
    again.hidden = false;
    one("method").addEventListener("change", () => explain(one("method").value));
  }
}

function startAgain(event) {
  event.preventDefault();
  stop();
  main.replaceChildren(...first.cloneNode(true).childNodes);
  enhance();
  focusOn(main.querySelector("h1"));
}

/** Check a chosen file, take out what the camera wrote, and ask about it. */
async function take(file) {
  if (!file) return undefined;
  stop();
  taken += 1;
  const own = taken;
  method = one("first-method")?.value ?? method;
  if (file.size > words.max_bytes) return refuse("too_large");
  stage(words.progress.preparing);
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (own !== taken) return undefined; // another one was chosen meanwhile
  const kind = kindOf(bytes);
  if (!["jpeg", "png", "webp", ...words.optional].includes(kind)) return refuse(kind ?? "not_a_picture");
  if (isPolyglot(bytes)) return refuse("polyglot");
  const clean = stripped(bytes, kind);
  const photograph = new Blob([clean], { type: `image/${kind}` });
  const form = new FormData();
  form.append("photograph", photograph, "photograph"); // not the name that the file has
  form.append("method", method);
  return send(form, photograph);
}

/** Send a form, show its answer as soon as that has come, and why when that has. */
function send(form, preview) {
  stop();
  const request = new XMLHttpRequest(); // fetch does not say how much is sent
  let shown = false;
  running = request;
  repeat = () => send(form, preview);
  request.open("POST", document.querySelector(".name a").getAttribute("href"));
  request.upload.addEventListener("progress", (event) => {
    one("sent").value = (100 * event.loaded) / event.total;
  });
  request.upload.addEventListener("load", () => {
    one("sent").removeAttribute("value");
    stage(words.progress.asking);
    show(preview);
  });
  request.addEventListener("progress", () => {
    const page = parsed(request.responseText);
    if (shown || request.status !== 200 || !page.getElementById("why")) return;
    shown = true;
    display(page);
    stage(words.progress.explaining);
  });
  request.addEventListener("load", () => {
    const page = parsed(request.responseText);
    done();
    if (!shown) return display(page);
    const rest = [...page.querySelector("main").children];
    while (one("why").nextSibling) one("why").nextSibling.remove(); // a part of it may have come
    one("why").replaceWith(...rest.slice(rest.findIndex((part) => part.id === "why")));
    return enhance();
  });
  request.addEventListener("error", () => {
    if (!shown) return fail({ text: words.progress.lost });
    one("why").append(paragraph(words.progress.lost)); // the answer has come, and stays
    return done();
  });
  stage(words.progress.sending);
  request.send(form);
}

/** Ask for another explanation of the square that is on the page. */
async function explain(chosen) {
  stop();
  method = chosen;
  const controller = new AbortController();
  running = controller;
  stage(words.progress.explaining);
  one("why").setAttribute("aria-busy", "true");
  try {
    const [, base64] = one("seen").src.split(",");
    const square = new Blob([Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0))]);
    const form = new FormData();
    form.append("photograph", square, "photograph");
    form.append("method", chosen);
    form.append("version", one("version").value);
    const address = new URL(document.querySelector(".name a").href);
    address.pathname = "/explanation";
    const request = { method: "POST", body: form, signal: controller.signal };
    const reply = await fetch(address, request);
    const part = parsed(await reply.text());
    one("why").replaceChildren(...(part.querySelector("main") ?? part.body).childNodes);
    enhanceWhy();
    one("method")?.focus();
  } catch (error) {
    if (error.name === "AbortError") return;
    one("why").prepend(paragraph(words.progress.lost));
  }
  one("why").removeAttribute("aria-busy");
  done();
}

function parsed(text) {
  return new DOMParser().parseFromString(text, "text/html");
}

function display(page) {
  document.title = page.title;
  main.replaceChildren(...page.querySelector("main").childNodes);
  enhance();
  if (main.querySelector(".failure")) offerRetry();
  focusOn(main.querySelector("h1"));
}

function refuse(kind) {
  repeat = null;
  fail(words.failures[kind]);
}

/** Show a failure above the form, as the server does. */
function fail(told) {
  done();
  const failure = document.createElement("section");
  failure.className = "failure";
  failure.setAttribute("role", "alert");
  const heading = document.createElement("h1");
  heading.textContent = told.heading || told.text;
  failure.append(heading);
  if (told.heading) failure.append(paragraph(told.text));
  const form = first.querySelector("#ask")?.cloneNode(true);
  const samples = first.querySelector("#samples")?.cloneNode(true);
  main.replaceChildren(failure, ...[form, samples].filter(Boolean));
  enhance();
  offerRetry();
  focusOn(heading);
}

function offerRetry() {
  if (!repeat) return;
  const retry = document.createElement("button");
  retry.type = "button";
  retry.textContent = words.progress.retry;
  retry.addEventListener("click", repeat, { once: true });
  main.querySelector(".failure").append(retry);
}

function paragraph(text) {
  const made = document.createElement("p");
  made.textContent = text;
  return made;
}

/** Draw what was chosen; from pixels, so that nothing else of the file is on the page. */
async function show(blob) {
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

function stage(text) {
  one("progress").hidden = false;
  if (one("stage").textContent !== text) one("stage").textContent = text;
  main.setAttribute("aria-busy", "true");
}

function done() {
  running = null;
  one("progress").hidden = true;
  one("sent").removeAttribute("value");
  main.removeAttribute("aria-busy");
}

function stop() {
  running?.abort();
  done();
}

function focusOn(heading) {
  heading.tabIndex = -1;
  heading.focus();
}
