// Frame the lesion: a square on the chosen photograph, moved and sized by touch, mouse and keyboard.

import { faults } from "./quality.js";

export const SIDE = 224; // pixels per side of what the model sees
const MOST = 3 * SIDE; // pixels per side that are sent: more than that changes no answer
const LEAST = 32; // pixels per side that the service takes
const STAGE = 960; // pixels of the long side of the canvas
const STEP = 0.02; // of the view, for one press of an arrow key
const GROWTH = 1.1; // of the side, for one press of plus
const GRIP = 28; // CSS pixels around the corner that size the square

/**
 * Whether scripts read the pixels that a person sees: some browsers change them, so that nobody is
 * recognised by how a machine draws. There the file itself is sent, with the place of the square.
 */
export const trueCanvas = canvasIsTrue();

/** Decode a photograph as the browser shows it: upright, in sRGB. Null where it cannot. */
export async function opened(blob) {
  try {
    const picture = await createImageBitmap(blob);
    return Math.min(picture.width, picture.height) < LEAST ? null : picture;
  } catch {
    return null; // the server says what is wrong with it
  }
}

function canvasIsTrue() {
  const context = new OffscreenCanvas(16, 16).getContext("2d");
  const colours = Array.from({ length: 16 }, (_, at) => [16 * at, 255 - 16 * at, (53 * at) % 256]);
  colours.forEach((colour, at) => {
    context.fillStyle = `rgb(${colour.join(" ")})`;
    context.fillRect(at, 0, 1, 16);
  });
  const { data } = context.getImageData(0, 0, 16, 16);
  const off = data.map((value, at) => (at % 4 === 3 ? 0 : Math.abs(value - colours[(at >> 2) % 16][at % 4])));
  return off.every((value) => value <= 1);
}

/** The square on a photograph, and the part of the photograph that is shown: both in its pixels. */
export class Frame {
  /** `section` is the template's, with its inputs; `preset` a square, or undefined. */
  constructor(section, picture, words, preset) {
    [this.picture, this.words] = [picture, words];
    const one = (name) => section.querySelector(`.${name}`);
    [this.stage, this.canvas, this.handle] = ["stage", "photograph", "square"].map(one);
    [this.zoom, this.size, this.seen, this.advice] = ["zoom", "size", "seen", "advised"].map(one);
    const scale = Math.min(1, STAGE / Math.max(picture.width, picture.height));
    this.canvas.width = Math.round(picture.width * scale);
    this.canvas.height = Math.round(picture.height * scale);
    this.short = Math.min(picture.width, picture.height);
    one("only").hidden = !trueCanvas;
    one("preset").textContent = preset ? words.preset : words.unset;
    const { width, height } = picture;
    this.square = preset ?? { x: (width - this.short) / 2, y: (height - this.short) / 2, side: this.short };
    this.pointers = new Map();
    this.listen();
    this.place({});
  }

