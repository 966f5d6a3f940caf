// The followed number, written out: where one came from, the sum, and what belongs to it.

import * as dom from "../dom.js";
import { element, percent } from "../dom.js";
import { Grid } from "../grid.js";
import { codeOf, nodeOf } from "./follow_path.js";

const FIRST = 10; // terms that are shown at first

export class FollowedNumber {
  /** `onLead(code)` is called for a number that this one leads to, `onBack(i)` for a step of the path. */
  constructor({ onLead, onBack }) {
    Object.assign(this, { onLead, onBack });
    this.crumbs = element("ol", { className: "crumbs" });
    this.path = element("nav", { "aria-label": "Path of the number" }, this.crumbs);
    this.title = element("h3", { className: "followed", id: "followed", tabIndex: -1 });
    this.value = element("p", { className: "value", id: "followed-value" });
    this.body = element("div", { className: "written" });
    this.element = element("div", {}, this.path, this.title, this.value, this.body);
  }

  /** Show an answer of the server about the last number of a path. */
  show(found, path, { names, isStep, label }) {
    const code = path.at(-1);
    if (code !== this.code) this.shown = FIRST;
    Object.assign(this, { found, code, names });
    this.showPath(path);
    this.title.textContent = found.title;
    this.value.textContent = exact(found.value);
    const more = [...found.more.map(({ title, node }) => [title, codeOf(node)]), ...names.onward(code, isStep, label)];
    this.body.replaceChildren(
      element("p", { className: "formula" }, written(found.formula)),
      element("p", { className: "about" }, written(found.about)),
      this.sum(),
      ...this.picture(),
      ...this.links(more),
    );
  }

  showPath(path) {
    this.crumbs.replaceChildren(
      ...path.map((code, i) => {
        const button = element("button", { type: "button" }, this.names.short(code));
        if (i === path.length - 1) button.setAttribute("aria-current", "step");
        button.addEventListener("click", () => this.onBack(i));
        return element("li", {}, button);
      }),
    );
    this.path.hidden = path.length < 2;
  }

  /** The largest terms, each a button; the others as one; what is added besides; and the sum. */
  sum() {
    const { terms, rest, ends } = this.found;
    const place = element("div", { className: "whole" });
    if (terms.length === 0) return place;
    const some = terms.slice(0, this.shown);
    const others = terms.slice(this.shown).map(({ product }) => product);
    const most = Math.max(...[...terms.map(({ product }) => product), ...ends.map(({ value }) => value)].map(Math.abs)) || 1;
    const rows = some.map((term) => this.term(term, most));
    const n = others.length + rest.n;
    if (n > 0) {
      const zeros = others.filter((product) => product === 0).length;
      const note = zeros ? `${zeros.toLocaleString("en")} of them 0` : "";
      rows.push(fixedRow(n === 1 ? "the other one" : `the other ${n.toLocaleString("en")}`, note, added(others) + rest.sum, null, "rest"));
    }
    rows.push(...ends.map((end) => this.end(end, most)));
    const total = added(terms.map(({ product }) => product)) + rest.sum + added(ends.map(({ value }) => value));
    const isShare = nodeOf(this.code).kind === "probability";
    const share = isShare ? `of which its own power is ${percent(this.found.value)}` : "";
    rows.push(fixedRow(isShare ? "sum of the powers" : "sum", share, total, null, "sum"));
    place.append(element("ul", { className: "terms", "aria-label": "Terms of the sum, largest first" }, ...rows));
    if (others.length > 0) {
      const button = element("button", { type: "button", className: "more" }, "Show more terms");
      button.addEventListener("click", () => {
        const from = this.shown;
        this.shown *= 4;
        const now = this.sum();
        place.replaceWith(now);
        now.querySelectorAll(".row")[from]?.focus();
      });
      place.append(button);
    }
    return place;
  }

  term({ node, text, product }, most) {
    const code = node === null ? null : codeOf(node);
    const split = text.lastIndexOf(": ");
    const isOfClass = ["probability", "sample loss"].includes(nodeOf(this.code).kind);
    const isNamed = split !== -1 && !isOfClass;
    const what = isNamed ? text.slice(0, split) : code === null ? "" : this.names.short(code);
    const how = split === -1 ? text : text.slice(split + 2);
    const parts = [
      element("span", { className: "what" }, what),
      element("span", { className: "how" }, written(how)),
      element("span", { className: "product" }, signed(product)),
      bar(product / most),
    ];
    return this.row(code, parts, product);
  }

