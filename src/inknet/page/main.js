// The page: what is drawn goes through the network, and every number of it can be seen.

import { addressOf, stateOf } from "./address.js";
import { element, number, percent } from "./dom.js";
import { Follow } from "./follow.js";
import { Grid } from "./grid.js";
import { Network } from "./network.js";
import { Pad } from "./pad.js";
import { Reader, SURE } from "./reading.js";
import { PEN } from "./strokes.js";

const MOST_BARS = 12;
const MOST_BYTES = 40e6;
const MOST_PIXELS = 50e6;
const LARGEST_CANVAS = 16e6; // pixels; phones have no larger ones
const byId = (id) => document.getElementById(id);

function tell(trouble) {
  byId("trouble").textContent = trouble;
  byId("trouble").hidden = trouble === "";
}

class Page {
  constructor(model) {
    this.model = model;
    this.network = new Network(model);
    this.reader = new Reader(model, this.network);
    this.reading = null;
    this.forward = null;
    this.chosen = 0; // which character
    this.shown = null; // for which class pixels speak; null is the answer
    this.path = [];
    this.pad = new Pad(byId("pad"), (start) => {
      tell("");
      this.schedule(start);
    });
    this.build();
    this.restore();
    window.addEventListener("hashchange", () => {
      if (location.hash !== this.address) this.restore();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.schedule());
  }

  build() {
    const { model, network } = this;
    const { noun } = this.reader;
    byId("hint").textContent = `Draw a ${noun} here`;
    byId("pad").setAttribute("aria-label", `Drawing pad for a ${noun}`);
    byId("about").textContent = "A neural network that reads your handwriting";
    byId("limits").textContent =
      "The answer is one of the classes, whatever is drawn." +
      (model.isPrepared
        ? ` Only inknet predict and MLP.read straighten sheets and tell what is no ${noun}.`
        : "");
    const widths = [network.layers[0].from, ...network.layers.map(({ to }) => to)].join(" → ");
    byId("facts").textContent =
      `${model.nParameters.toLocaleString("en")} parameters in layers of ${widths}, all in this file; written by inknet ${model.version}. ` +
      "It works without a network, and sends nothing." +
      (model.isFolded ? " Batch normalization is folded into the weights shown here." : "");
    this.buildBars();
    const image = { rows: model.height, columns: model.width };
    const describePixel = (values) => (i) =>
      `row ${Math.floor(i / model.width)}, column ${i % model.width}: ${number(values()[i] ?? 0)}`;
    const onChoosePixel = (i) => this.follow([{ layer: 0, unit: i }]);
    this.seen = new Grid({
      ...image,
      label: "The image that the network sees, pixel by pixel",
      describe: describePixel(() => this.seen?.values ?? []),
      onChoose: onChoosePixel,
    });
    byId("seen").append(this.seen.element);
    this.reasons = new Grid({
      ...image,
      label: "How much each pixel speaks for or against the class",
      describe: describePixel(() => this.reasons?.values ?? []),
      onChoose: onChoosePixel,
    });
    byId("reasons").append(this.reasons.element);
    byId("seen-caption").textContent = `${model.height} × ${model.width} pixels`;
    byId("class").append(
      element("option", { value: "" }, "the answer"),
      ...model.classes.map((name, k) => element("option", { value: k }, name)),
    );
    byId("class").addEventListener("change", (event) => {
      this.shown = event.target.value === "" ? null : Number(event.target.value);
      this.details();
      this.remember();
    });
    this.layers = network.layers.slice(0, -1).map(({ to, name }, l) => {
      const columns = Math.min(to, 2 ** Math.ceil(Math.log2(Math.sqrt(to))));
      const grid = new Grid({
        rows: Math.ceil(to / columns),
        columns,
        n: to,
        label: `Neurons of layer ${l + 1}`,
        describe: (i) => `neuron ${i}: ${number(this.layers?.[l].values[i] ?? 0)}`,
        onChoose: (i) => this.follow([{ layer: l + 1, unit: i }]),
        hasLines: true,
      });
      const caption = `Layer ${l + 1}: ${to.toLocaleString("en")} neurons, ${name.replace("_", " ")}`;
      byId("layers").append(element("figure", {}, grid.element, element("figcaption", {}, caption)));
      return grid;
    });
    if (this.layers.length === 0) byId("layers").append("This network has no hidden layer.");
    this.followed = new Follow(byId("follow"), {
      network,
      model,
      onFollow: (path) => this.follow(path, true),
    });
    this.buildTools();
  }

  buildBars() {
    const isShort = this.model.classes.length <= 10 && this.model.classes.every((name) => name.length < 3);
    byId("bars").classList.toggle("columns", isShort);
    this.bars = this.model.classes.slice(0, MOST_BARS).map(() => {
      const parts = {
        name: element("span", { className: "name" }),
        fill: element("span", { className: "fill" }),
        value: element("span", { className: "value" }),
      };
      const track = element("span", { className: "track", "aria-hidden": "true" }, parts.fill);
      const button = element("button", { type: "button" }, parts.name, track, parts.value);
      const item = element("li", {}, button);
      button.addEventListener("click", () =>
        this.follow([{ layer: this.network.layers.length + 1, unit: parts.k }]),
      );
      byId("bars").append(item);
      return { ...parts, item, button, set: (k) => (parts.k = k) };
    });
  }

  buildTools() {
    byId("undo").addEventListener("click", () => this.pad.step(-1));
    byId("redo").addEventListener("click", () => this.pad.step(1));
    byId("clear").addEventListener("click", () => this.pad.clear());
    byId("choose").addEventListener("click", () => byId("file").click());
    byId("file").addEventListener("change", (event) => {
      if (event.target.files.length) this.open(event.target.files[0]);
      event.target.value = "";
    });
    const frame = byId("pad").parentElement;
    document.addEventListener("dragover", (event) => {
      event.preventDefault();
      frame.classList.add("over");
    });
    document.addEventListener("dragleave", () => frame.classList.remove("over"));
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      frame.classList.remove("over");
      if (event.dataTransfer.files.length) this.open(event.dataTransfer.files[0]);
      else tell("What was dropped is not a file. Drop a picture from your files.");
    });
    document.addEventListener("paste", (event) => {
      const file = [...event.clipboardData.files].find(({ type }) => type.startsWith("image/"));
      if (file) this.open(file);
      else tell("There is no picture in the clipboard.");
    });
    document.addEventListener("keydown", (event) => {
      if (!(event.ctrlKey || event.metaKey)) return;
      const key = event.key.toLowerCase();
      if (key !== "z" && key !== "y") return;
      event.preventDefault();
      this.pad.step(key === "y" || event.shiftKey ? 1 : -1);
    });
  }

  /** Show and read a picture from a file. */
  async open(file) {
    tell("");
    try {
      if (file.size > MOST_BYTES) throw new Error("larger than 40 MB");
      const bitmap = await createImageBitmap(file, { colorSpaceConversion: "none" }).catch(() => {
        throw new Error("not a picture that this browser can open");
      });
      const n = bitmap.width * bitmap.height;
      if (n > MOST_PIXELS) throw new Error("larger than 50 megapixels");
      const scale = Math.min(1, Math.sqrt(LARGEST_CANVAS / n));
      const canvas = element("canvas", {
        width: Math.max(1, Math.floor(bitmap.width * scale)),
        height: Math.max(1, Math.floor(bitmap.height * scale)),
      });
      const context = canvas.getContext("2d", { willReadFrequently: true });
      context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
      bitmap.close();
      this.pad.show(canvas);
    } catch (error) {
      tell(`${file.name}: ${error.message}.`);
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
    const { pad } = this;
    byId("undo").disabled = !pad.canUndo && pad.picture === null;
    byId("redo").disabled = !pad.canRedo;
    byId("clear").disabled = pad.isEmpty;
    byId("hint").hidden = !pad.isEmpty;
    const begun = performance.now();
    this.reading = pad.isEmpty ? null : this.reader.read(pad.pixels(), pad.stroke !== null);
    this.chosen = Math.min(this.chosen, Math.max(0, (this.reading?.characters.length ?? 0) - 1));
    performance.clearMeasures("read");
    performance.measure("read", { start: begun });
    this.answer();
    clearTimeout(this.later);
    if (pad.stroke === null) {
      this.details();
      this.remember();
    } else {
      this.later = setTimeout(() => this.details()); // after the frame that shows the bars
    }
  }

  get character() {
    return this.reading?.characters[this.chosen] ?? null;
  }

  answer() {
    const { reading, character } = this;
    const { classes } = this.model;
    const { noun } = this.reader;
    let sentence = "Nothing is drawn yet.";
    if (reading?.verdict === "blank") sentence = "There is no ink in this picture.";
    else if (reading) {
      const several = reading.characters.length > 1;
      const order = Array.from(classes.keys()).sort((a, b) => character.probabilities[b] - character.probabilities[a]);
      if (reading.verdict !== "unsure") {
        sentence = several
          ? `${reading.characters.length} ${noun}s; the least sure has ${percent(reading.confidence)}.`
          : `This is a ${noun}, ${percent(reading.confidence)} sure.`;
      } else if (several && reading.confidence >= SURE) {
        sentence = `Not sure of all: the ${reading.characters.length} ${noun}s together have only ${percent(reading.ofAll)}.`;
      } else if (several) {
        sentence = `Not sure: the least sure ${noun} has only ${percent(reading.confidence)}.`;
      } else {
        const second = classes.length > 1 ? ` or ${classes[order[1]]}` : "";
        sentence = `Not sure: ${classes[order[0]]}${second}. A sure answer has at least ${100 * SURE} %.`;
      }
    }
    byId("sentence").textContent = sentence;
    const text = reading?.text ?? "";
    byId("text").textContent = text || "–";
    byId("text").classList.toggle("unsure", reading === null || reading.verdict === "unsure" || text === "");
    byId("text").classList.toggle("long", text.length > 8);
    clearTimeout(this.speaking);
    this.speaking = setTimeout(() => {
      byId("live").textContent = text ? `${text}. ${sentence}` : sentence;
    }, 500);
    this.showBars(character);
    this.showCharacters();
  }

  showBars(character) {
    const { classes } = this.model;
    let order = Array.from(classes.keys());
    if (character && classes.length > MOST_BARS) {
      order = order.sort((a, b) => character.probabilities[b] - character.probabilities[a]);
    }
    this.bars.forEach((bar, place) => {
      const k = order[place];
      const p = character?.probabilities[k] ?? 0;
      bar.set(k);
      bar.name.textContent = classes[k];
      bar.name.title = classes[k];
      bar.fill.style.setProperty("--p", p);
      bar.value.textContent = character ? percent(p) : "–";
      bar.button.disabled = !character;
      bar.item.classList.toggle("best", character?.best === k);
    });
  }

  showCharacters() {
    const characters = this.reading?.characters ?? [];
    const place = byId("characters");
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
      });
      place.append(button);
    });
    buttons.slice(names.length).forEach((button) => button.remove());
  }

  /** Everything about the chosen character: what the network sees, why, and its layers. */
  details() {
    const { character, model, network } = this;
    const n = model.height * model.width;
    const input = character ? this.reader.inputs(character.image) : new Float32Array(n);
    this.forward = character ? network.forward(input) : null;
    this.seen.show(input, { low: "--paper", high: "--ink", full: 1 });
    byId("class").value = this.shown ?? "";
    if (character) {
      const k = this.shown ?? character.best;
      const values = network.contributions(this.forward, k);
      this.reasons.show(values);
      const sum = values.reduce((total, value) => total + value, 0);
      const logit = this.forward.values[network.layers.length][k];
      byId("reasons-note").textContent = network.isPiecewiseLinear
        ? `Gradient × input, exact for this network: the pixels together add ${number(sum)} to the logit of ${model.classes[k]}, the biases ${number(logit - sum)}; it is ${number(logit)}.`
        : `Gradient × input: how much each pixel adds to the logit of ${model.classes[k]}, to first order, as the activations are curved.`;
    } else {
      this.reasons.show(new Float32Array(n));
      byId("reasons-note").textContent = "";
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
    this.path = path;
    this.showFollowed();
    this.remember();
    if (isInside) {
      byId("follow").querySelector("[aria-current]")?.focus({ preventScroll: true });
    }
    const box = byId("follow-card").getBoundingClientRect();
    if (box.top > innerHeight - 160 || box.top < -40) {
      const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
      byId("follow-card").scrollIntoView({ behavior, block: "start" });
    }
    if (!isInside) byId("follow-title").focus({ preventScroll: true });
  }

  remember() {
    const { chosen, shown, path } = this;
    const strokes = this.pad.picture === null ? this.pad.strokes : [];
    this.address = addressOf({ strokes, chosen, shown, path });
    const url = this.address || location.pathname + location.search;
    if (location.hash !== this.address) history.replaceState(null, "", url);
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

  restore() {
    const state = stateOf(location.hash);
    this.chosen = state.chosen;
    this.shown = state.shown !== null && state.shown < this.model.classes.length ? state.shown : null;
    this.path = this.followed.isPath(state.path) ? state.path : [];
    if (state.strokes.length) this.pad.put(state.strokes);
    else this.schedule();
  }
}

function start() {
  let model = null;
  try {
    model = JSON.parse(byId("model").textContent);
  } catch {
    tell("The weights in this file are damaged, or a part of it is missing. Write it again.");
    return;
  }
  if (model === null) tell("There is no model in this page.");
  else new Page(model).warmUp();
}

start();
