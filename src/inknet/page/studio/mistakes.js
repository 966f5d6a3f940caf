// Mistakes: the test images that a run misreads, surest first.

import { element, percent } from "../dom.js";
import { imageCanvas } from "./pixels.js";

const PAGE = 60;
const MOST_PAIRS = 10;

export class Mistakes {
  constructor(root, studio) {
    this.studio = studio;
    this.summary = element("p", { className: "lead", role: "status", id: "mistakes-summary" });
    this.true = element("select", { id: "true" });
    this.predicted = element("select", { id: "predicted" });
    for (const one of [this.true, this.predicted]) {
      one.addEventListener("change", () => this.filter(this.true.value, this.predicted.value));
    }
    this.pairs = element("ul", { className: "pairs", "aria-label": "The most frequent pairs" });
    this.list = element("ul", { className: "mistakes", id: "mistakes" });
    this.more = element("button", { type: "button" }, "Show more");
    this.more.addEventListener("click", () => this.load(this.shown).catch((error) => studio.tell(error.message)));
    root.append(
      element("h2", {}, "Mistakes"),
      this.summary,
      element(
        "div",
        { className: "filters" },
        labelled("It is", this.true),
        labelled("It was read as", this.predicted),
        this.pairs,
      ),
      this.list,
      this.more,
    );
  }

  async show(state) {
    const key = [state.run, state.true, state.predicted].join("|");
    if (key === this.key) return;
    this.key = key;
    this.shown = 0;
    this.list.replaceChildren();
    this.pairs.replaceChildren();
    this.more.hidden = true;
    this.summary.textContent = "The test images are being read…";
    try {
      const model = await this.studio.model(state.run);
      if (this.key !== key) return;
      Object.assign(this, { state, model });
      for (const [place, value] of [[this.true, state.true], [this.predicted, state.predicted]]) {
        const options = model.classes.map((name, k) => element("option", { value: k }, name));
        place.replaceChildren(element("option", { value: "" }, "any"), ...options);
        place.value = value ?? "";
      }
      await this.load(0);
    } catch (error) {
      this.key = null;
      this.summary.textContent = "Nothing can be shown for this run.";
      throw error;
    }
  }

  hide() {}

  async load(offset) {
    const { key, state } = this;
    const asked = { run: state.run, true: state.true, predicted: state.predicted, offset, limit: PAGE };
    const { total, n_samples: n, pairs, mistakes } = await this.studio.api.get("/api/mistakes", asked);
    if (this.key !== key) return;
    this.shown = offset + mistakes.length;
    this.summary.textContent = this.sentence(total, n);
    this.list.append(...mistakes.map((one) => this.item(one)));
    this.more.hidden = this.shown >= total;
    this.more.textContent = `Show more (${(total - this.shown).toLocaleString("en")} are left)`;
    if (offset === 0) this.showPairs(pairs);
  }

  sentence(total, n) {
    const { classes } = this.model;
    const { true: is, predicted } = this.state;
    if (is === undefined && predicted === undefined) {
      if (total === 0) return `All ${n.toLocaleString("en")} test images are read right.`;
      const share = n ? ` (${percent(total / n)})` : "";
      return `${total.toLocaleString("en")} of ${n.toLocaleString("en")} test images are misread${share}. The surest mistakes come first. Click one to follow how it went wrong.`;
    }
    const what = `${is === undefined ? "Test images" : `Images of ${classes[is]}`} that were read as ${predicted === undefined ? "something else" : classes[predicted]}`;
    return `${what}: ${total.toLocaleString("en")}.`;
  }

  showPairs(pairs) {
    const { classes } = this.model;
    const isTheChosen = ({ true: is, predicted }) =>
      String(is) === this.state.true && String(predicted) === this.state.predicted;
    const ordered = [...pairs].sort((a, b) => b.n - a.n);
    const most = ordered.filter((pair, place) => place < MOST_PAIRS || isTheChosen(pair));
    this.pairs.replaceChildren(
      ...most.map((pair) => {
        const { true: is, predicted, n } = pair;
        const isChosen = isTheChosen(pair);
        const text = `${classes[is]} → ${classes[predicted]}`;
        const button = element(
          "button",
          { type: "button", "aria-pressed": isChosen, "aria-label": `${classes[is]} read as ${classes[predicted]}, ${n} times` },
          text,
          element("span", { className: "n" }, String(n)),
        );
        button.addEventListener("click", () => (isChosen ? this.filter("", "") : this.filter(is, predicted)));
        return element("li", {}, button);
      }),
    );
  }

  filter(is, predicted) {
    this.studio.go("mistakes", { true: is, predicted });
  }

  item({ row, image, true: is, predicted, probability, probability_of_true: ofTrue }) {
    const { height, width, classes } = this.model;
    const href = this.studio.addressOf({ place: "follow", run: this.state.run, row, label: is });
    const canvas = imageCanvas(image, height, width, "");
    canvas.setAttribute("aria-hidden", "true");
    return element(
      "li",
      {},
      element(
        "a",
        { href },
        canvas,
        element("span", { className: "said" }, "read as ", element("strong", {}, classes[predicted]), element("span", {}, percent(probability))),
        element("span", { className: "said" }, "it is ", element("strong", {}, classes[is]), element("span", {}, percent(ofTrue))),
      ),
    );
  }
}

function labelled(text, select) {
  return element("div", { className: "field" }, element("label", { htmlFor: select.id }, text), select);
}
