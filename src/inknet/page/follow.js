// Follow a number: the sum that it is, written out, each term a step to where it came from.
//
// A node is { layer, unit }: layer 0 are the pixels, then the layers of the network; the last of
// these are the logits, and one more are the probabilities.

import { element, number, percent, signed } from "./dom.js";
import { Grid } from "./grid.js";
import { ACTIVATIONS } from "./network.js";

const FIRST = 8; // terms that are shown at first

export class Follow {
  constructor(place, { network, model, onFollow }) {
    Object.assign(this, { place, network, model, onFollow });
    this.shown = FIRST;
  }

  get last() {
    return this.network.layers.length;
  }

  /** Whether a path can be followed: each node exists, and is a part of the one before. */
  isPath(path) {
    return path.every(({ layer, unit }, i) => {
      const isNext = i === 0 ? layer <= this.last + 1 : layer === path[i - 1].layer - 1;
      return isNext && layer >= 0 && unit < this.width(layer);
    });
  }

  width(layer) {
    if (layer === 0) return this.network.layers[0].from;
    return this.network.layers[Math.min(layer, this.last) - 1].to;
  }

  name({ layer, unit }) {
    if (layer === this.last + 1) return `probability of ${this.model.classes[unit]}`;
    if (layer === this.last) return `logit of ${this.model.classes[unit]}`;
    if (layer > 0) return `neuron ${unit} of layer ${layer}`;
    const { width } = this.model;
    return `pixel in row ${Math.floor(unit / width)}, column ${unit % width}`;
  }

  short(node) {
    if (node.layer >= this.last) return this.name(node);
    return node.layer > 0 ? `neuron ${node.layer}.${node.unit}` : "pixel";
  }

  /** Write out the number at the end of a path; `forward` is null if nothing was read. */
  render(forward, path) {
    const key = path.map(({ layer, unit }) => `${layer}.${unit}`).join();
    if (key !== this.key) this.shown = FIRST;
    this.key = key;
    if (forward === null || path.length === 0) {
      const text = forward === null ? "Draw something first. Then click" : "Click";
      this.place.replaceChildren(
        element("p", { className: "note" }, `${text} a probability, a neuron or a pixel, and read here which sum it is. Each term leads on, back to the pixels.`),
      );
      return;
    }
    const node = path[path.length - 1];
    const crumbs = path.map((one, i) => {
      const button = element("button", { type: "button" }, this.short(one));
      if (i === path.length - 1) button.setAttribute("aria-current", "step");
      button.addEventListener("click", () => this.onFollow(path.slice(0, i + 1)));
      return element("li", {}, button);
    });
    const body =
      node.layer === this.last + 1
        ? this.probability(forward, path, node)
        : node.layer > 0
          ? this.unit(forward, path, node)
          : this.pixel(forward, node);
    this.place.replaceChildren(
      element("nav", { "aria-label": "Path of the number" }, element("ol", { className: "crumbs" }, ...crumbs)),
      ...body,
    );
  }

  probability(forward, path, { unit }) {
    const { classes } = this.model;
    const logits = forward.values[this.last];
    const most = Math.max(...logits);
    const terms = Array.from(logits, (z, i) => ({ unit: i, z, product: Math.exp(z - most) }));
    const total = terms.reduce((sum, { product }) => sum + product, 0);
    const own = terms[unit].product;
    const name = classes[unit];
    return [
      element("p", { className: "formula" }, `p(${name}) = exp(z(${name})) / Σ exp(z) = ${number(own)} / ${number(total)} = ${percent(forward.probabilities[unit])}`),
      element("p", { className: "note" }, `The powers of all classes, divided by that of the largest logit, ${number(most)}, so that none overflows:`),
      this.sum(path, terms, this.last, {
        how: ({ z }) => `exp(${number(z)} − ${number(most).replace("−", "(−")}${most < 0 ? ")" : ""})`,
        ends: [["sum", "", total]],
      }),
    ];
  }

