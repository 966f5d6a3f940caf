// The studio: five places, one run that all of them show, and an address that holds the state.
//
// The address is "#place=draw&run=ID&…". A place is a class with `show(state)`, where `state` has all
// of the address as text, and `hide()`. A link to *Follow a number* has `row`, the number of a test
// sample, or `image`, base64 of the image as the network sees it; and `label`, the number of a class.

import { element, percent } from "../dom.js";
import * as api from "./api.js";

const PLACES = {
  draw: { title: "Draw", name: "Draw", load: () => import("./draw.js") },
  follow: { title: "Follow a number", short: "Follow", name: "Follow", load: () => import("./follow.js") },
  train: { title: "Train", name: "Train", load: () => import("./train.js") },
  runs: { title: "Runs", name: "Runs", load: () => import("./runs.js") },
  mistakes: { title: "Mistakes", name: "Mistakes", load: () => import("./mistakes.js") },
};
const FIRST = "draw";
// What Draw imports, and what that imports: asked for at once, instead of level by level.
const AHEAD = [
  "address.js",
  "answer.js",
  "bars.js",
  "cards.js",
  "deslanting.js",
  "drawing.js",
  "follow.js",
  "grid.js",
  "images.js",
  "network.js",
  "pad.js",
  "photo/character.js",
  "photo/exact.js",
  "photo/fitting.js",
  "photo/image.js",
  "photo/ink.js",
  "photo/lines.js",
  "photo/opening.js",
  "photo/parts.js",
  "photo/several.js",
  "picture.js",
  "reading.js",
  "strokes.js",
  "studio/api.js",
  "studio/corrections.js",
  "studio/disturbance.js",
  "studio/events.js",
  "studio/pixels.js",
  "studio/server_reading.js",
  "studio/similar.js",
  "theme.js",
];
const N_RECENT = 30;
export const PRETRAINED = "pretrained";

const byId = (id) => document.getElementById(id);

/** The name of a run, as a menu or a caption shows it. */
export function runTitle({ id, recipe, test_accuracy: accuracy, state }) {
  if (id === PRETRAINED) return "the model in the package";
  const result = typeof accuracy === "number" ? percent(accuracy) : state;
  return [id, recipe && !id.includes(recipe) ? recipe : null, result].filter(Boolean).join(" · ");
}

