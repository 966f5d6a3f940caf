// The pad: draw by mouse, pen, touch or keyboard; undo and redo; or show a picture.

import { PEN, UNITS, drawStrokes, isFarther } from "./strokes.js";
import { colour } from "./theme.js";

const STEP = 25; // of the keyboard's pen
const RASTER = 168; // pixels of the side of the drawing as it is read

export class Pad {
  /** `onChange(start)` is called after each change, with the time of the event that made it. */
  constructor(canvas, onChange) {
    this.canvas = canvas;
    this.onChange = onChange;
    this.states = [[]]; // lists of strokes; lists are never changed, so undo is a step back
    this.at = 0;
    this.stroke = null;
    this.pointer = null;
    this.picture = null; // a canvas
    this.boxes = [];
    this.cursor = { x: UNITS / 2, y: UNITS / 2, isShown: false };
    this.raster = document.createElement("canvas");
    this.raster.width = this.raster.height = RASTER;
    this.rasterContext = this.raster.getContext("2d", { willReadFrequently: true });
    canvas.addEventListener("pointerdown", (event) => this.begin(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", (event) => this.end(event));
    canvas.addEventListener("pointercancel", (event) => this.end(event));
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("blur", () => this.liftKeyboard());
    new ResizeObserver(() => this.resize()).observe(canvas);
  }

  get strokes() {
    const strokes = this.states[this.at];
    return this.stroke === null ? strokes : [...strokes, this.stroke];
  }

  get isEmpty() {
    return this.picture === null && this.strokes.length === 0;
  }

  get canUndo() {
    return this.at > 0;
  }

  get canRedo() {
    return this.at < this.states.length - 1;
  }

  /** Replace what is drawn, as a step that can be undone. */
  put(strokes, start = performance.now()) {
    this.states = [...this.states.slice(0, this.at + 1), strokes];
    this.at = this.states.length - 1;
    this.onChange(start);
  }

  step(by) {
    if (this.picture !== null) this.picture = null;
    else this.at = Math.min(Math.max(this.at + by, 0), this.states.length - 1);
    this.onChange(performance.now());
  }

  clear() {
    this.picture = null;
    if (this.strokes.length) this.put([]);
    else this.onChange(performance.now());
  }

  show(picture) {
    this.stroke = null;
    this.pointer = null; // what is still pressed draws no more
    if (this.states[this.at].length) this.put([]);
    this.picture = picture;
    this.onChange(performance.now());
  }

  point(event) {
    const box = this.canvas.getBoundingClientRect();
    const place = (value, length) => Math.round(Math.min(Math.max(value / length, 0), 1) * UNITS);
    const hasPressure = event.pointerType === "pen" && event.pressure > 0;
    return {
      x: place(event.clientX - box.left, box.width),
      y: place(event.clientY - box.top, box.height),
      width: hasPressure ? Math.round(PEN * (0.55 + 0.9 * event.pressure)) : PEN,
    };
  }

  begin(event) {
    if (this.pointer !== null || event.button > 0) return;
    event.preventDefault();
    this.canvas.focus({ preventScroll: true });
    this.liftKeyboard();
    this.canvas.classList.add("pointed");
    this.pointer = event.pointerId;
    this.canvas.setPointerCapture(event.pointerId);
    this.cursor.isShown = false;
    this.picture = null;
    this.stroke = [this.point(event)];
    this.onChange(event.timeStamp);
  }

  move(event) {
    if (event.pointerId !== this.pointer) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const one of events.length ? events : [event]) this.extend(this.point(one));
    this.onChange(event.timeStamp);
  }

  extend(point) {
    if (this.stroke === null) return;
    if (isFarther(this.stroke, point)) this.stroke = [...this.stroke, point];
  }

  end(event) {
    if (event.pointerId !== this.pointer) return;
    this.pointer = null;
    this.finish(event.timeStamp);
  }

  finish(start) {
    const strokes = this.strokes;
    this.stroke = null;
    this.put(strokes, start);
  }

  /** Arrows move the keyboard's pen; space puts it down and lifts it. */
  key(event) {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const move = moves[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey || this.pointer !== null) return;
    if (move === undefined && event.key !== " ") return;
    event.preventDefault();
    this.cursor.isShown = true;
    this.canvas.classList.remove("pointed");
    if (event.key === " ") {
      if (this.stroke !== null) {
        this.finish(event.timeStamp);
        return;
      }
      this.picture = null;
      this.stroke = [{ x: this.cursor.x, y: this.cursor.y, width: PEN }];
    } else {
      const step = event.shiftKey ? STEP * 4 : STEP;
      const within = (value) => Math.min(Math.max(value, 0), UNITS);
      this.cursor.x = within(this.cursor.x + move[0] * step);
      this.cursor.y = within(this.cursor.y + move[1] * step);
      this.extend({ x: this.cursor.x, y: this.cursor.y, width: PEN });
    }
    this.onChange(event.timeStamp);
  }

  liftKeyboard() {
    this.cursor.isShown = false;
    this.canvas.classList.remove("pointed");
    if (this.stroke !== null && this.pointer === null) this.finish(performance.now());
    else this.draw();
  }

  /** The pixels to read: black ink on white paper, of strokes if given, or of the picture. */
  pixels(strokes = null) {
    if (strokes === null && this.picture !== null) {
      const { width, height } = this.picture;
      return this.picture.getContext("2d").getImageData(0, 0, width, height);
    }
    this.rasterContext.fillStyle = "#fff";
    this.rasterContext.fillRect(0, 0, RASTER, RASTER);
    drawStrokes(this.rasterContext, strokes ?? this.strokes, RASTER, "#000");
    return this.rasterContext.getImageData(0, 0, RASTER, RASTER);
  }

  /** Boxes of characters to mark: shares of the sides, { top, left, bottom, right, isChosen }. */
  mark(boxes) {
    this.boxes = boxes;
    this.draw();
  }

  resize() {
    const side = Math.round(this.canvas.clientWidth * (window.devicePixelRatio || 1));
    if (side > 0 && this.canvas.width !== side) this.canvas.width = this.canvas.height = side;
    this.draw();
  }

  draw() {
    const { canvas, picture } = this;
    const side = canvas.width;
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, side, side);
    let frame = [0, 0, side, side];
    if (picture !== null) {
      const scale = Math.min(side / picture.width, side / picture.height);
      const [width, height] = [picture.width * scale, picture.height * scale];
      frame = [(side - width) / 2, (side - height) / 2, width, height];
      context.imageSmoothingEnabled = scale < 4;
      context.imageSmoothingQuality = "high";
      context.drawImage(picture, ...frame);
    } else {
      drawStrokes(context, this.strokes, side, colour("--ink"));
    }
    const line = Math.max(2, side / 250);
    for (const { top, left, bottom, right, isChosen } of this.boxes) {
      context.lineWidth = isChosen ? 2 * line : line;
      context.strokeStyle = colour("--accent");
      context.strokeRect(
        frame[0] + left * frame[2] - line,
        frame[1] + top * frame[3] - line,
        (right - left) * frame[2] + 2 * line,
        (bottom - top) * frame[3] + 2 * line,
      );
    }
    if (this.cursor.isShown) {
      const [x, y] = [(this.cursor.x / UNITS) * side, (this.cursor.y / UNITS) * side];
      const reach = (PEN / UNITS) * side;
      context.lineWidth = line;
      context.strokeStyle = colour("--accent");
      context.beginPath();
      context.moveTo(x - reach, y);
      context.lineTo(x + reach, y);
      context.moveTo(x, y - reach);
      context.lineTo(x, y + reach);
      context.stroke();
    }
  }
}
