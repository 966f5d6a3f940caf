// Runs.

import { element } from "../dom.js";

export class Runs {
  constructor(root, studio) {
    this.studio = studio;
    root.append(element("h2", {}, "Runs"));
  }

  async show() {}

  hide() {}
}
