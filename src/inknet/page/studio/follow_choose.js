// What is followed: which digit, in which way of computing, and any number by name.

import { element } from "../dom.js";
import { codeOf, nodeOf } from "./follow_path.js";

/** The digit: a test image by its row, or the image of the address; its class; and the mode. */
export class Digit {
  /** `onChange(parameters)` is called with what the address should say. */
  constructor(onChange) {
    this.onChange = onChange;
    this.row = element("input", { id: "follow-row", type: "number", min: 0, step: 1, inputMode: "numeric" });
    this.row.addEventListener("change", () => this.go(Number(this.row.value)));
    this.before = this.step("‹", "The test image before", -1);
    this.after = this.step("›", "The next test image", 1);
    this.rowLabel = element("label", { htmlFor: "follow-row" });
    this.isGiven = element("p", { className: "note" }, "The image is the one that you came with.");
    this.toTest = element("button", { type: "button" }, "Take test images");
    this.toTest.addEventListener("click", () => this.go(0));
    this.label = element("select", { id: "follow-label" });
    this.label.addEventListener("change", () => onChange({ label: this.label.value }));
    this.summary = element("p", { className: "summary", role: "status", id: "follow-summary" });
    this.modes = { answers: this.mode("answers", "as it answers"), learns: this.mode("learns", "as it learns") };
    this.modeNote = element("p", { className: "note", id: "mode-note" });
    this.ofTest = element(
      "div",
      { className: "field" },
      this.rowLabel,
      element("div", { className: "stepper" }, this.before, this.row, this.after),
    );
    this.element = element(
      "div",
      { className: "chosen" },
      element(
        "div",
        { className: "which" },
        this.ofTest,
        element("div", { className: "given" }, this.isGiven, this.toTest),
        element("div", { className: "field" }, element("label", { htmlFor: "follow-label" }, "True class"), this.label),
      ),
      element(
        "div",
        { className: "how-computed" },
        element("p", { className: "note", id: "mode-title" }, "How it is computed"),
        element("div", { className: "switch", role: "group", "aria-labelledby": "mode-title" }, ...Object.values(this.modes)),
        this.modeNote,
      ),
      this.summary,
    );
  }

  step(text, title, by) {
    const button = element("button", { type: "button", title, "aria-label": title }, text);
    button.addEventListener("click", () => this.go(Number(this.row.value) + by));
    return button;
  }

  mode(mode, text) {
    const button = element("button", { type: "button", "aria-describedby": "mode-note" }, text);
    button.addEventListener("click", () => this.onChange({ mode }));
    return button;
  }

  go(row) {
    const last = this.n ? this.n - 1 : row;
    const wanted = Math.max(0, Math.min(Math.round(row) || 0, last));
    this.row.value = wanted;
    this.onChange({ row: wanted, image: null, label: null });
  }

  /** Say how many test images there are; null if it is not known. */
  setNumber(n) {
    this.n = n;
    if (n) this.row.max = n - 1;
    this.rowLabel.textContent = n ? `Test image, 0–${n - 1}` : "Test image";
    this.after.disabled = Boolean(n) && Number(this.row.value) >= n - 1;
  }

  show({ row, mode, label }, classes) {
    const isTest = row !== null;
    this.ofTest.hidden = !isTest;
    this.isGiven.parentElement.hidden = isTest;
    if (isTest) this.row.value = row;
    this.before.disabled = row === 0;
    this.setNumber(this.n);
    this.label.replaceChildren(...classes.map((name, k) => element("option", { value: k }, name)));
    this.label.value = label;
    for (const [name, button] of Object.entries(this.modes)) button.setAttribute("aria-pressed", name === mode);
  }

  /** Say what the mode computes, for this network. */
  explain(mode, { layers }, n) {
    const hasNorm = layers.some(({ kind }) => kind === "BatchNorm");
    const hasDropout = layers.some(({ detail }) => detail.includes("Dropout"));
    if (mode === "answers") {
      const parts = [
        hasNorm ? "batch normalization uses the mean and the deviation that training has collected" : "",
        hasDropout ? "dropout is off" : "",
      ].filter(Boolean);
      this.modeNote.textContent = `From the pixels to the probabilities, as in Draw${parts.length ? `: ${parts.join(", ")}` : ""}.`;
      return;
    }
    const parts = [
      hasNorm ? "batch normalization uses the mean and the deviation of these images" : "",
      hasDropout ? "dropout switches some neurons off" : "",
    ].filter(Boolean);
    this.modeNote.textContent = `One step of training, on this image and ${n - 1} training images${parts.length ? `: ${parts.join(", ")}` : ""}. Then the loss, its gradients by the chain rule, and what the optimizer makes of each weight. The images are taken as they are, without the distortions of training, and no average of the weights is kept; the run itself is not changed.`;
  }
}