  listen() {
    this.zoom.addEventListener("input", () => this.draw());
    this.size.addEventListener("input", () => this.resize((this.size.value / 100) * this.short));
    this.handle.addEventListener("keydown", (event) => this.press(event));
    for (const name of ["pointerdown", "pointermove", "pointerup", "pointercancel"]) {
      this.stage.addEventListener(name, (event) => this[name](event));
    }
    this.stage.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        this.resize(this.square.side * (event.deltaY < 0 ? 1 / GROWTH : GROWTH));
      },
      { passive: false },
    );
  }

  /** Move or size the square; it stays within the photograph. */
  place({ x = this.square.x, y = this.square.y, side = this.square.side }) {
    const within = (value, most) => Math.min(Math.max(value, 0), most);
    const own = Math.min(Math.max(side, LEAST), this.short);
    this.square = {
      x: within(x, this.picture.width - own),
      y: within(y, this.picture.height - own),
      side: own,
    };
    this.draw();
  }

  /** Size the square about its centre. */
  resize(side) {
    const { x, y, side: old } = this.square;
    const own = Math.min(Math.max(side, LEAST), this.short);
    this.place({ x: x + (old - own) / 2, y: y + (old - own) / 2, side: own });
  }

  press(event) {
    const { x, y, side } = this.square;
    const step = STEP * this.view().width;
    const moves = {
      ArrowLeft: () => this.place({ x: x - step }),
      ArrowRight: () => this.place({ x: x + step }),
      ArrowUp: () => this.place({ y: y - step }),
      ArrowDown: () => this.place({ y: y + step }),
      "+": () => this.resize(side * GROWTH),
      "-": () => this.resize(side / GROWTH),
    };
    if (event.ctrlKey || event.metaKey || !moves[event.key]) return;
    event.preventDefault();
    moves[event.key]();
  }

  /** The part of the photograph that is shown: around the square, as far as it is zoomed. */
  view() {
    const { width, height } = this.picture;
    const most = (0.95 * this.short) / this.square.side; // the whole square stays in view
    const zoom = Math.max(1, Math.min(Number(this.zoom.value), most));
    const [w, h] = [width / zoom, height / zoom];
    const { x, y, side } = this.square;
    const start = (at, part, whole) => Math.min(Math.max(at + side / 2 - part / 2, 0), whole - part);
    return { x: start(x, w, width), y: start(y, h, height), width: w, height: h };
  }

  draw() {
    // Where the square is held, the photograph under it must not move.
    this.shown = this.pointers.size ? this.shown : this.view();
    const { x, y, side } = this.square;
    const percent = (value) => `${(100 * value).toFixed(3)}%`;
    const style = this.handle.style;
    style.setProperty("left", percent((x - this.shown.x) / this.shown.width));
    style.setProperty("top", percent((y - this.shown.y) / this.shown.height));
    style.setProperty("width", percent(side / this.shown.width));
    const share = Math.round((100 * side) / this.short);
    this.size.value = share;
    const [left, top] = [x / this.picture.width, y / this.picture.height].map((at) => Math.round(100 * at));
    this.handle.setAttribute("aria-valuenow", share);
    const value = { left, top, size: share };
    this.handle.setAttribute("aria-valuetext", filled(this.words.value, value));
    this.waiting ??= requestAnimationFrame(() => this.paint());
  }

  paint() {
    this.waiting = null;
    if (!this.canvas.isConnected) return; // left, and the photograph may be gone
    const { x, y, width, height } = this.shown;
    const { canvas } = this;
    canvas.getContext("2d").drawImage(this.picture, x, y, width, height, 0, 0, canvas.width, canvas.height);
    const context = this.cut(this.seen, SIDE);
    if (!trueCanvas) return;
    const { data } = context.getImageData(0, 0, SIDE, SIDE);
    const found = faults(data, SIDE, Math.round(this.square.side));
    const values = { pixels: Math.round(this.square.side), side: SIDE };
    const told = found.map((fault) => filled(this.words.faults[fault], values)).join(" ");
    const advice = told || this.words.good;
    this.advice.classList.toggle("doubt", found.length > 0);
    if (this.advice.textContent !== advice) this.advice.textContent = advice;
  }

  cut(canvas, side) {
    [canvas.width, canvas.height] = [side, side];
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.imageSmoothingQuality = "high";
    const { x, y, side: own } = this.square;
    context.drawImage(this.picture, x, y, own, own, 0, 0, side, side);
    return context;
  }

  /** The square as a PNG of as many pixels as the model can use: nothing around it is sent. */
  async photograph() {
    const side = Math.round(Math.min(this.square.side, MOST));
    const canvas = new OffscreenCanvas(side, side);
    this.cut(canvas, side);
    return canvas.convertToBlob({ type: "image/png" });
  }

  /** The square as the service takes it: shares of the photograph. */
  box() {
    const { x, y, side } = this.square;
    const { width, height } = this.picture;
    return [x / width, y / height, side / width, side / height].map((share) => share.toFixed(6)).join();
  }

  at(event) {
    const box = this.stage.getBoundingClientRect();
    return {
      x: this.shown.x + ((event.clientX - box.left) / box.width) * this.shown.width,
      y: this.shown.y + ((event.clientY - box.top) / box.height) * this.shown.height,
    };
  }

  pointerdown(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    this.handle.focus({ preventScroll: true });
    this.stage.setPointerCapture(event.pointerId);
    const at = this.at(event);
    const { x, y, side } = this.square;
    const grip = (GRIP / this.stage.clientWidth) * this.shown.width;
    if (!this.pointers.size) {
      this.sizing = Math.hypot(at.x - x - side, at.y - y - side) < grip;
      const inside = at.x >= x && at.y >= y && at.x <= x + side && at.y <= y + side;
      // Outside the square: it comes to the finger.
      if (!inside && !this.sizing) this.place({ x: at.x - side / 2, y: at.y - side / 2 });
    }
    this.pointers.set(event.pointerId, at);
  }

  pointermove(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const at = this.at(event);
    const { x, y, side } = this.square;
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (other) {
      const apart = (one) => Math.hypot(one.x - other.x, one.y - other.y);
      this.resize((side * apart(at)) / Math.max(apart(before), 1));
    } else if (this.sizing) {
      const most = Math.min(this.picture.width - x, this.picture.height - y);
      this.place({ side: Math.min(Math.max(at.x - x, at.y - y), most) });
    } else {
      this.place({ x: x + at.x - before.x, y: y + at.y - before.y });
    }
    this.pointers.set(event.pointerId, at);
  }

  pointerup(event) {
    this.pointers.delete(event.pointerId);
    if (!this.pointers.size) this.draw();
  }

  pointercancel(event) {
    this.pointerup(event);
  }
}

/** A text with its {gaps} filled. */
export function filled(text, values) {
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}
