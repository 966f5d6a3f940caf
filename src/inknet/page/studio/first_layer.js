// The weights of the first layer as images: what each neuron looks for.

import { element } from "../dom.js";
import { decoded } from "../network.js";
import { rgb } from "../theme.js";
import { bytesOf } from "./pixels.js";

const MOST = 36;
const NOTHING = 128; // the byte of a weight of 0

export class FirstLayer {
  constructor() {
    this.element = element("div", { className: "neurons", role: "img", "aria-label": "Weights of neurons of the first layer as images" });
    this.images = [];
  }

  /** Show neurons as they arrive while training: base64 of bytes, 128 for a weight of 0. */
  showBytes(neurons, height, width) {
    this.show(neurons.slice(0, MOST).map((one) => Float32Array.from(bytesOf(one), (byte) => (byte - NOTHING) / 127)), height, width);
  }

  /** Show those of a trained model. */
  showModel({ layers: [{ to, type, weight }], height, width }) {
    const all = decoded(weight, type);
    const n = Math.min(to, MOST);
    const images = Array.from({ length: n }, (_, unit) => {
      const values = Float32Array.from({ length: height * width }, (_, i) => all[i * to + unit]);
      const most = values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0) || 1;
      return values.map((value) => value / most);
    });
    this.show(images, height, width);
  }

  /** Show images of numbers from −1 to 1. */
  show(images, height, width) {
    Object.assign(this, { images, height, width });
    while (this.element.children.length > images.length) this.element.lastChild.remove();
    const [base, positive, negative] = ["--cell", "--accent", "--against"].map(rgb);
    images.forEach((values, place) => {
      const canvas = this.element.children[place] ?? element("canvas");
      if (canvas.parentElement === null) this.element.append(canvas);
      if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
      const context = canvas.getContext("2d");
      const image = context.createImageData(width, height);
      values.forEach((value, i) => {
        const end = value < 0 ? negative : positive;
        const share = Math.min(1, Math.abs(value));
        for (let c = 0; c < 3; c++) image.data[4 * i + c] = base[c] + share * (end[c] - base[c]);
        image.data[4 * i + 3] = 255;
      });
      context.putImageData(image, 0, 0);
    });
  }

  repaint() {
    this.show(this.images, this.height, this.width);
  }
}
