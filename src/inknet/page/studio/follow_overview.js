// The whole network as numbers: image, layers, classes, and in a step of training loss and gradients.

import { Bars } from "../bars.js";
import { element } from "../dom.js";
import { Grid } from "../grid.js";
import { exact, number } from "./follow_number.js";
import { codeOf, nodeOf } from "./follow_path.js";

const NOTES = { Dense: "sums", BatchNorm: "normalized", Activation: "outputs", Dropout: "after dropout" };

export class Overview {
  /** `onChoose(code)` is called when a number is chosen. */
  constructor(onChoose) {
    this.onChoose = onChoose;
    this.element = element("div", { className: "network", id: "network" });
  }

  /** Build the grids of a network; `model` has its classes and the shape of its images. */
  build(model, names, isStep) {
    Object.assign(this, { model, names, isStep });
    this.grids = []; // { letter, position, grid }
    const groups = [this.group("The image", "pixels", [names.layers[0]])];
    const blocks = new Map();
    for (const layer of names.layers.slice(1, -1)) {
      if (!blocks.has(layer.block)) blocks.set(layer.block, []);
      blocks.get(layer.block).push(layer);
    }
    for (const [block, layers] of blocks) {
      const parts = [`${layers[0].n.toLocaleString("en")} neurons`, ...layers.flatMap((layer) => this.traits(layer))];
      groups.push(this.group(`Layer ${block}: ${parts.join(", ")}`, "hidden-layer", layers));
    }
    groups.push(this.group("Logits", "logits", [names.layers[names.last]]));
    const list = element("ul", { className: "bars", "aria-label": "Probability of each class" });
    this.bars = new Bars(list, model.classes, (k) => this.onChoose(`p${k}`));
    groups.push(part("Probabilities", "probabilities", list));
    this.loss = null;
    if (isStep) {
      this.loss = this.lossButton("l", "of the batch");
      this.ownLoss = this.lossButton("s", "of this image");
      const buttons = element("div", { className: "losses" }, this.ownLoss.button, this.loss.button);
      groups.push(part("Loss", "loss", buttons));
    }
    const key = element(
      "p",
      { className: "key", "aria-hidden": "true" },
      element("span", { className: "for" }, "above 0"),
      " ",
      element("span", { className: "against" }, "below 0"),
    );
    this.element.replaceChildren(key, ...groups);
  }

  group(title, className, layers) {
    const figures = layers.flatMap((layer) => {
      const values = this.figure(layer, "v");
      return this.isStep ? [values, this.figure(layer, "g")] : [values];
    });
    const grids = element("div", { className: this.isStep ? "values both" : "values" }, ...figures);
    return part(title, className, grids);
  }

  /** What is to be said of a layer besides its numbers. */
  traits({ detail }) {
    const activation = /^Activation\((\w+)\)/.exec(detail)?.[1].replaceAll("_", " ");
    const keep = /Dropout\(keep ([\d.]+)\)/.exec(detail)?.[1];
    const dropout = keep && this.isStep ? `dropout keeps ${Math.round(100 * keep)}\u00a0%` : "";
    return [activation, dropout].filter(Boolean);
  }

  /** The values of a layer as a grid, letter "v", or their gradients, "g". */
  figure({ position, n, kind, block }, letter) {
    const { names, model } = this;
    const isGradient = letter === "g";
    const isHidden = position > 0 && position < names.last;
    const columns = position === 0 ? model.width : isHidden ? 2 ** Math.ceil(Math.log2(Math.sqrt(n))) : Math.min(n, 10);
    const short = isHidden ? (NOTES[kind] ?? kind) : position === 0 ? "pixels" : "logits";
    const of = isHidden ? `${short} of layer ${block}` : short;
    const grid = new Grid({
      rows: Math.ceil(n / columns),
      columns,
      n,
      label: isGradient ? `Gradients of the loss for the ${of}` : `${of[0].toUpperCase()}${of.slice(1)}`,
      describe: (i, value) => `${isGradient ? "gradient of the " : ""}${names.value(position, i)}: ${exact(value)}`,
      onChoose: (unit) => this.onChoose(codeOf({ kind: isGradient ? "gradient" : "value", position, unit })),
      hasLines: position > 0 && n <= 400,
    });
    grid.element.addEventListener("blur", () => grid.follow(grid.followed ?? null));
    this.grids.push({ letter, position, grid });
    const caption = isHidden || this.isStep ? element("figcaption", {}, isGradient ? "gradients" : short) : null;
    return element("figure", {}, grid.element, caption);
  }

  lossButton(code, text) {
    const value = element("strong", {});
    const button = element("button", { type: "button", value: code }, value, ` ${text}`);
    button.addEventListener("click", () => this.onChoose(code));
    return { button, value };
  }

  /** Show the numbers of an overview. */
  show({ probabilities, predicted, positions, loss }, label) {
    for (const { letter, position, grid } of this.grids) {
      const { values, gradients } = positions[position];
      const numbers = Float32Array.from(letter === "g" ? gradients : values, (one) => one ?? NaN);
      grid.show(numbers, letter === "v" && position === 0 ? { low: "--paper", high: "--ink", full: 1 } : {});
    }
    this.bars.show({ probabilities, best: predicted });
    if (this.loss) {
      this.loss.value.textContent = number(loss);
      this.ownLoss.button.hidden = label === null;
    }
  }

  showOwnLoss(value) {
    if (this.loss) this.ownLoss.value.textContent = number(value);
  }

  /** Mark the number that is followed. */
  follow(code) {
    const node = nodeOf(code);
    for (const { letter, position, grid } of this.grids) {
      const isHere = code[0] === letter && node.position === position && !node.sample;
      grid.followed = isHere ? node.unit : null;
      grid.follow(grid.followed);
      grid.element.classList.toggle("followed-grid", isHere);
    }
    for (const bar of this.bars.bars) set(bar.button, code === `p${bar.k}`);
    if (this.loss) for (const { button } of [this.loss, this.ownLoss]) set(button, button.value === code);
  }
}

function set(button, isCurrent) {
  if (isCurrent) button.setAttribute("aria-current", "true");
  else button.removeAttribute("aria-current");
}

function part(title, className, ...children) {
  return element("div", { className: `part ${className}` }, element("h3", {}, title), ...children);
}
