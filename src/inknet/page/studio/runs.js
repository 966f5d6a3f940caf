// Runs: every run folder in a table; some of them compared; and the studies.

import { card } from "../cards.js";
import { element, percent } from "../dom.js";
import { Studies } from "./studies.js";

const PAGE = 50;
const PAUSE = 200;
const BETWEEN = "/"; // no name of a run has it
const COLUMNS = [
  { key: "id", name: "Run" },
  { key: "recipe", name: "Recipe" },
  { key: "source", name: "Data" },
  { key: "test_accuracy", name: "Test accuracy", isNumber: true, text: ({ test_accuracy: x }) => number(x, percent) },
  { key: "test_errors", name: "Errors", isNumber: true, text: errors },
  { key: "n_parameters", name: "Weights", isNumber: true, text: ({ n_parameters: n }) => number(n, (x) => x.toLocaleString("en")) },
  { key: "epochs", name: "Epochs", isNumber: true, text: ({ epochs }) => number(epochs, String) },
  { key: "seed", name: "Seed", isNumber: true, text: ({ seed }) => number(seed, String) },
  { key: "seconds", name: "Time", isNumber: true, text: ({ seconds }) => number(seconds, duration) },
  { key: "when", name: "When", text: ({ when }) => moment(when) },
];

export class Runs {
  constructor(root, studio) {
    this.studio = studio;
    this.chosen = [];
    this.filter = element("input", { type: "search", id: "filter", autocomplete: "off", placeholder: "name, recipe or data" });
    this.filter.addEventListener("input", () => {
      clearTimeout(this.later);
      this.later = setTimeout(() => this.change({ filter: this.filter.value.trim() || null }), PAUSE);
    });
    this.summary = element("p", { className: "note", role: "status", id: "runs-summary" });
    this.body = element("tbody");
    this.headings = COLUMNS.map((column) => this.heading(column));
    const head = element("tr", {}, element("th", { scope: "col" }, element("span", { className: "hidden" }, "Compare")), ...this.headings.map(({ cell }) => cell));
    const table = element("table", { className: "runs", id: "runs" }, element("thead", {}, head), this.body);
    this.more = element("button", { type: "button", hidden: true }, "Show more");
    this.more.addEventListener("click", () => this.load(this.n).catch((error) => studio.tell(error.message)));
    this.comparison = null; // is loaded, with what draws its curves, when it is asked for
    this.compared = element("div");
    this.studies = new Studies(studio);
    const field = element("div", { className: "field" }, element("label", { htmlFor: "filter" }, "Filter"), this.filter);
    root.append(
      card(
        "all-runs",
        "Runs",
        element("div", { className: "filters" }, field, this.summary),
        element("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": "Table of runs" }, table),
        this.more,
      ),
      this.compared,
      this.studies.element,
    );
  }

  heading({ key, name, isNumber }) {
    const button = element("button", { type: "button" }, name, element("span", { className: "arrow", "aria-hidden": "true" }));
    const cell = element("th", { scope: "col", className: isNumber ? "number" : "" }, button);
    button.addEventListener("click", () => {
      const isDown = this.sort === key && this.order === "desc";
      const isFirst = this.sort !== key;
      this.change({ sort: key, order: isFirst ? (isNumber || key === "when" ? "desc" : "asc") : isDown ? "asc" : "desc" });
    });
    return { key, cell };
  }

  change(parameters) {
    this.studio.remember(parameters);
    this.show(this.studio.shown).catch((error) => this.studio.tell(error.message));
  }

  async show(state) {
    const { sort = "when", order = "desc", filter = "" } = state;
    this.chosen = (state.with ?? "").split(BETWEEN).filter(Boolean);
    Object.assign(this, { sort, order });
    if (document.activeElement !== this.filter) this.filter.value = filter;
    this.headings.forEach(({ key, cell }) => {
      if (key === sort) cell.setAttribute("aria-sort", order === "asc" ? "ascending" : "descending");
      else cell.removeAttribute("aria-sort");
    });
    const key = [sort, order, filter].join("|");
    if (key !== this.key) {
      this.key = key;
      await this.load(0);
    }
    this.mark();
    this.studies.show(state.study);
    await this.compare();
  }

  async compare() {
    if (this.comparison === null && this.chosen.length === 0) return;
    if (this.comparison === null) {
      const { Comparison } = await import("./comparison.js");
      this.comparison ??= new Comparison(this.studio, () => this.change({ with: null }));
      this.compared.replaceChildren(this.comparison.element);
    }
    await this.comparison.show(this.chosen);
  }

  hide() {
    this.key = null; // there may be others when it is shown again
  }

  async load(offset) {
    const { sort, order, key } = this;
    const { total, runs } = await this.studio.api.get("/api/runs", { offset, limit: PAGE, sort, order, filter: this.filter.value.trim() });
    if (this.key !== key) return;
    if (offset === 0) this.body.replaceChildren();
    this.body.append(...runs.map((run) => this.row(run)));
    this.n = offset + runs.length;
    this.more.hidden = this.n >= total;
    this.more.textContent = `Show more (${(total - this.n).toLocaleString("en")} are left)`;
    this.summary.textContent = total
      ? `${total.toLocaleString("en")} run${total === 1 ? "" : "s"}. Tick two or more to compare them.`
      : "No run is like that. Train one, or ask for others.";
    this.mark();
    requestAnimationFrame(() => performance.mark("runs shown"));
  }

  row(run) {
    const box = element("input", { type: "checkbox", value: run.id, "aria-label": `Compare ${run.id}` });
    box.addEventListener("change", () => {
      const others = this.chosen.filter((id) => id !== run.id);
      this.change({ with: (box.checked ? [...others, run.id] : others).join(BETWEEN) || null });
    });
    const place = run.state === "training" || run.state === "unfinished" ? "train" : "draw";
    const cells = COLUMNS.map(({ key, isNumber, text }) => {
      const content = key === "id" ? this.name(run, place) : [text ? text(run) : (run[key] ?? "–")];
      return element(key === "id" ? "th" : "td", key === "id" ? { scope: "row" } : { className: isNumber ? "number" : "" }, ...content);
    });
    return element("tr", { className: run.state }, element("td", {}, box), ...cells);
  }

  name({ id, state }, place) {
    const link = element("a", { href: this.studio.addressOf({ place, run: id }) }, id);
    if (state === "broken") return [id, element("span", { className: "tag" }, "cannot be read")];
    const curves = element("a", { className: "quiet", href: this.studio.addressOf({ place: "train", run: id }), "aria-label": `Curves of ${id}` }, "curves");
    return state === "finished" ? [link, curves] : [link, element("span", { className: "tag" }, state)];
  }

  mark() {
    for (const box of this.body.querySelectorAll("input")) box.checked = this.chosen.includes(box.value);
  }
}

function number(value, text) {
  return typeof value === "number" ? text(value) : "–";
}

function errors({ test_errors: wrong, test_samples: n }) {
  if (typeof wrong !== "number") return "–";
  return n ? `${wrong.toLocaleString("en")} of ${n.toLocaleString("en")}` : wrong.toLocaleString("en");
}

export function duration(seconds) {
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}

function moment(when) {
  const date = new Date(when ?? NaN);
  if (Number.isNaN(date.getTime())) return "–";
  return date.toLocaleString("en", { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", hour12: false });
}
