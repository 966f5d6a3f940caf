// The training images most like what is drawn.

import { card } from "../cards.js";
import { element } from "../dom.js";
import { imageCanvas } from "./pixels.js";

const N = 8;

export class Similar {
  /** `onFollow(image, label)` is called when one is clicked. */
  constructor(studio, model, onFollow) {
    Object.assign(this, { studio, model, onFollow });
    this.list = element("ul", { className: "samples", id: "similar" });
    this.note = element("p", { className: "note", role: "status" });
    this.element = card("similar", "What it learned that is most like it", this.note, this.list);
    this.clear();
  }

  clear() {
    this.list.replaceChildren();
    this.note.textContent = "Draw, and here are the training images nearest to it.";
  }

  /** Ask for those nearest to an image, and show them if they are still wanted then. */
  async show(run, image, isCurrent) {
    try {
      const { digits } = await this.studio.api.post("/api/similar", { run }, { image, n: N });
      if (!isCurrent()) return;
      this.note.textContent = "The nearest training images, pixel by pixel, and what they are labelled.";
      this.list.replaceChildren(...digits.map((one) => this.item(one)));
    } catch (error) {
      if (!isCurrent()) return;
      this.list.replaceChildren();
      this.note.textContent = error.message;
    }
  }

  item({ image, label, distance }) {
    const { height, width, classes } = this.model;
    const name = classes[label] ?? String(label);
    const button = element(
      "button",
      { type: "button", title: `Distance ${distance.toFixed(2)}. Follow how it is learned.` },
      imageCanvas(image, height, width, `A training image of ${name}`),
      element("span", {}, name),
    );
    button.addEventListener("click", () => this.onFollow(image, classes[label] === undefined ? classes.indexOf(name) : label));
    return element("li", {}, button);
  }
}
