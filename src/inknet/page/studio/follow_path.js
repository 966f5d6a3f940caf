// Which number is meant: as the server takes it, as the address holds it, and what it is called.
//
// A code is a letter and numbers: "p3" is a probability, "v2.14" what comes out of layer 2 at
// neuron 14, "g2.14" its gradient, "b1.14.mean" a mean of batch normalization, "w0.14.weight.300" a
// weight, "d…" its gradient, "c…" that gradient clipped, "u…" what the step makes of it, "l" the loss
// of the batch, "s" that of an image, "q" the L2 penalty. The image of the batch comes last, unless
// it is the first, which is the one that is followed. A path is codes joined with "_".

const KINDS = {
  p: "probability",
  v: "value",
  g: "gradient",
  w: "parameter",
  d: "parameter gradient",
  c: "clipped gradient",
  u: "update",
  b: "statistic",
  l: "loss",
  q: "penalty",
  s: "sample loss",
};
const LETTERS = Object.fromEntries(Object.entries(KINDS).map(([letter, kind]) => [kind, letter]));
const FORWARD = "pvwb"; // the kinds that an answer has, too
const MOST = 60;
const NAMED = "wdcub"; // the kinds that have the name of an array
const NUMBER = /^\d{1,7}$/;

/** The code of a node. */
export function codeOf(node) {
  const letter = LETTERS[node.kind];
  const sample = node.sample ? [node.sample] : [];
  if (letter === "p") return `p${[node.unit, ...sample].join(".")}`;
  if (letter === "v" || letter === "g") return letter + [node.position, node.unit, ...sample].join(".");
  if (letter === "l" || letter === "q") return letter;
  if (letter === "s") return `s${sample.join(".")}`;
  const input = node.input === undefined ? [] : [node.input];
  return letter + [node.layer, node.unit, node.name, ...input].join(".");
}

/** The node of a code; null if it is none. */
export function nodeOf(code) {
  const [letter, parts] = [code[0], code.length > 1 ? code.slice(1).split(".") : []];
  const name = NAMED.includes(letter) ? parts.splice(2, 1)[0] : null;
  if (!(letter in KINDS) || !parts.every((part) => NUMBER.test(part))) return null;
  const [a, b, c] = parts.map(Number);
  const kind = KINDS[letter];
  const isLong = (least, most) => parts.length >= least && parts.length <= most;
  if (letter === "l" || letter === "q") return isLong(0, 0) ? { kind } : null;
  if (letter === "s") return isLong(0, 1) ? { kind, sample: a ?? 0 } : null;
  if (letter === "p") return isLong(1, 2) ? { kind, unit: a, sample: b ?? 0 } : null;
  if (name === null) return isLong(2, 3) ? { kind, position: a, unit: b, sample: c ?? 0 } : null;
  if (!isLong(2, 3) || !/^\w+$/.test(name ?? "")) return null;
  const node = { kind, layer: a, unit: b, name };
  return c === undefined ? node : { ...node, input: c };
}

/** The path of an address; what cannot be read ends it. */
export function pathOf(text) {
  const codes = text ? text.split("_") : [];
  const end = codes.findIndex((code) => nodeOf(code) === null);
  return end === -1 ? codes : codes.slice(0, end);
}

export function textOf(path) {
  return path.join("_");
}

/** A path with a number at its end; one that is in it already is gone back to. */
export function longer(path, code) {
  const at = path.indexOf(code);
  return at === -1 ? [...path, code].slice(-MOST) : path.slice(0, at + 1);
}

/** The part of a path that an answer has, too: no gradients, no other images of a batch. */
export function forwardPart(path) {
  const isThere = (code) => FORWARD.includes(code[0]) && !nodeOf(code).sample;
  const end = path.findIndex((code) => !isThere(code));
  return end === -1 ? path : path.slice(0, end);
}

/** The layers of a network, as the overview tells of them, and what their numbers are called. */
export class Names {
  constructor({ width, classes }, { positions }) {
    Object.assign(this, { width, classes, positions, last: positions.length - 1 });
    let block = 0;
    this.layers = positions.map(({ position, name, values }) => {
      const n = values.length;
      if (position === 0) return { position, n, block: 0, kind: "pixels", what: "pixel", detail: "" };
      const [, type] = /^(\w+)/.exec(name);
      const kind = position === this.last ? "Dense" : type;
      if (kind === "Dense") block += 1;
      const what = position === this.last ? "logit" : { Dense: "sum", Dropout: "output after dropout" }[kind] ?? "output";
      return { position, n, block, kind, what, detail: name };
    });
    for (const layer of this.layers) {
      if (layer.kind === "BatchNorm") layer.what = `normalized ${this.layers[layer.position - 1].what}`;
    }
  }

  /** The learned arrays: `{ layer, name, title, units, inputs }`, where inputs may be null. */
  get arrays() {
    const found = [];
    for (const { position, kind, block, n } of this.layers) {
      const names = { Dense: ["weight", "bias"], BatchNorm: ["gamma", "beta"] }[kind] ?? [];
      for (const name of names) {
        const inputs = name === "weight" ? this.layers[position - 1].n : null;
        found.push({ layer: position - 1, name, title: `${name} of layer ${block}`, units: n, inputs });
      }
    }
    return found;
  }