class Studio {
  constructor(state) {
    this.api = api;
    this.state = state;
    this.recent = [];
    this.models = new Map();
    this.opened = new Map(); // name of a place → promise of its module's object
    this.place = null;
    this.links = this.buildPlaces();
    this.picker = this.buildPicker();
    window.addEventListener("hashchange", () => this.open());
    document.querySelector(".skip").addEventListener("click", (event) => {
      event.preventDefault(); // the address holds the state
      byId("main").focus();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
      setTimeout(() => this.open()),
    );
  }

  /** What the address says. */
  get shown() {
    const state = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
    if (!(state.place in PLACES)) state.place = FIRST;
    const trained = state.place === "train" ? this.state.training : null;
    state.run ??= trained ?? this.state.run ?? PRETRAINED;
    return state;
  }

  get run() {
    return this.shown.run;
  }

  /** The description of a run's model, which `new Network(…)` takes. */
  model(run = this.run) {
    if (!this.models.has(run)) {
      const promise = api.get("/api/model", { run });
      promise.catch(() => this.models.delete(run));
      this.models.set(run, promise);
    }
    return this.models.get(run);
  }

  /** Go to a place; the run stays, unless `params` has another. */
  go(place, params = {}) {
    location.hash = this.addressOf({ place, run: this.run, ...params });
  }

  /** Change what the address says of the place that is open; null takes a parameter away. */
  remember(params) {
    const hash = this.addressOf({ ...this.shown, ...params });
    if (hash !== location.hash) history.replaceState(null, "", hash);
    this.setLinks();
  }

  addressOf(params) {
    const given = Object.entries(params).filter(
      ([, value]) => value !== null && value !== undefined && value !== "",
    );
    return `#${new URLSearchParams(given)}`;
  }

  /** Show a sentence at the top; "" takes it away. */
  tell(sentence) {
    byId("trouble").textContent = sentence;
    byId("trouble").hidden = sentence === "";
  }

  buildPlaces() {
    const links = {};
    for (const [name, { title, short }] of Object.entries(PLACES)) {
      const long = element("span", { className: short ? "long" : "" }, title);
      const parts = short ? [long, element("span", { className: "short" }, short)] : [long];
      links[name] = element("a", {}, ...parts);
    }
    byId("places").append(...Object.values(links));
    return links;
  }

  setLinks() {
    const { place, run } = this.shown;
    for (const [name, link] of Object.entries(this.links)) {
      link.href = this.addressOf({ place: name, run });
      if (name === place) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  }

  buildPicker() {
    const picker = element("select", { id: "run" });
    picker.addEventListener("change", () => this.go(this.shown.place, { run: picker.value }));
    byId("picker").append(element("label", { htmlFor: "run" }, "Run"), picker);
    return picker;
  }

  /** Ask again which runs there are, and list them in the menu. */
  async refresh() {
    const { runs } = await api.get("/api/runs", { limit: N_RECENT, sort: "when", order: "desc" });
    this.recent = runs;
    this.setPicker();
  }

  setPicker() {
    const { run } = this.shown;
    const runs = [...this.recent, { id: PRETRAINED }];
    if (!runs.some(({ id }) => id === run)) runs.unshift({ id: run });
    this.picker.replaceChildren(
      ...runs.map((one) => element("option", { value: one.id }, runTitle(one))),
    );
    this.picker.value = run;
  }

  async open() {
    const state = this.shown;
    const { title, name, load } = PLACES[state.place];
    this.tell("");
    this.setLinks();
    this.setPicker();
    document.title = `${title} – inknet studio`;
    if (this.place !== state.place) {
      const before = this.place;
      this.place = state.place;
      if (before !== null) await this.leave(before);
    }
    if (!this.opened.has(state.place)) {
      const root = element("section", { id: `place-${state.place}`, className: "place", role: "group", "aria-label": title, tabIndex: -1 });
      byId("main").append(root);
      const promise = load().then((module) => ({ root, object: new module[name](root, this) }));
      promise.catch(() => {
        root.remove();
        this.opened.delete(state.place);
      });
      this.opened.set(state.place, promise);
    }
    try {
      const { root, object } = await this.opened.get(state.place);
      if (this.place !== state.place) return;
      byId("waiting")?.remove();
      root.hidden = false;
      await object.show(state);
      if (document.activeElement === document.body && this.hasMoved) root.focus({ preventScroll: true });
      this.hasMoved = true;
    } catch (error) {
      byId("waiting")?.remove();
      if (this.place === state.place) this.tell(error.message);
    }
  }

  async leave(place) {
    const opened = await this.opened.get(place)?.catch(() => null);
    if (!opened) return;
    opened.root.hidden = true;
    opened.object.hide();
    scrollTo(0, 0);
  }
}

/** Ask for the modules of the place that the address names before anything else is known. */
function hasten() {
  const place = new URLSearchParams(location.hash.slice(1)).get("place") ?? FIRST;
  if (place === FIRST) {
    const links = AHEAD.map((name) =>
      element("link", { rel: "modulepreload", href: new URL(`../${name}`, import.meta.url).href }),
    );
    document.head.append(...links);
  }
  PLACES[place]?.load().catch(() => {}); // said when it is opened
}

async function start() {
  hasten();
  let studio;
  try {
    studio = new Studio(await api.get("/api/state"));
  } catch (error) {
    byId("waiting")?.remove();
    byId("trouble").textContent = error.message;
    byId("trouble").hidden = false;
    return;
  }
  await studio.open(); // before the menu: what was asked for comes first
  studio.refresh().catch((error) => studio.tell(error.message));
}

start();
