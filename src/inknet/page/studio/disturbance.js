// Break it on purpose: noise on the image, neurons switched off; and see how much the network bears.

import { card } from "../cards.js";
import { element } from "../dom.js";

const SEED = 20240229;

/** Numbers from 0 to 1 that are the same each time (mulberry32). */
function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export class Disturbance {
  /** `onChange()` is called when a slider was moved. */
  constructor({ network, reader }, onChange) {
    Object.assign(this, { network, reader });
    this.noise = slider("noise", "Noise on the image", onChange);
    this.off = slider("off", "Neurons switched off", onChange);
    this.mend = element("button", { type: "button", id: "mend" }, "Mend it");
    this.mend.addEventListener("click", () => {
      this.set(0, 0);
      onChange();
    });
    this.said = element("p", { className: "note", id: "broken", role: "status" });
    this.element = card(
      "break",
      "Break it",
      element("p", { className: "note" }, "How much can go wrong before the answer does?"),
      this.noise.element,
      this.off.element,
      this.said,
      this.mend,
    );
    const random = generator(SEED);
    const n = network.layers[0].from;
    this.normal = Float32Array.from({ length: n }, () =>
      Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()),
    );
    // neurons go off in an order that is drawn once, so that a slider back brings the same ones back
    this.orders = network.layers.slice(0, -1).map(({ to }) => {
      const order = Array.from({ length: to }, (_, unit) => ({ unit, at: random() }));
      return order.sort((a, b) => a.at - b.at).map(({ unit }) => unit);
    });
    this.set(0, 0);
  }

  get isOn() {
    return this.noise.value > 0 || this.off.value > 0;
  }

  get parameters() {
    return { noise: this.noise.value || null, off: this.off.value || null };
  }

  /** Set both, in percent. */
  set(noise, off) {
    this.noise.set(noise);
    this.off.set(off);
    this.apply();
  }

  apply() {
    const size = this.noise.value / 100;
    this.reader.noise = size ? this.normal.map((value) => value * size) : null;
    const share = this.off.value / 100;
    this.orders.forEach((order, l) => {
      const off = new Uint8Array(order.length);
      order.slice(0, Math.round(share * order.length)).forEach((unit) => (off[unit] = 1));
      this.network.off[l] = share ? off : null;
    });
    this.mend.hidden = !this.isOn;
  }

  /** Say what the answer would be if nothing was broken; null if nothing was read. */
  say(sentence) {
    this.said.textContent = sentence;
  }

  /** Compute something as if nothing was broken. */
  unbroken(compute) {
    const { noise } = this.reader;
    const { off } = this.network;
    this.reader.noise = null;
    this.network.off = off.map(() => null);
    const result = compute();
    this.reader.noise = noise;
    this.network.off = off;
    return result;
  }
}

function slider(id, name, onChange) {
  const input = element("input", { type: "range", id, min: 0, max: 100, step: 1 });
  const output = element("output", { htmlFor: id });
  const show = () => (output.textContent = `${input.value} %`);
  input.addEventListener("input", () => {
    show();
    onChange();
  });
  return {
    element: element("div", { className: "slider" }, element("label", { htmlFor: id }, name), output, input),
    get value() {
      return Number(input.value);
    },
    set(value) {
      input.value = value;
      show();
    },
  };
}