  /** Whether this network has all numbers of a path. */
  knows(path) {
    return path.every((code) => {
      const { position, layer, unit = 0, name, input } = nodeOf(code);
      if (code[0] === "p") return unit < this.classes.length;
      if (position !== undefined) return position <= this.last && unit < this.layers[position].n;
      if (layer === undefined) return true;
      if (code[0] === "b") {
        const of = this.layers[layer + 1];
        return of?.kind === "BatchNorm" && ["mean", "variance"].includes(name) && unit < of.n;
      }
      const array = this.arrays.find((one) => one.layer === layer && one.name === name);
      if (array === undefined || unit >= array.units) return false;
      return array.inputs === null ? input === undefined : input < array.inputs;
    });
  }

  /** A short name of a value. */
  value(position, unit) {
    const layer = this.layers[position];
    if (!layer) return "?";
    if (position === 0) return `pixel in row ${Math.floor(unit / this.width)}, column ${unit % this.width}`;
    if (position === this.last) return `logit of ${this.classes[unit]}`;
    return `${layer.what} of neuron ${unit} in layer ${layer.block}`;
  }

  /** A short name of any number, as a step of a path. */
  short(code) {
    const node = nodeOf(code);
    const of = node.sample ? ` (image ${node.sample + 1})` : "";
    if (node.kind === "loss") return "loss of the batch";
    if (node.kind === "penalty") return "L2 penalty";
    if (node.kind === "statistic") return `${node.name} of ${this.brief(node.layer, node.unit)}`;
    if (node.kind === "sample loss") return `loss of ${node.sample ? `image ${node.sample + 1}` : "this image"}`;
    if (node.kind === "probability") return `probability of ${this.classes[node.unit]}${of}`;
    if (node.kind === "value") return this.brief(node.position, node.unit) + of;
    if (node.kind === "gradient") return `gradient of ${this.brief(node.position, node.unit)}${of}`;
    const to = this.layers[node.layer + 1];
    const from = node.input === undefined ? "" : `${node.input} → `;
    const learned = `${node.name} ${from}${node.unit} of layer ${to?.block}`;
    if (node.kind === "parameter") return learned;
    if (node.kind === "update") return `${learned} after the step`;
    return `${node.kind === "clipped gradient" ? "clipped " : ""}gradient of ${learned}`;
  }

  brief(position, unit) {
    const layer = this.layers[position];
    if (!layer || position === this.last) return this.value(position, unit);
    if (position === 0) return `pixel ${Math.floor(unit / this.width)}, ${unit % this.width}`;
    return `${layer.what} ${layer.block}.${unit}`;
  }

  /** Numbers that a number leads to, which are no terms of it: `[title, code]`. */
  onward(code, isStep, label) {
    const node = nodeOf(code);
    const sample = node.sample ?? 0;
    const value = (position, unit) => codeOf({ kind: "value", position, unit, sample });
    if (node.kind === "parameter") {
      const to = this.value(node.layer + 1, node.unit);
      return [[`where it is used: the ${to}`, value(node.layer + 1, node.unit)]];
    }
    if (node.kind === "value") {
      if (node.position === this.last) {
        const p = codeOf({ kind: "probability", unit: node.unit, sample });
        return [[`what comes of it: the probability of ${this.classes[node.unit]}`, p]];
      }
      if (this.layers[node.position + 1].kind === "Dense") return [];
      const next = this.value(node.position + 1, node.unit);
      return [[`what comes of it: the ${next}`, value(node.position + 1, node.unit)]];
    }
    return isStep ? this.onwardInStep(node, sample, label) : [];
  }

  onwardInStep(node, sample, label) {
    const loss = codeOf({ kind: "sample loss", sample });
    if (node.kind === "probability") return [["the loss of the image", loss]];
    if (node.kind === "sample loss") {
      const unit = sample ? null : label;
      const gradient = { kind: "gradient", position: this.last, unit };
      const own = unit === null ? [] : [[`its gradient for the logit of ${this.classes[unit]}`, codeOf(gradient)]];
      return [["the loss of the batch", "l"], ...own];
    }
    if (node.kind !== "gradient") return [];
    const losses = node.position === this.last ? [["the loss of the image", loss]] : [];
    return [...losses, ...this.learnedFrom(node)];
  }

  /** The gradients of learned numbers that a gradient is a part of. */
  learnedFrom({ position, unit }) {
    const { kind } = this.layers[position];
    const of = (name, input) => codeOf({ kind: "parameter gradient", layer: position - 1, unit, name, input });
    const title = (what) => `what is learned from it: the gradient of ${what}`;
    if (kind === "BatchNorm") return ["gamma", "beta"].map((name) => [title(`its ${name}`), of(name)]);
    if (kind !== "Dense") return [];
    const inputs = this.positions[position - 1].values.map((x) => Math.abs(x ?? 0));
    const input = inputs.indexOf(Math.max(...inputs));
    const from = this.value(position - 1, input);
    return [[title(`the weight from the ${from}`), of("weight", input)], [title("its bias"), of("bias")]];
  }
}
