// Take a photograph with the camera of the device: its picture with the square, and what to do better.

import { SIDE, filled, trueCanvas } from "./frame.js";
import { faults } from "./quality.js";

const SHARE = 0.6; // of the short side: what the square of the preview shows
const EVERY = 500; // milliseconds between two looks at the picture

/** Whether a page may ask for the camera here: not over plain HTTP from another machine. */
export const hasCamera = () => trueCanvas && Boolean(navigator.mediaDevices?.getUserMedia);

/** The square of the preview in a picture, in its pixels. */
export function middle({ width, height }) {
  const side = SHARE * Math.min(width, height);
  return { x: (width - side) / 2, y: (height - side) / 2, side };
}

/** The camera's picture in a section of the page, until a photograph is taken or it is left. */
export class Camera {
  constructor(section, words) {
    [this.words, this.advice] = [words, section.querySelector(".advised")];
    this.video = section.querySelector("video");
    this.square = section.querySelector(".square");
    this.canvas = new OffscreenCanvas(SIDE, SIDE);
  }

  /** Show the picture; rejects where the camera is missing, in use, or not allowed. */
  async start() {
    const wish = { facingMode: "environment", width: { ideal: 4096 }, height: { ideal: 4096 } };
    this.stream = await navigator.mediaDevices.getUserMedia({ video: wish, audio: false });
    this.video.srcObject = this.stream;
    await this.video.play();
    const size = this.size();
    const { x, y, side } = middle(size);
    const style = this.square.style;
    style.setProperty("left", `${(100 * x) / size.width}%`);
    style.setProperty("top", `${(100 * y) / size.height}%`);
    style.setProperty("width", `${(100 * side) / size.width}%`);
    this.timer = setInterval(() => this.look(), EVERY);
  }

  size() {
    return { width: this.video.videoWidth, height: this.video.videoHeight };
  }

  look() {
    if (!this.video.isConnected) return this.stop();
    const { x, y, side } = middle(this.size());
    const context = this.canvas.getContext("2d", { willReadFrequently: true });
    context.imageSmoothingQuality = "high";
    context.drawImage(this.video, x, y, side, side, 0, 0, SIDE, SIDE);
    const { data } = context.getImageData(0, 0, SIDE, SIDE);
    const values = { pixels: Math.round(side), side: SIDE };
    const found = faults(data, SIDE, side).map((fault) => filled(this.words.faults[fault], values));
    const advice = found.join(" ") || this.words.good;
    if (this.advice.textContent !== advice) this.advice.textContent = advice;
    return undefined;
  }

  /** Take the photograph, and let go of the camera. */
  async take() {
    const picture = await createImageBitmap(this.video);
    this.stop();
    return picture;
  }

  stop() {
    clearInterval(this.timer);
    for (const track of this.stream?.getTracks() ?? []) track.stop();
  }
}
