// Follow a number: any number of a network as the sum that it is, from the loss back to the pixels.
//
// The address has `mode` (answers or learns), `row` of a test image or `image`, `label`, and `path`:
// the numbers that were followed, see `follow_path`. All numbers come from the server, where the
// layers of `inknet.nn` compute them.

import { card } from "../cards.js";
import { element, percent } from "../dom.js";
import { AnyNumber, Digit } from "./follow_choose.js";
import { FollowedNumber, exact } from "./follow_number.js";
import { Overview } from "./follow_overview.js";
import { forwardPart, longer, Names, nodeOf, pathOf, textOf } from "./follow_path.js";
import { Source } from "./follow_source.js";

const MOST = 1000; // terms that are asked for; those that the page does not show are added by it
const KEPT = 12; // overviews

export class Follow {
  constructor(root, studio) {
    Object.assign(this, { root, studio });
    this.kept = new Map(); // what was asked → promise of its answer
    this.digit = new Digit((changes) => this.change(changes));
    this.overview = new Overview((code) => this.follow([code], false));
    this.any = new AnyNumber((code) => this.follow([code], true));
    this.number = new FollowedNumber({
      onLead: (code) => this.follow(longer(this.path, code), true),
      onBack: (i) => this.follow(this.path.slice(0, i + 1), true),
    });
    this.source = new Source();
    this.live = element("p", { className: "hidden", role: "status" });
    this.digitCard = card("follow-digit", "Follow a number", this.digit.element);
    this.networkCard = card(
      "follow-network",
      "The network",
      element("p", { className: "note" }, "Click any number: a pixel, a cell of a layer, a bar. With the keyboard: arrows, then Enter."),
      this.overview.element,
      this.any.element,
    );
    this.numberCard = card("follow-number", "The number", this.number.element);
    this.sourceCard = card("follow-source", "The lines that compute it", this.source.element);
    this.place = element("div", { className: "following" }, this.digitCard, this.networkCard, element("div", { className: "written-out" }, this.numberCard, this.sourceCard));
    this.empty = element("p", { className: "empty", hidden: true });
    this.waiting = element("p", { className: "waiting" }, "The network computes…");
    this.place.hidden = true;
    root.append(this.waiting, this.empty, this.place, this.live);
  }

  async show(state) {
    const asked = (this.asked = {});
    const isCurrent = () => this.asked === asked;
    try {
      await this.load(state, isCurrent);
    } catch (error) {
      if (!isCurrent()) return;
      this.moving = undefined;
      if (this.shownRun !== state.run || this.place.hidden) this.showEmpty(state);
      this.place.removeAttribute("aria-busy");
      throw error;
    }
  }

  hide() {
    this.asked = null;
  }

  showEmpty({ row, image }) {
    this.place.hidden = true;
    this.waiting.hidden = true;
    this.empty.hidden = false;
    const isTest = image === undefined && Number(row ?? 0) > 0;
    this.empty.replaceChildren("There is no number to follow here. Choose another run above");
    if (!isTest) {
      this.empty.append(", or draw a digit and follow it from there.");
      return;
    }
    const button = element("button", { type: "button" }, "first test image");
    button.addEventListener("click", () => this.change({ row: 0, label: null, image: null }));
    this.empty.append(", or take the ", button, ".");
  }

