// Draw.

import { element } from "../dom.js";

export class Draw {
  constructor(root, studio) {
    this.studio = studio;
    root.append(element("h2", {}, "Draw"));
  }

  async show() {}

  hide() {}
}
