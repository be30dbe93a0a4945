// Several lesions of one photograph: what was framed, and the answers in one table.

import { filled, trueCanvas } from "./frame.js";
import { presets } from "./outline.js";

const THUMB = 128; // pixels per side of a picture in the table

/** A photograph, the squares that were asked about, and their answers. */
export class Lesions {
  /** `file` is the photograph's, where it is one. */
  constructor(picture, words, file) {
    [this.picture, this.words, this.file] = [picture, words, file];
    this.rows = [];
    this.shown = null;
    this.asked = null;
  }

  /** The likeliest outline that was not asked about yet. */
  next() {
    this.found ??= trueCanvas ? presets(this.picture) : [];
    const within = (at, from, side) => at >= from && at <= from + side;
    const known = (one) =>
      this.rows.some(({ square: { x, y, side } }) =>
        within(one.x + one.side / 2, x, side) && within(one.y + one.side / 2, y, side),
      );
    return this.found.find((one) => !known(one));
  }

  /** Remember what is asked about. */
  ask(square, seen) {
    const thumb = document.createElement("canvas");
    [thumb.width, thumb.height] = [THUMB, THUMB];
    thumb.getContext("2d").drawImage(seen, 0, 0, THUMB, THUMB);
    this.asked = { square, thumb };
  }

  /** Take up the answer that is on the page, and show all of them. */
  answered(main, frame) {
    const answer = main.querySelector(".answer");
    if (answer && this.asked) {
      this.shown = { ...this.asked, ...answer.dataset, number: this.rows.length + 1 };
      this.rows.push(this.shown);
      this.asked = null;
    }
    if (answer && this.shown) this.show(main, frame);
  }

  /** Keep an answer with all that was done to it, before the page shows something else. */
  leave(main) {
    main.querySelector(".several")?.remove();
    if (this.shown) this.shown.nodes = [...main.childNodes];
    this.shown = null;
  }

  show(main, frame) {
    const section = document.getElementById("several").content.cloneNode(true).firstElementChild;
    section.querySelector(".another").addEventListener("click", () => {
      this.leave(main);
      frame();
    });
    section.querySelector(".table").hidden = this.rows.length < 2;
    const sorted = [...this.rows].sort((one, other) => other.probability - one.probability);
    section.querySelector("tbody").append(...sorted.map((row) => this.line(row, main, frame)));
    main.querySelector("#why").after(section);
  }

  line(row, main, frame) {
    const line = document.createElement("tr");
    const title = filled(this.words.number, row);
    const button = document.createElement("button");
    button.type = "button";
    button.className = "plain";
    button.textContent = title;
    button.addEventListener("click", () => {
      if (row === this.shown) return;
      this.leave(main);
      this.shown = row;
      main.replaceChildren(...row.nodes);
      this.show(main, frame);
      main.querySelector("h1").focus();
    });
    if (row === this.shown) button.setAttribute("aria-current", "true");
    row.thumb.setAttribute("role", "img");
    row.thumb.setAttribute("aria-label", title);
    line.append(...[row.thumb, button, row.percent].map((content) => {
      const cell = document.createElement("td");
      cell.append(content);
      return cell;
    }));
    return line;
  }
}