  unit(forward, path, node) {
    const { layer, unit } = node;
    const isLogit = layer === this.last;
    const { terms, bias, sum, value } = this.network.terms(forward, layer, unit);
    const input = layer === 1 ? "x" : "a";
    const parts = [
      element("p", { className: "formula" }, `z = Σ ${input} · w + b = ${number(sum)}`),
      this.sum(path, terms, layer - 1, {
        how: (term) => `${number(term.value)} × ${number(term.weight)}`,
        ends: [
          ["bias", "b", bias],
          ["sum", "z", sum],
        ],
      }),
    ];
    if (!isLogit) {
      const { text, formula } = ACTIVATIONS[this.network.layers[layer - 1].name];
      const isOff = this.network.isOff(layer, unit);
      const sentence = isOff ? "a = 0, as this neuron is switched off" : `a = ${text}(z) = ${formula} = ${number(value)}`;
      parts.push(element("p", { className: "formula" }, sentence));
    }
    if (layer === 1) parts.push(...this.pictures(terms));
    return parts;
  }

  /** For a neuron that looks at pixels: its weights, and its terms, as images. */
  pictures(terms) {
    const { height, width } = this.model;
    const figures = [
      ["its weights", terms.map(({ weight }) => weight)],
      ["its terms: pixel × weight", terms.map(({ product }) => product)],
    ].map(([caption, values]) => {
      const grid = new Grid({
        rows: height,
        columns: width,
        label: caption,
        describe: (i) => `${this.name({ layer: 0, unit: i })}: ${number(values[i])}`,
        onChoose: (i) => this.onFollow([...this.path, { layer: 0, unit: i }]),
      });
      grid.show(values);
      return element("figure", {}, grid.element, element("figcaption", {}, caption));
    });
    return [element("h3", {}, "What this neuron looks for"), element("div", { className: "small-grids" }, ...figures)];
  }

  pixel(forward, { unit }) {
    const x = forward.values[0][unit];
    const { width } = this.model;
    return [
      element("p", { className: "formula" }, `x = ${Math.round(255 * x)} / 255 = ${number(x)}`),
      element("p", {}, `The pixel in row ${Math.floor(unit / width)}, column ${unit % width} of the image that the network sees. It is marked there. Here the number begins: it is how much ink there is.`),
    ];
  }

  /** The largest terms, each a button, the rest as one, and what is added or follows. */
  sum(path, terms, layer, { how, ends }) {
    this.path = path;
    const ordered = terms.slice().sort((a, b) => Math.abs(b.product) - Math.abs(a.product));
    const some = ordered.slice(0, this.shown);
    const rest = ordered.slice(this.shown);
    const most = Math.abs(ordered[0].product) || 1;
    const isProbability = layer === this.last;
    const rows = some.map((term) => {
      const node = { layer, unit: term.unit };
      const row = element(
        "button",
        { type: "button", className: "row" },
        element("span", { className: "what" }, isProbability ? this.model.classes[term.unit] : this.name(node)),
        element("span", { className: "how" }, how(term)),
        element("span", { className: "product" }, isProbability ? number(term.product) : signed(term.product)),
        bar(term.product / most),
      );
      row.addEventListener("click", () => this.onFollow([...path, node]));
      return element("li", {}, row);
    });
    if (rest.length) {
      const total = rest.reduce((sum, { product }) => sum + product, 0);
      const zeros = rest.filter(({ product }) => product === 0).length;
      const note = zeros ? `${zeros.toLocaleString("en")} of them 0` : "";
      rows.push(fixedRow(`the other ${rest.length.toLocaleString("en")}`, note, total, "", most));
    }
    for (const [name, symbol, value] of ends) {
      rows.push(fixedRow(name, symbol, value, name === "sum" ? "sum" : "", name === "sum" ? 0 : most));
    }
    const list = element("ul", { className: "terms" }, ...rows);
    if (rest.every(({ product }) => product === 0)) return list;
    const more = element("button", { type: "button", className: "more" }, "Show more terms");
    more.addEventListener("click", () => {
      this.shown *= 3;
      this.onFollow(path);
    });
    return element("div", {}, list, more);
  }
}

function fixedRow(what, how, value, kind, most) {
  const row = element(
    "div",
    { className: `row ${kind}` },
    element("span", { className: "what" }, what),
    element("span", { className: "how" }, how),
    element("span", { className: "product" }, most ? signed(value) : number(value)),
    most ? bar(value / most) : element("span"),
  );
  return element("li", {}, row);
}

function bar(share) {
  const length = Math.min(1, Math.abs(share)) * 50;
  const fill = element("span", { className: share < 0 ? "negative" : "" });
  fill.style.width = `${length}%`;
  fill.style.left = share < 0 ? `${50 - length}%` : "50%";
  return element("span", { className: "bar", "aria-hidden": "true" }, fill);
}
