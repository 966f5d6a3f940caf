// Two or more runs laid over one another, and where their recipes differ.

import { element, number, percent } from "../dom.js";
import { Chart } from "./charts.js";
import { textOf } from "./form.js";

const MOST = 6;
const CURVES = [
  { key: "val_accuracy", title: "Validation accuracy", text: percent },
  { key: "val_loss", title: "Validation loss", text: number },
  { key: "train_loss", title: "Training loss", text: number },
];
const SAME = ["name"]; // keys that say nothing about how a network learns

export class Comparison {
  constructor(studio, onClear) {
    this.studio = studio;
    this.charts = element("div", { className: "charts" });
    this.table = element("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": "Differences of the recipes" });
    this.note = element("p", { className: "note" });
    const clear = element("button", { type: "button" }, "Compare no longer");
    clear.addEventListener("click", onClear);
    this.title = element("h2", { id: "compared-title" }, "Compared");
    this.element = element(
      "section",
      { className: "card compared", id: "compared", "aria-labelledby": "compared-title", hidden: true },
      this.title,
      this.note,
      this.charts,
      element("h3", {}, "Where they differ"),
      this.table,
      element("p", { className: "actions" }, clear),
    );
    this.plots = [];
  }

  async show(ids) {
    const key = ids.join("/");
    if (key === this.key) {
      this.plots.forEach((plot) => plot.repaint());
      return;
    }
    this.key = key;
    this.element.hidden = ids.length === 0;
    if (ids.length === 0) return;
    this.title.textContent = ids.length === 1 ? "One run" : `${Math.min(ids.length, MOST)} runs laid over one another`;
    this.note.textContent = ids.length === 1 ? "Tick another to compare it with." : ids.length > MOST ? `The first ${MOST} that were ticked.` : "";
    const answers = await Promise.all(
      ids.slice(0, MOST).map((run) => this.studio.api.get("/api/run", { run }).catch((error) => ({ id: run, error }))),
    );
    if (this.key !== key) return;
    const failed = answers.filter(({ error }) => error);
    if (failed.length) this.studio.tell(failed.map(({ error }) => error.message).join(" "));
    const runs = answers.filter(({ error }) => !error);
    this.draw(runs.filter(({ history }) => history?.epoch?.length));
    this.differences(runs);
  }

  draw(runs) {
    const epochs = [...new Set(runs.flatMap(({ history }) => history.epoch))].sort((a, b) => a - b);
    this.plots = CURVES.map(({ title, text }) => new Chart({ title, text, series: runs.map(({ id }) => ({ name: id })) }));
    this.charts.replaceChildren(...this.plots.map((plot) => plot.element));
    this.plots.forEach((plot, i) => {
      const columns = runs.map(({ history }) => {
        const values = new Map(history.epoch.map((epoch, at) => [epoch, history[CURVES[i].key]?.[at] ?? null]));
        return epochs.map((epoch) => values.get(epoch) ?? null);
      });
      plot.show([epochs, ...columns]);
    });
  }

  differences(runs) {
    const tables = new Map(runs.map((run) => [run, flat(run.recipe)]));
    const keys = [...new Set([...tables.values()].flatMap(Object.keys))];
    const text = (run, key) => textOf(tables.get(run)[key]);
    const different = keys.filter((key) => !SAME.includes(key) && new Set(runs.map((run) => text(run, key))).size > 1);
    const accuracy = ({ metrics }) => metrics?.test?.accuracy;
    const row = (name, values) =>
      element("tr", {}, element("th", { scope: "row" }, name), ...values.map((value) => element("td", {}, value)));
    const rows = [
      row("test accuracy", runs.map((run) => (typeof accuracy(run) === "number" ? percent(accuracy(run)) : "–"))),
      ...different.map((key) => row(element("code", {}, key), runs.map((run) => text(run, key)))),
    ];
    if (different.length === 0 && runs.length > 1) {
      rows.push(element("tr", {}, element("td", { colSpan: runs.length + 1 }, "Their recipes are the same.")));
    }
    const head = element("tr", {}, element("th", { scope: "col" }, "key"), ...runs.map(({ id }) => element("th", { scope: "col" }, id)));
    this.table.replaceChildren(element("table", { className: "differences", id: "differences" }, element("thead", {}, head), element("tbody", {}, ...rows)));
  }
}

/** A recipe with dotted keys. */
function flat(table, prefix = "") {
  return Object.fromEntries(
    Object.entries(table ?? {}).flatMap(([key, value]) =>
      value !== null && typeof value === "object" && !Array.isArray(value)
        ? Object.entries(flat(value, `${prefix}${key}.`))
        : [[`${prefix}${key}`, value]],
    ),
  );
}
