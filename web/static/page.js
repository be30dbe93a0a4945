// The page without reloading: check, clean and send a photograph, and show the answer as it comes.
// Without this script the form works all the same, as a form.

import { Camera, hasCamera, middle } from "./camera.js";
import { compare } from "./compare.js";
import { focusOn, paragraph, parsed } from "./dom.js";
import { onDrop } from "./drop.js";
import { failureOf, retryButton } from "./failures.js";
import { isPolyglot, kindOf, stripped } from "./files.js";
import { Frame, opened, trueCanvas } from "./frame.js";
import { Lesions } from "./lesions.js";
import { finished, sent, show, stage } from "./progress.js";

const words = JSON.parse(document.getElementById("words").textContent);
const one = (id) => document.getElementById(id);
const main = one("content");
const first = main.cloneNode(true);

/** Asks once more what was asked last, as it is; null where it could not be asked. */
let repeat = null;
let method = "";
let lookFirst = false;
/** What was asked about the photograph; null where the browser cannot show it. */
let lesions = null;
let [running, taken] = [null, 0];

enhance();
onDrop(take);
one("cancel").addEventListener("click", stop);

/** Give what the server sent its behaviour. */
function enhance() {
  const form = one("ask");
  if (form) {
    const touch = matchMedia("(pointer: coarse)").matches;
    one("drop").hidden = touch;
    one("camera").hidden = !touch;
    one("live").hidden = !hasCamera();
    one("live").firstElementChild.addEventListener("click", viewfinder);
    form.querySelector(".impressions").hidden = true; // the same, where the lesion is framed
    one("send").hidden = true; // what is chosen is framed, and then sent
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
    begin();
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
  if (share && overlay) compare(share, overlay);
  if (again) {
    again.hidden = false;
    one("method").addEventListener("change", () => explain(one("method").value));
  }
}

function startAgain(event) {
  event.preventDefault();
  begin();
  main.replaceChildren(...first.cloneNode(true).childNodes);
  enhance();
  focusOn(main.querySelector("h1"));
}

/** Forget the last photograph, and remember what else the form says. */
function begin() {
  stop();
  lesions?.picture.close();
  lesions = null;
  taken += 1;
  method = one("first-method")?.value ?? method;
  lookFirst = one("look-first")?.checked ?? lookFirst;
}

/** Check a chosen file, take out what the camera wrote, and let the lesion be framed. */
async function take(file) {
  if (!file) return undefined;
  begin();
  const own = taken;
  if (file.size > words.max_bytes) return refuse("too_large");
  stage(words.progress.preparing);
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (own !== taken) return undefined; // another one was chosen meanwhile
  const kind = kindOf(bytes);
  if (!["jpeg", "png", "webp", ...words.optional].includes(kind)) return refuse(kind ?? "not_a_picture");
  if (isPolyglot(bytes)) return refuse("polyglot");
  const clean = stripped(bytes, kind);
  const photograph = new Blob([clean], { type: `image/${kind}` });
  const picture = await opened(photograph);
  if (own !== taken) return undefined;
  if (!picture) return askUnseen(photograph);
  lesions = new Lesions(picture, words.lesions, photograph);
  return frame(lesions.next());
}

/** Show the camera's picture until a photograph is taken. */
async function viewfinder() {
  begin();
  const camera = new Camera(replaced("viewfinder"), words.frame);
  main.querySelector(".shoot").addEventListener("click", async () => {
    const picture = await camera.take();
    lesions = new Lesions(picture, words.lesions);
    frame(middle(picture));
  });
  try {
    await camera.start();
  } catch {
    repeat = null;
    fail({ text: words.denied });
  }
}

/** Let a lesion be framed on the photograph, and ask about the square. */
function frame(square) {
  stop();
  const section = replaced("framing");
  const framed = new Frame(section, lesions.picture, words.frame, square);
  offerToAsk(section, async () => {
    lesions.ask(framed.square, framed.seen);
    if (trueCanvas) return { photograph: await framed.photograph() };
    return { photograph: lesions.file, box: framed.box() };
  });
}

/** Show a section of the page instead of the form. */
function replaced(template) {
  main.replaceChildren(one(template).content.cloneNode(true));
  main.querySelector(".other").addEventListener("click", startAgain);
  focusOn(main.querySelector("h1"));
  return main.querySelector("section");
}

/** Let the model be asked, where a person looks first not before the impression is noted. */
function offerToAsk(section, asked) {
  const [button, impressions] = [".ask", ".impressions"].map((one) => section.querySelector(one));
  impressions.hidden = !lookFirst;
  button.disabled = lookFirst;
  impressions.addEventListener("change", () => {
    button.disabled = false;
  });
  button.addEventListener("click", async () => {
    const impression = section.querySelector("[name=impression]:checked")?.value ?? "";
    ask({ ...(await asked()), impression });
  });
}

/** Ask about a photograph that this browser cannot show: the server takes its centre square. */
function askUnseen(photograph) {
  if (!lookFirst) return ask({ photograph });
  done();
  const section = replaced("framing");
  section.querySelector(".framer").remove();
  section.querySelector("h1").textContent = section.querySelector("legend").textContent;
  return offerToAsk(section, () => ({ photograph }));
}

function ask({ photograph, ...options }) {
  const form = new FormData();
  form.append("photograph", photograph, "photograph"); // not the name that the file has
  for (const [name, value] of Object.entries({ method, ...options })) form.append(name, value);
  send(form, photograph);
}

/** Send a form, show its answer as soon as that has come, and why when that has. */
function send(form, preview) {
  stop();
  const request = new XMLHttpRequest(); // fetch does not say how much is sent
  let shown = false;
  running = request;
  repeat = () => send(form, preview);
  request.open("POST", document.querySelector(".name a").getAttribute("href"));
  request.upload.addEventListener("progress", ({ loaded, total }) => sent(loaded / total));
  request.upload.addEventListener("load", () => {
    sent(null);
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
    if (shown) {
      const rest = [...page.querySelector("main").children];
      while (one("why").nextSibling) one("why").nextSibling.remove(); // a part of it may have come
      one("why").replaceWith(...rest.slice(rest.findIndex((part) => part.id === "why")));
      enhance();
    } else {
      display(page);
    }
    lesions?.answered(main, () => frame(lesions.next()));
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
  const failure = failureOf(told);
  const form = first.querySelector("#ask")?.cloneNode(true);
  const samples = first.querySelector("#samples")?.cloneNode(true);
  main.replaceChildren(failure, ...[form, samples].filter(Boolean));
  enhance();
  offerRetry();
  focusOn(failure.firstElementChild);
}

function offerRetry() {
  if (repeat) main.querySelector(".failure").append(retryButton(words.progress.retry, repeat));
}

function done() {
  running = null;
  finished();
}

function stop() {
  running?.abort();
  done();
}
