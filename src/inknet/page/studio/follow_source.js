// The lines of source that compute a number: the whole function, with those lines marked.

import { element } from "../dom.js";

export class Source {
  constructor() {
    this.where = element("p", { className: "where" });
    this.code = element("pre", { className: "code scroll", tabIndex: 0, role: "region" });
    this.element = element("div", {}, this.where, this.code);
  }

  /** Show `{ file, first_line, lines, highlight }`. */
  show({ file, first_line: first, lines, highlight }) {
    const marked = new Set(highlight);
    this.where.replaceChildren(element("code", {}, file), ` · ${linesOf(highlight.map((i) => first + i))}`);
    this.code.setAttribute("aria-label", `The function in ${file}; the lines that compute this number are marked`);
    const indent = Math.min(...lines.filter((line) => line.trim()).map((line) => line.search(/\S/)));
    const rows = lines.map((line, i) => {
      const number = element("span", { className: "at", "aria-hidden": "true" }, String(first + i));
      const text = line.slice(indent) || " ";
      return element("span", { className: marked.has(i) ? "line counts" : "line" }, number, marked.has(i) ? element("mark", {}, text) : text, "\n");
    });
    this.code.replaceChildren(...rows);
    const row = rows[highlight[0] ?? 0];
    const last = rows[highlight.at(-1) ?? 0];
    const middle = (row.offsetTop + last.offsetTop + last.offsetHeight) / 2;
    this.code.scrollTop = Math.min(row.offsetTop - 8, middle - this.code.clientHeight / 2);
    this.code.scrollLeft = 0;
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
