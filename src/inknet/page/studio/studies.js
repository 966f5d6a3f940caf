// Studies: many trainings that answer one question, as their tables.

import { card } from "../cards.js";
import { element, number } from "../dom.js";

export class Studies {
  constructor(studio) {
    this.studio = studio;
    this.menu = element("select", { id: "study" });
    this.menu.addEventListener("change", () => {
      studio.remember({ study: this.menu.value || null });
      this.open(this.menu.value);
    });
    this.place = element("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": "Table of the study" });
    this.note = element("p", { className: "note" });
    const field = element("div", { className: "field" }, element("label", { htmlFor: "study" }, "Study"), this.menu);
    this.field = field;
    this.element = card("studies", "Studies", this.note, field, this.place);
  }

  /** Show the study of a name; none if it is empty. */
  async show(name = "") {
    if (this.studies === undefined) {
      const answer = await this.studio.api.get("/api/studies").catch((error) => ({ studies: [], error }));
      this.studies = answer.studies ?? answer;
      const options = this.studies.map((one) => element("option", { value: one.name ?? one }, one.title ?? one.name ?? one));
      this.menu.replaceChildren(element("option", { value: "" }, "choose one"), ...options);
      const isAny = this.studies.length > 0;
      this.field.hidden = this.place.hidden = !isAny;
      this.note.textContent = isAny
        ? "A study answers a question by many trainings: each row of its table is a recipe, over several seeds."
        : "No study has been run here yet: inknet experiment run has them.";
    }
    this.menu.value = name;
    if (this.name !== name) await this.open(name);
  }

  async open(name) {
    this.name = name;
    this.place.replaceChildren();
    this.place.hidden = !name;
    if (!name) return;
    try {
      const { columns, rows } = await this.studio.api.get("/api/study", { name });
      if (this.name !== name) return;
      const text = (value) => (typeof value === "number" && !Number.isInteger(value) ? number(value) : String(value ?? "–"));
      const cells = (row) => (Array.isArray(row) ? row : columns.map((column) => row[column])).map((value) => element("td", {}, text(value)));
      this.place.replaceChildren(
        element(
          "table",
          { className: "study" },
          element("thead", {}, element("tr", {}, ...columns.map((column) => element("th", { scope: "col" }, column)))),
          element("tbody", {}, ...rows.map((row) => element("tr", {}, ...cells(row)))),
        ),
      );
    } catch (error) {
      this.studio.tell(error.message);
    }
  }
}
