// Mistakes.

import { element } from "../dom.js";

export class Mistakes {
  constructor(root, studio) {
    this.studio = studio;
    root.append(element("h2", {}, "Mistakes"));
  }

  async show() {}

  hide() {}
}
