// A grid of numbers as colours, whose cells can be chosen by pointer and by keyboard.

import { element } from "./dom.js";
import { rgb } from "./theme.js";

export class Grid {
  /** `describe(i, value)` says in words what a cell is; `onChoose(i)` is called when one is chosen. */
  constructor({ rows, columns, n = rows * columns, label, describe, onChoose, hasLines = false }) {
    Object.assign(this, { rows, columns, n, describe });
    this.canvas = element("canvas", { width: columns, height: rows, "aria-hidden": "true" });
    this.context = this.canvas.getContext("2d");
    this.mark = element("div", { className: "mark", hidden: true });
    this.element = element(
      "div",
      {
        className: "grid",
        role: "slider",
        tabIndex: 0,
        "aria-label": label,
        "aria-valuemin": 0,
        "aria-valuemax": n - 1,
      },
      this.canvas,
      hasLines ? element("div", { className: "lines" }) : null,
      this.mark,
    );
    this.element.style.aspectRatio = `${columns} / ${rows}`;
    this.element.style.setProperty("--columns", columns);
    this.element.style.setProperty("--rows", rows);
    this.values = new Float32Array(n);
    this.current = 0;
    this.select(0, false);
    this.element.addEventListener("click", (event) => {
      const cell = this.cellAt(event);
      if (cell === null) return;
      this.select(cell);
      onChoose(cell);
    });
    this.element.addEventListener("pointermove", (event) => {
      const cell = this.cellAt(event);
      this.element.title = cell === null ? "" : describe(cell, this.values[cell]);
    });
    this.element.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
      const ends = { Home: 0, End: n - 1 };
      if (event.key in steps) this.step(steps[event.key]);
      else if (event.key in ends) this.select(ends[event.key]);
      else if (event.key === "Enter" || event.key === " ") onChoose(this.current);
      else return;
      event.preventDefault();
    });
    this.element.addEventListener("blur", () => (this.mark.hidden = this.isMarked !== true));
  }

  cellAt(event) {
    const box = this.element.getBoundingClientRect();
    const x = Math.floor(((event.clientX - box.left) / box.width) * this.columns);
    const y = Math.floor(((event.clientY - box.top) / box.height) * this.rows);
    const cell = y * this.columns + x;
    const isInside = x >= 0 && y >= 0 && x < this.columns && y < this.rows && cell < this.n;
    return isInside ? cell : null;
  }

  step(by) {
    const next = this.current + by;
    if (next >= 0 && next < this.n) this.select(next);
  }

  /** Make a cell the current one, and say what it is. */
  select(cell, isShown = true) {
    this.current = cell;
    const { style } = this.mark;
    style.left = `${(100 * (cell % this.columns)) / this.columns}%`;
    style.top = `${(100 * Math.floor(cell / this.columns)) / this.rows}%`;
    style.width = `${100 / this.columns}%`;
    style.height = `${100 / this.rows}%`;
    this.mark.hidden = !isShown;
    this.say();
  }

  say() {
    this.element.setAttribute("aria-valuenow", this.current);
    this.element.setAttribute("aria-valuetext", this.describe(this.current, this.values[this.current]));
  }

  /** Mark the cell that is followed; none if null. */
  follow(cell) {
    this.isMarked = cell !== null;
    if (cell === null) this.mark.hidden = true;
    else this.select(cell);
  }

  /** Show numbers: from `low` colour at 0 to `high` at the largest; below 0 the colour of against. */
  show(values, { low = "--cell", high = "--accent", full = null } = {}) {
    this.values = values;
    let most = full ?? 0;
    if (full === null) for (const value of values) most = Math.max(most, Math.abs(value));
    const [base, positive, negative] = [low, high, "--against"].map(rgb);
    const image = this.context.createImageData(this.columns, this.rows);
    for (let i = 0; i < values.length; i++) {
      const share = most ? Math.min(1, Math.abs(values[i]) / most) : 0;
      const end = values[i] < 0 ? negative : positive;
      for (let c = 0; c < 3; c++) image.data[4 * i + c] = base[c] + share * (end[c] - base[c]);
      image.data[4 * i + 3] = 255;
    }
    this.context.putImageData(image, 0, 0);
    this.say();
  }
}
