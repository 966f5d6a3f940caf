// Train.

import { element } from "../dom.js";

export class Train {
  constructor(root, studio) {
    this.studio = studio;
    root.append(element("h2", {}, "Train"));
  }

  async show() {}

  hide() {}
}
