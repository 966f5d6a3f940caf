// What the doctor says of a training: the worst first, each with what helps.

import { element } from "../dom.js";

const ORDER = ["error", "warning", "note"];

export class Findings {
  constructor() {
    this.element = element("section", { id: "findings", "aria-label": "What the doctor says", hidden: true });
    this.clear();
  }

  clear() {
    this.known = new Map();
    this.paint();
  }

  add(finding) {
    this.known.set(finding.identifier, finding);
    this.paint();
  }

  show(findings) {
    this.known = new Map(findings.map((one) => [one.identifier, one]));
    this.paint();
  }

  paint() {
    const open = new Set([...this.element.querySelectorAll("details[open]")].map((one) => one.dataset.identifier));
    const sorted = [...this.known.values()].sort((a, b) => ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity));
    this.element.hidden = sorted.length === 0;
    this.element.replaceChildren(
      element("h3", {}, "What the doctor says"),
      ...sorted.map((one) => drawn(one, open.has(one.identifier) || one.severity !== "note")),
    );
  }
}

function drawn({ identifier, severity, title, evidence, reason, advice, settings }, isOpen) {
  const paste = settings.length ? [": ", element("code", {}, settings.map((one) => `--set ${one}`).join(" "))] : ["."];
  const details = element(
    "details",
    { className: `finding ${severity}`, open: isOpen },
    element("summary", {}, element("span", { className: "severity" }, severity), ` ${title}`),
    element("p", {}, `${evidence[0].toUpperCase()}${evidence.slice(1)}.`),
    element("p", {}, element("b", {}, "Why it matters: "), `${reason}.`),
    element("p", {}, element("b", {}, "What helps: "), advice, ...paste),
  );
  details.dataset.identifier = identifier;
  return details;
}
