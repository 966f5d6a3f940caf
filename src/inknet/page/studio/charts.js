// Curves over epochs, drawn by uPlot, with a legend that says the values under the pointer.

import { element, number } from "../dom.js";
import { colour } from "../theme.js";
import uPlot from "./vendor/uplot/uPlot.esm.js";

const HEIGHT = 190;
const FEW = 40; // epochs up to which each is marked by a point
export const COLOURS = [1, 2, 3, 4, 5, 6].map((i) => `--series-${i}`);

export class Chart {
  /** `series` are `{ name, dash }`; `text(value)` says a value in words. */
  constructor({ title, series, text = number, note = "" }) {
    Object.assign(this, { title, series, text });
    this.plot = null;
    this.data = [[], ...series.map(() => [])];
    this.values = series.map(() => element("span", { className: "value" }));
    const keys = series.map(({ name, dash }, i) => {
      const mark = element("span", { className: `mark ${dash ? "dashed" : ""}`, "aria-hidden": "true" });
      mark.style.setProperty("--series", `var(${COLOURS[i % COLOURS.length]})`);
      return element("li", {}, mark, element("span", { className: "series", title: name }, name), " ", this.values[i]);
    });
    this.place = element("div", { className: "plot", role: "img" });
    this.element = element(
      "figure",
      { className: "chart" },
      element("figcaption", {}, element("strong", {}, title), note ? element("span", {}, note) : null),
      this.place,
      element("ul", { className: "legend" }, ...keys),
    );
    new ResizeObserver(() => this.resize()).observe(this.place);
  }

  /** Show columns: epochs, then one of numbers for each series; null where there is none. */
  show(columns) {
    this.data = columns;
    const isMany = columns[0].length > FEW;
    if (this.plot === null || this.isMany !== isMany) this.build(isMany);
    else this.plot.setData(columns);
    this.say(null);
  }

  /** Build it again, when the colours are others. */
  repaint() {
    if (this.plot !== null) this.build(this.isMany);
  }

  build(isMany) {
    this.isMany = isMany;
    this.plot?.destroy();
    this.plot = null;
    const width = this.place.clientWidth;
    if (width === 0) return;
    const font = "12px system-ui, sans-serif";
    const axis = { stroke: colour("--quiet"), font, grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
    this.plot = new uPlot(
      {
        width,
        height: HEIGHT,
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
        scales: { x: { time: false, range: (_, low, high) => [low, Math.max(high, low + 1)] } },
        axes: [
          { ...axis, size: 28, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000] },
          { ...axis, size: 52, values: (_, splits) => splits.map(short) },
        ],
        series: [
          {},
          ...this.series.map(({ dash }, i) => ({
            stroke: colour(COLOURS[i % COLOURS.length]),
            width: 2,
            dash: dash ? [5, 4] : [],
            points: { show: !isMany, size: 5 },
            spanGaps: true,
          })),
        ],
        hooks: { setCursor: [(plot) => this.say(plot.cursor.idx ?? null)] },
      },
      this.data,
      this.place,
    );
  }

  resize() {
    const width = this.place.clientWidth;
    if (width === 0 || this.data[0].length === 0) return;
    if (this.plot === null) this.build(this.data[0].length > FEW);
    else if (this.plot.width !== width) this.plot.setSize({ width, height: HEIGHT });
  }

  /** Write the values of an epoch into the legend; of the last if it is null. */
  say(index) {
    const [epochs, ...columns] = this.data;
    const texts = columns.map((column) => {
      const at = index ?? column.findLastIndex((value) => value !== null);
      return at >= 0 && typeof column[at] === "number" ? this.text(column[at]) : "–";
    });
    this.values.forEach((place, i) => (place.textContent = texts[i]));
    if (index !== null) return;
    const last = epochs.length ? `after epoch ${epochs[epochs.length - 1]}` : "nothing yet";
    const said = this.series.map(({ name }, i) => `${name} ${texts[i]}`).join(", ");
    this.place.setAttribute("aria-label", `${this.title}, ${last}: ${said}`);
  }
}

function short(value) {
  if (value === null) return "";
  if (value !== 0 && Math.abs(value) < 0.001) return value.toExponential(0);
  return Number(value.toPrecision(4)).toLocaleString("en", { maximumFractionDigits: 8 });
}