  async load(state, isCurrent) {
    const { run } = state;
    this.place.setAttribute("aria-busy", "true");
    if (run !== this.shownRun) {
      this.place.hidden = true;
      this.empty.hidden = true;
      this.waiting.hidden = false;
    }
    const mode = state.mode === "learns" ? "learns" : "answers";
    const model = await this.studio.model(run);
    const sample = await this.sample(state, run);
    const label = await this.labelOf(state, sample, run, model);
    const overview = await this.overviewOf(run, sample.image, label, mode);
    if (!isCurrent()) return;
    const isStep = mode === "learns";
    const names = new Names(model, overview);
    const all = pathOf(state.path);
    const start = [isStep ? "l" : `p${overview.predicted}`];
    let path = isStep ? all : forwardPart(all);
    if (!names.knows(path)) this.studio.tell("This network has no such number; the path begins here.");
    if (path.length === 0 || !names.knows(path)) path = start;
    const asked = [path.at(-1), ...(isStep ? ["s"] : [])];
    const [found, ownLoss] = await Promise.all(asked.map((code) => this.found(run, sample.image, label, mode, code)));
    if (!isCurrent()) return;

    Object.assign(this, { path, shownRun: run });
    this.place.hidden = false;
    this.waiting.hidden = true;
    this.empty.hidden = true;
    const shape = `${run}|${mode}`;
    if (this.shape !== shape) {
      this.shape = shape;
      this.overview.build(model, names, isStep);
      this.any.build(names, isStep);
    }
    this.digit.show({ row: sample.row, mode, label }, model.classes);
    this.digit.explain(mode, names, overview.n);
    this.digit.summary.textContent = this.sentence(overview, label, sample, model.classes);
    this.overview.show(overview, label);
    if (isStep) this.overview.showOwnLoss(ownLoss.value);
    this.overview.follow(path.at(-1));
    this.any.show(path.at(-1));
    this.number.show(found, path, { names, isStep, label });
    this.source.show(found.sources);
    this.place.dataset.number = path.at(-1);
    this.place.removeAttribute("aria-busy");
    this.live.textContent = `${found.title}: ${exact(found.value)}`;
    this.afterwards();
    this.count(run);
  }

  /** Move to the number if a click asked for it. */
  afterwards() {
    if (this.moving === undefined) return;
    const isInside = this.moving;
    this.moving = undefined;
    const box = this.numberCard.getBoundingClientRect();
    if (box.top > innerHeight - 200 || box.top < -20) {
      const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
      this.numberCard.scrollIntoView({ behavior, block: "start" });
    }
    if (isInside) this.number.title.focus({ preventScroll: true });
  }

  async sample(state, run) {
    if (state.image !== undefined) return { row: null, image: state.image, label: null };
    const row = /^\d{1,8}$/.test(state.row ?? "0") ? Number(state.row ?? 0) : 0;
    return this.once(`sample|${run}|${row}`, () => this.studio.api.get("/api/sample", { run, row }));
  }

  async labelOf(state, sample, run, model) {
    const given = /^\d{1,6}$/.test(state.label ?? "") ? Number(state.label) : sample.label;
    if (given !== null && given < model.classes.length) return given;
    return (await this.overviewOf(run, sample.image, 0, "answers")).predicted;
  }

  overviewOf(run, image, label, mode) {
    const key = ["overview", run, image, mode, mode === "learns" ? label : ""].join("|");
    return this.once(key, () => this.studio.api.post("/api/follow/overview", { run }, { image, label, mode }));
  }

  found(run, image, label, mode, code) {
    const key = ["number", run, image, mode, label, code].join("|");
    return this.once(key, () => this.studio.api.post("/api/follow", { run }, { image, label, mode, node: nodeOf(code), most: MOST }));
  }

  /** Ask, unless the answer is known; the latest answers are kept. */
  once(key, ask) {
    if (!this.kept.has(key)) {
      const promise = ask();
      promise.catch(() => this.kept.delete(key));
      this.kept.set(key, promise);
      for (const old of [...this.kept.keys()].slice(0, -KEPT * 3)) this.kept.delete(old);
    }
    return this.kept.get(key);
  }

  /** Say how many test images there are, which is not needed for anything else. */
  async count(run) {
    const found = await this.once(`count|${run}`, () => this.studio.api.get("/api/mistakes", { run, limit: 1 })).catch(() => null);
    if (this.shownRun === run) this.digit.setNumber(found?.n_samples ?? null);
  }

  sentence({ probabilities, predicted }, label, sample, classes) {
    const said = `The network reads ${classes[predicted]}, with ${percent(probabilities[predicted])}`;
    const isRight = predicted === label;
    const truth = isRight ? ", which is right." : `; it is ${classes[label]}, which gets ${percent(probabilities[label])}.`;
    const isChanged = sample.label !== null && sample.label !== label;
    return said + truth + (isChanged ? ` In the test data it is ${classes[sample.label]}.` : "");
  }

  /** What the address says of this place. */
  get parameters() {
    const { run, row, image, label, mode } = this.studio.shown;
    return { run, row, image, label, mode, path: this.path ? textOf(this.path) : undefined };
  }

  follow(path, isInside) {
    this.moving = isInside;
    const before = location.hash;
    this.change({ path: textOf(path) });
    if (location.hash === before) this.afterwards();
  }

  change(changes) {
    this.studio.go("follow", { ...this.parameters, ...changes });
  }
}