/** Any number by name: for what is too small to click, and for the weights. */
export class AnyNumber {
  /** `onChoose(code)` is called when one is chosen. */
  constructor(onChoose) {
    this.onChoose = onChoose;
    this.what = element("select", { id: "any-what" });
    this.unit = element("input", { id: "any-unit", type: "number", min: 0, step: 1, inputMode: "numeric", value: 0 });
    this.input = element("input", { id: "any-input", type: "number", min: 0, step: 1, inputMode: "numeric", value: 0 });
    this.unitLabel = element("label", { htmlFor: "any-unit" });
    this.inputLabel = element("label", { htmlFor: "any-input" });
    this.what.addEventListener("change", () => this.limit());
    this.inputField = element("div", { className: "field" }, this.inputLabel, this.input);
    const button = element("button", { type: "submit", className: "primary" }, "Follow it");
    this.element = element(
      "form",
      { className: "any", "aria-labelledby": "any-title" },
      element("h3", { id: "any-title" }, "Any weight or number"),
      element("div", { className: "field" }, element("label", { htmlFor: "any-what" }, "Which kind"), this.what),
      this.inputField,
      element("div", { className: "field" }, this.unitLabel, this.unit),
      button,
    );
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      onChoose(this.code);
    });
  }

  /** The kinds of a network: what is learned, and what comes out of each layer. */
  build(names, isStep) {
    this.names = names;
    const kept = this.what.value;
    const learned = names.arrays.map((array) => ({ text: array.title, array }));
    this.kinds = new Map();
    const groups = [["Learned numbers", "w", ""]];
    if (isStep) groups.push(["Their gradients", "d", "gradient of the "], ["After the step", "u", "new "]);
    const options = groups.map(([title, letter, before]) =>
      element(
        "optgroup",
        { label: title },
        ...learned.map(({ text, array }) => this.option(`${letter}${array.layer}.${array.name}`, before + text, { letter, ...array })),
      ),
    );
    const values = (letter, before) => names.layers.map(({ position, n, what, block }) => {
      const text = position === 0 ? "pixel" : position === names.last ? "logit" : `${what} in layer ${block}`;
      return this.option(`${letter}${position}`, before + text, { letter, position, units: n, inputs: null });
    });
    options.push(element("optgroup", { label: "Values of the image" }, ...values("v", "")));
    if (isStep) options.push(element("optgroup", { label: "Gradients of these" }, ...values("g", "gradient of the ")));
    this.what.replaceChildren(...options);
    if (this.kinds.has(kept)) this.what.value = kept;
    this.limit();
  }

  option(value, text, kind) {
    this.kinds.set(value, kind);
    return element("option", { value }, text);
  }

  limit() {
    const { units, inputs, layer, position } = this.kinds.get(this.what.value);
    const { names } = this;
    const to = layer === undefined ? position : layer + 1;
    const unitName = to === 0 ? "Pixel" : to === names.last ? "Class" : "Neuron";
    this.unitLabel.textContent = `${unitName}, 0–${units - 1}`;
    this.unit.max = units - 1;
    this.unit.value = Math.min(this.unit.value, units - 1);
    this.inputField.hidden = inputs === null;
    this.input.disabled = inputs === null;
    if (inputs === null) return;
    this.inputLabel.textContent = `${layer === 0 ? "From pixel" : "From neuron"}, 0–${inputs - 1}`;
    this.input.max = inputs - 1;
    this.input.value = Math.min(this.input.value, inputs - 1);
  }

  get code() {
    const { letter, layer, name, position, inputs } = this.kinds.get(this.what.value);
    const kind = nodeOf(letter === "v" || letter === "g" ? `${letter}0.0` : `${letter}0.0.weight`).kind;
    const unit = Number(this.unit.value);
    if (layer === undefined) return codeOf({ kind, position, unit });
    return codeOf({ kind, layer, unit, name, input: inputs === null ? undefined : Number(this.input.value) });
  }

  /** Show a number in the fields, if it is of their kinds. */
  show(code) {
    const node = nodeOf(code);
    const key = node.layer === undefined ? `${code[0]}${node.position}` : `${code[0]}${node.layer}.${node.name}`;
    if (!this.kinds.has(key) || node.sample) return;
    this.what.value = key;
    this.unit.value = node.unit;
    if (node.input !== undefined) this.input.value = node.input;
    this.limit();
  }
}
