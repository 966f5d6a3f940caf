// The confusion matrix as a table: rows are true classes, columns what was predicted.

import { element } from "../dom.js";

/** `link(true, predicted)` is the address that a misread cell leads to; null for none. */
export function confusionTable(matrix, names, link = null) {
  const most = Math.max(1, ...matrix.flatMap((row, i) => row.filter((_, j) => j !== i)));
  const head = element(
    "tr",
    {},
    element("th", { scope: "col", className: "corner" }, "true"),
    ...names.map((name) => element("th", { scope: "col", title: `read as ${name}` }, name)),
  );
  const rows = matrix.map((row, i) =>
    element("tr", {}, element("th", { scope: "row" }, names[i]), ...row.map((n, j) => cell(n, i, j))),
  );

  function cell(n, i, j) {
    const place = element("td", { className: i === j ? "right" : n ? "wrong" : "none" });
    if (i !== j && n) place.style.setProperty("--share", 0.12 + 0.5 * Math.sqrt(n / most));
    const label = `${n} times ${names[i]} was read as ${names[j]}`;
    if (i !== j && n && link !== null) place.append(element("a", { href: link(i, j), title: label }, String(n)));
    else place.append(n || i === j ? String(n) : "");
    return place;
  }

  const isLong = names.some((name) => name.length > 3);
  return element("table", { className: isLong ? "confusion long" : "confusion" }, element("caption", { className: "hidden" }, "Confusion matrix: rows are the true classes, columns what was predicted"), element("thead", {}, head), element("tbody", {}, ...rows));
}
