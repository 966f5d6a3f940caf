// The lines of source that compute a number: the whole function, with those lines marked.

import { element } from "../dom.js";

export class Source {
  constructor() {
    this.element = element("div", { className: "sources" });
  }

  /** Show some of `{ file, first_line, lines, highlight }`. */
  show(sources) {
    const functions = sources.map((one) => new Lines(one));
    this.element.replaceChildren(...functions.map((one) => one.element));
    for (const one of functions) one.scroll();
  }
}

class Lines {
  constructor({ file, first_line: first, lines, highlight }) {
    const marked = new Set(highlight);
    const where = element("p", { className: "where" }, element("code", {}, file), ` · ${linesOf(highlight.map((i) => first + i))}`);
    this.code = element("pre", { className: "code scroll", tabIndex: 0, role: "region" });
    this.code.setAttribute("aria-label", `The function in ${file}, from line ${first}; the lines that compute this number are marked`);
    const indent = Math.min(...lines.filter((line) => line.trim()).map((line) => line.search(/\S/)));
    this.rows = lines.map((line, i) => {
      const number = element("span", { className: "at", "aria-hidden": "true" }, String(first + i));
      const text = line.slice(indent) || " ";
      return element("span", { className: marked.has(i) ? "line counts" : "line" }, number, marked.has(i) ? element("mark", {}, text) : text, "\n");
    });
    this.code.replaceChildren(...this.rows);
    this.ends = [this.rows[highlight[0] ?? 0], this.rows[highlight.at(-1) ?? 0]];
    this.element = element("div", {}, where, this.code);
  }

  /** Bring the lines that count into view, once the element has its place. */
  scroll() {
    const [row, last] = this.ends;
    const middle = (row.offsetTop + last.offsetTop + last.offsetHeight) / 2;
    this.code.scrollTop = Math.min(row.offsetTop - 8, middle - this.code.clientHeight / 2);
  }
}

/** Line numbers in words: "lines 3–5 and 9". */
function linesOf(numbers) {
  const runs = [];
  for (const at of numbers) {
    if (runs.length && runs.at(-1)[1] === at - 1) runs.at(-1)[1] = at;
    else runs.push([at, at]);
  }
  const texts = runs.map(([from, to]) => (from === to ? String(from) : `${from}–${to}`));
  if (texts.length === 0) return "";
  const last = texts.pop();
  return `${numbers.length === 1 ? "line" : "lines"} ${texts.length ? `${texts.join(", ")} and ` : ""}${last}`;
}