  /** What is added besides the terms, such as a bias. */
  end({ name, value, node }, most) {
    if (node === null) return fixedRow(name, "", value, most, "end");
    const split = name.indexOf(": ");
    const what = split === -1 ? name : name.slice(0, split);
    const parts = [
      element("span", { className: "what" }, what),
      element("span", { className: "how" }, split === -1 ? "" : written(name.slice(split + 2))),
      element("span", { className: "product" }, signed(value)),
      bar(value / most),
    ];
    return this.row(codeOf(node), parts, value);
  }

  row(code, parts, product) {
    if (code === null) return element("li", {}, element("div", { className: "row" }, ...parts));
    const row = element("button", { type: "button", className: "row", value: code }, ...parts);
    row.dataset.product = product;
    row.addEventListener("click", () => this.onLead(code));
    return element("li", {}, row);
  }

  /** If the terms are the pixels of an image: the terms as an image. */
  picture() {
    const { names, found } = this;
    const nodes = found.terms.map(({ node }) => node);
    const n = names.layers[0].n;
    const isImage = nodes.length === n && nodes.every((node) => node?.kind === "value" && node.position === 0);
    if (!isImage) return [];
    const products = new Float32Array(n);
    found.terms.forEach(({ node, product }) => (products[node.unit] = product));
    const { width } = names;
    const grid = new Grid({
      rows: n / width,
      columns: width,
      label: "The terms as an image: pixel × weight",
      describe: (i, value) => `${names.value(0, i)}: ${signed(value)}`,
      onChoose: (i) => this.onLead(codeOf(nodes.find(({ unit }) => unit === i))),
    });
    grid.show(products);
    const key = element("p", { className: "key", "aria-hidden": "true" }, element("span", { className: "for" }, "added"), " ", element("span", { className: "against" }, "subtracted"));
    const caption = element("figcaption", {}, "The same terms where their pixels are. Click one to follow it.");
    return [element("figure", { className: "term-picture" }, grid.element, key, caption)];
  }

  links(more) {
    if (more.length === 0) return [];
    const buttons = more.map(([title, code]) => {
      const button = element("button", { type: "button", value: code }, title);
      button.addEventListener("click", () => this.onLead(code));
      return element("li", {}, button);
    });
    return [element("h4", {}, "From here"), element("ul", { className: "onward" }, ...buttons)];
  }
}

/** A number with more digits than in a sum, where it stands alone. */
export function exact(x) {
  if (x === null || Number.isNaN(x)) return "not a number";
  const size = Math.abs(x);
  const text = size !== 0 && size < 0.001 ? x.toExponential(4) : String(Number(x.toPrecision(6)));
  return dom.powers(text.replace("-", "−"));
}

/** A number as in a sum; what the server cannot say as JSON is none. */
export function number(x) {
  return dom.number(x ?? NaN);
}

function signed(x) {
  return dom.signed(x ?? NaN);
}

/** A formula of the server: powers of ten, and numbers below 0 in brackets after a sign. */
function written(text) {
  return dom.powers(text).replace(/(?<=[−+·×/] )−[\d.]+(?:·10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)?/g, "($&)");
}

function added(values) {
  return values.reduce((sum, value) => sum + value, 0);
}

function fixedRow(what, how, value, most, kind) {
  const row = element(
    "div",
    { className: `row ${kind}` },
    element("span", { className: "what" }, what),
    element("span", { className: "how" }, how),
    element("span", { className: "product" }, kind === "sum" ? number(value) : signed(value)),
    most === null ? element("span") : bar(value / most),
  );
  row.dataset.product = value;
  return element("li", {}, row);
}

function bar(share) {
  const length = Math.min(1, Math.abs(share)) * 50;
  const fill = element("span", { className: share < 0 ? "negative" : "" });
  fill.style.width = `${length}%`;
  fill.style.left = share < 0 ? `${50 - length}%` : "50%";
  return element("span", { className: "bar", "aria-hidden": "true" }, fill);
}
