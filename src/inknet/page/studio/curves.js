// The curves of one training, and their numbers as a table.

import { element, number, percent } from "../dom.js";
import { Chart } from "./charts.js";

const COLUMNS = ["epoch", "train_loss", "val_loss", "train_accuracy", "val_accuracy", "learning_rate"];

export class Curves {
  constructor() {
    this.element = element("div", { className: "charts" });
    this.table = element("tbody");
    const head = ["Epoch", "Training loss", "Validation loss", "Training accuracy", "Validation accuracy", "Learning rate"];
    const titles = element("tr", {}, ...head.map((text) => element("th", { scope: "col" }, text)));
    this.details = element(
      "details",
      { className: "numbers" },
      element("summary", {}, "The curves as numbers"),
      element("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": "The curves as numbers" }, element("table", {}, element("thead", {}, titles), this.table)),
    );
    this.clear();
  }

  clear() {
    this.rows = [];
    this.widths = null;
    this.table.replaceChildren();
  }

  /** Show a whole history: columns by name. */
  showHistory(history) {
    this.clear();
    this.rows = history.epoch.map((_, i) =>
      Object.fromEntries(Object.entries(history).map(([name, column]) => [name, column[i] ?? null])),
    );
    this.draw();
  }

  /** Add the record of one epoch. */
  add(row) {
    this.rows = [...this.rows.filter(({ epoch }) => epoch < row.epoch), row];
    clearTimeout(this.drawing); // a whole past arrives at once
    this.drawing = setTimeout(() => this.draw());
  }

  draw() {
    const { rows } = this;
    if (rows.length === 0) return;
    const last = rows[rows.length - 1];
    const norms = last.gradient_norms?.length ?? 0;
    const active = last.active_fractions?.length ?? 0;
    if (this.widths !== `${norms}/${active}`) this.build(norms, active);
    const column = (value) => rows.map((row) => value(row) ?? null);
    const epochs = column(({ epoch }) => epoch);
    this.loss.show([epochs, column((row) => row.train_loss), column((row) => row.val_loss)]);
    this.accuracy.show([epochs, column((row) => row.train_accuracy), column((row) => row.val_accuracy)]);
    this.rate.show([epochs, column((row) => row.learning_rate)]);
    const layers = (name, n) => Array.from({ length: n }, (_, l) => column((row) => row[name]?.[l]));
    this.norms?.show([epochs, ...layers("gradient_norms", norms)]);
    this.active?.show([epochs, ...layers("active_fractions", active)]);
    this.table.replaceChildren(
      ...rows.map((row) =>
        element("tr", {}, ...COLUMNS.map((name) => element("td", {}, text(name, row[name])))),
      ),
    );
  }

  build(norms, active) {
    this.widths = `${norms}/${active}`;
    const both = [{ name: "training", dash: true }, { name: "validation" }];
    const layers = (n) => Array.from({ length: n }, (_, l) => ({ name: `layer ${l + 1}` }));
    this.loss = new Chart({ title: "Loss", note: "cross-entropy: how surprised it is by the labels", series: both });
    this.accuracy = new Chart({ title: "Accuracy", note: "share that it reads right", series: both, text: percent });
    this.rate = new Chart({ title: "Learning rate", note: "how far a step goes", series: [{ name: "rate" }], text: rate });
    this.norms = norms ? new Chart({ title: "Gradient norms", note: "how strongly each is pushed", series: layers(norms) }) : null;
    this.active = active ? new Chart({ title: "Active neurons", note: "near 0 a layer is dying", series: layers(active), text: percent }) : null;
    this.charts = [this.loss, this.accuracy, this.rate, this.norms, this.active].filter(Boolean);
    this.element.replaceChildren(...this.charts.map((chart) => chart.element));
  }

  repaint() {
    this.charts?.forEach((chart) => chart.repaint());
  }
}

function rate(x) {
  return x < 0.0001 ? number(x) : String(Number(x.toPrecision(3)));
}

function text(name, value) {
  if (typeof value !== "number") return "–";
  if (name.includes("accuracy")) return percent(value);
  if (name === "learning_rate") return rate(value);
  return name === "epoch" ? String(value) : number(value);
}
