// The bars of the classes: how probable each is.

import { element, percent } from "./dom.js";

const MOST = 12;

export class Bars {
  /** `onChoose(k)` is called when the bar of class `k` is clicked. */
  constructor(list, classes, onChoose) {
    this.classes = classes;
    const isShort = classes.length <= 10 && classes.every((name) => name.length < 3);
    list.classList.toggle("columns", isShort);
    list.classList.toggle("named", classes.some((name) => name.length > 3));
    this.bars = classes.slice(0, MOST).map(() => {
      const bar = {
        name: element("span", { className: "name" }),
        fill: element("span", { className: "fill" }),
        value: element("span", { className: "value" }),
      };
      const track = element("span", { className: "track", "aria-hidden": "true" }, bar.fill);
      bar.button = element("button", { type: "button" }, bar.name, track, bar.value);
      bar.item = element("li", {}, bar.button);
      bar.button.addEventListener("click", () => onChoose(bar.k));
      list.append(bar.item);
      return bar;
    });
  }

  /** Show the probabilities of a character, of many classes the largest; nothing if it is null. */
  show(character) {
    const { classes } = this;
    let order = Array.from(classes.keys());
    if (character && classes.length > MOST) {
      order = order.sort((a, b) => character.probabilities[b] - character.probabilities[a]);
    }
    this.bars.forEach((bar, place) => {
      const k = order[place];
      const p = character?.probabilities[k] ?? 0;
      bar.k = k;
      bar.name.textContent = classes[k];
      bar.name.title = classes[k];
      bar.fill.style.setProperty("--p", p);
      bar.value.textContent = character ? percent(p) : "–";
      bar.button.disabled = !character;
      bar.item.classList.toggle("best", character?.best === k);
    });
  }
}
