// Draw: what is drawn goes through the network, and every number of it can be seen.
//
// It is the whole of the page of one file, and a place of the studio.

import { sentenceOf } from "./answer.js";
import { Bars } from "./bars.js";
import { cards } from "./cards.js";
import { element, number } from "./dom.js";
import { Follow } from "./follow.js";
import { Grid } from "./grid.js";
import { Network } from "./network.js";
import { Pad } from "./pad.js";
import { listen, opened } from "./picture.js";
import { Reader } from "./reading.js";
import { PEN } from "./strokes.js";

export class Drawing {
  /**
   * `tell(sentence)` says what went wrong; `onState(state)` is called with what the address is to
   * keep; `onRead(drawing)` after a stroke was read; `readPicture(file, picture)` reads a
   * picture elsewhere, and resolves to a reading; without it, the page reads pictures too.
   */
  constructor(root, model, { tell, onState, onRead = () => {}, readPicture = null }) {
    Object.assign(this, { model, tell, onState, onRead, readPicture });
    this.network = new Network(model);
    this.reader = new Reader(model, this.network);
    this.reading = null;
    this.pictured = null; // the reading of a picture that was read elsewhere
    this.forward = null;
    this.chosen = 0; // which character
    this.shown = null; // for which class pixels speak; null is the answer
    this.path = [];
    this.isActive = true;
    root.classList.add("drawing");
    this.parts = cards(root);
    this.pad = new Pad(this.parts.pad, (start) => {
      tell("");
      this.schedule(start);
    });
    this.build();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.schedule());
  }

  build() {
    const { model, network, parts } = this;
    const { noun } = this.reader;
    parts.hint.textContent = `Draw a ${noun} here`;
    parts.pad.setAttribute("aria-label", `Drawing pad for a ${noun}`);
    this.bars = new Bars(parts.bars, model.classes, (k) =>
      this.follow([{ layer: network.layers.length + 1, unit: k }]),
    );
    this.seen = this.imageGrid(parts.seen, "The image that the network sees, pixel by pixel");
    this.reasons = this.imageGrid(parts.reasons, "How much each pixel speaks for or against the class");
    parts.seenCaption.textContent = `${model.height} × ${model.width} pixels`;
    parts.class.append(
      element("option", { value: "" }, "the answer"),
      ...model.classes.map((name, k) => element("option", { value: k }, name)),
    );
    parts.class.addEventListener("change", (event) => {
      this.shown = event.target.value === "" ? null : Number(event.target.value);
      this.details();
      this.remember();
    });
    this.layers = network.layers.slice(0, -1).map((layer, l) => this.layerGrid(layer, l));
    if (this.layers.length === 0) parts.layers.append("This network has no hidden layer.");
    this.followed = new Follow(parts.follow, {
      network,
      model,
      onFollow: (path) => this.follow(path, true),
    });
    this.buildTools();
  }

  imageGrid(place, label) {
    const { height, width } = this.model;
    const grid = new Grid({
      rows: height,
      columns: width,
      label,
      describe: (i, value) => `row ${Math.floor(i / width)}, column ${i % width}: ${number(value)}`,
      onChoose: (i) => this.follow([{ layer: 0, unit: i }]),
    });
    place.append(grid.element);
    return grid;
  }

  layerGrid({ to, name }, l) {
    const columns = Math.min(to, 2 ** Math.ceil(Math.log2(Math.sqrt(to))));
    const grid = new Grid({
      rows: Math.ceil(to / columns),
      columns,
      n: to,
      label: `Neurons of layer ${l + 1}`,
      describe: (i, value) => `neuron ${i}: ${number(value)}`,
      onChoose: (i) => this.follow([{ layer: l + 1, unit: i }]),
      hasLines: true,
    });
    const caption = `Layer ${l + 1}: ${to.toLocaleString("en")} neurons, ${name.replace("_", " ")}`;
    this.parts.layers.append(element("figure", {}, grid.element, element("figcaption", {}, caption)));
    return grid;
  }

  buildTools() {
    const { parts, pad, tell } = this;
    parts.undo.addEventListener("click", () => pad.step(-1));
    parts.redo.addEventListener("click", () => pad.step(1));
    parts.clear.addEventListener("click", () => pad.clear());
    parts.choose.addEventListener("click", () => parts.file.click());
    parts.file.addEventListener("change", (event) => {
      if (event.target.files.length) this.open(event.target.files[0]);
      event.target.value = "";
    });
    listen({ frame: parts.frame, isActive: () => this.isActive, onFile: (file) => this.open(file), tell });
    document.addEventListener("keydown", (event) => {
      if (!this.isActive || !(event.ctrlKey || event.metaKey)) return;
      const key = event.key.toLowerCase();
      if (key !== "z" && key !== "y") return;
      event.preventDefault();
      pad.step(key === "y" || event.shiftKey ? 1 : -1);
    });
  }

  /** Show and read a picture from a file. */
  async open(file) {
    this.tell("");
    try {
      const picture = await opened(file);
      this.pictured = null;
      this.pad.show(picture.canvas);
      if (this.readPicture === null) return;
      const reading = await this.readPicture(file, picture);
      if (this.pad.picture !== picture.canvas) return; // something else was drawn since
      this.pictured = reading;
      this.schedule();
    } catch (error) {
      this.tell(`${file.name}: ${error.message.replace(/\.$/, "")}.`);
    }
  }

  /** Read again before the next frame; `start` is the time of the event that asks for it. */
  schedule(start = performance.now()) {
    if (this.start !== undefined) return;
    this.start = start;
    requestAnimationFrame(() => {
      const begun = this.start;
      this.start = undefined;
      this.update();
      performance.clearMeasures("stroke to bars");
      performance.measure("stroke to bars", { start: begun });
    });
  }

  update() {
    const { pad, parts } = this;
    parts.undo.disabled = !pad.canUndo && pad.picture === null;
    parts.redo.disabled = !pad.canRedo;
    parts.clear.disabled = pad.isEmpty;
    parts.hint.hidden = !pad.isEmpty;
    const begun = performance.now();
    if (pad.isEmpty) this.reading = null;
    else if (this.isElsewhere) this.reading = this.pictured;
    else this.reading = this.reader.read(pad.pixels(), pad.stroke !== null);
    this.chosen = Math.min(this.chosen, Math.max(0, (this.reading?.characters.length ?? 0) - 1));
    performance.clearMeasures("read");
    performance.measure("read", { start: begun });
    this.answer();
    clearTimeout(this.later);
    if (pad.stroke === null) {
      this.details();
      this.remember();
      this.onRead(this);
    } else {
      this.later = setTimeout(() => this.details()); // after the frame that shows the bars
    }
  }

  /** Whether what the pad shows is read elsewhere. */
  get isElsewhere() {
    return this.pad.picture !== null && this.readPicture !== null;
  }

  get character() {
    return this.reading?.characters[this.chosen] ?? null;
  }

  answer() {
    const { reading, character, parts } = this;
    const { classes } = this.model;
    const isWaiting = reading === null && this.isElsewhere;
    const sentence = isWaiting
      ? "Reading the picture…"
      : (reading?.sentence ?? sentenceOf(reading, character, { classes, noun: this.reader.noun }));
    parts.sentence.textContent = sentence;
    const text = reading?.text ?? "";
    parts.text.textContent = text || "–";
    parts.text.classList.toggle("unsure", reading === null || reading.verdict === "unsure" || text === "");
    parts.text.classList.toggle("long", text.length > 6);
    clearTimeout(this.speaking);
    this.speaking = setTimeout(() => {
      parts.live.textContent = text ? `${text}. ${sentence}` : sentence;
    }, 500);
    this.bars.show(character);
    this.showCharacters();
  }

  showCharacters() {
    const characters = this.reading?.characters ?? [];
    const place = this.parts.characters;
    place.hidden = characters.length < 2;
    const { height, width } = this.reading ?? {};
    this.pad.mark(
      characters.length < 2
        ? []
        : characters.map(({ box: [top, left, bottom, right] }, i) => ({
            top: top / height,
            left: left / width,
            bottom: bottom / height,
            right: right / width,
            isChosen: i === this.chosen,
          })),
    );
    const names = characters.map(({ best }) => this.model.classes[best]);
    const buttons = [...place.children];
    names.forEach((name, i) => {
      const button = buttons[i] ?? element("button", { type: "button" });
      button.textContent = name;
      button.setAttribute("aria-pressed", i === this.chosen);
      if (buttons[i]) return;
      button.addEventListener("click", () => {
        this.chosen = i;
        this.answer();
        this.details();
        this.remember();
        this.onRead(this);
      });
      place.append(button);
    });
    buttons.slice(names.length).forEach((button) => button.remove());
  }

  /** Everything about the chosen character: what the network sees, why, and its layers. */
  details() {
    const { character, model, network, parts } = this;
    const n = model.height * model.width;
    const input = character ? this.reader.inputs(character.image) : new Float32Array(n);
    this.forward = character ? network.forward(input) : null;
    this.seen.show(input, { low: "--paper", high: "--ink", full: 1 });
    parts.class.value = this.shown ?? "";
    if (character) {
      const k = this.shown ?? character.best;
      const values = network.contributions(this.forward, k);
      this.reasons.show(values);
      const sum = values.reduce((total, value) => total + value, 0);
      const logit = this.forward.values[network.layers.length][k];
      parts.reasonsNote.textContent = network.isPiecewiseLinear
        ? `Gradient × input, exact for this network: the pixels together add ${number(sum)} to the logit of ${model.classes[k]}, the biases ${number(logit - sum)}; it is ${number(logit)}.`
        : `Gradient × input: how much each pixel adds to the logit of ${model.classes[k]}, to first order, as the activations are curved.`;
    } else {
      this.reasons.show(new Float32Array(n));
      parts.reasonsNote.textContent = "";
    }
    this.layers.forEach((grid, l) => {
      grid.show(this.forward?.values[l + 1] ?? new Float32Array(grid.n));
    });
    this.showFollowed();
  }

  showFollowed() {
    const node = this.forward ? this.path[this.path.length - 1] : undefined;
    const cell = (layer) => (node?.layer === layer ? node.unit : null);
    this.seen.follow(cell(0));
    this.reasons.follow(cell(0));
    this.layers.forEach((grid, l) => grid.follow(cell(l + 1)));
    this.followed.render(this.forward, this.path);
  }

  follow(path, isInside = false) {
    if (this.forward === null) return;
    const { follow, followCard, followTitle } = this.parts;
    this.path = path;
    this.showFollowed();
    this.remember();
    if (isInside) follow.querySelector("[aria-current]")?.focus({ preventScroll: true });
    const box = followCard.getBoundingClientRect();
    if (box.top > innerHeight - 160 || box.top < -40) {
      const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
      followCard.scrollIntoView({ behavior, block: "start" });
    }
    if (!isInside) followTitle.focus({ preventScroll: true });
  }

  remember() {
    const { chosen, shown, path } = this;
    const strokes = this.pad.picture === null ? this.pad.strokes : [];
    this.onState({ strokes, chosen, shown, path });
  }

  /** Read a stroke that nobody sees, until the browser has compiled what reads. */
  warmUp(rounds = 20) {
    if (rounds === 0) return;
    if (this.pad.isEmpty) {
      const line = [0, 1, 2, 3].map((i) => ({ x: 300 + 130 * i, y: 250 + 140 * i, width: PEN }));
      this.reader.read(this.pad.pixels([line]));
    }
    setTimeout(() => this.warmUp(rounds - 1), 10);
  }

  /** Show the state of an address. */
  restore(state) {
    this.chosen = state.chosen;
    this.shown = state.shown !== null && state.shown < this.model.classes.length ? state.shown : null;
    this.path = this.followed.isPath(state.path) ? state.path : [];
    if (state.strokes.length) this.pad.put(state.strokes);
    else this.schedule();
  }
}
