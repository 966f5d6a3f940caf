// Corrections: "that was a 7", kept by the server; and one button that trains on with them.

import { element, percent } from "../dom.js";
import { base64Of, imageCanvas } from "./pixels.js";
import { watch } from "./events.js";

export class Corrections {
  /** `character()` is what is looked at, null if nothing is. */
  constructor(studio, model, character) {
    Object.assign(this, { studio, model, character });
    this.buttons = model.classes.map((name, k) => {
      const button = element("button", { type: "button", "aria-label": `That was ${name}` }, name);
      button.addEventListener("click", () => this.act(() => this.keep(k)));
      return button;
    });
    const isLong = model.classes.some((name) => name.length > 3);
    const buttons = element("div", { className: isLong ? "classes long" : "classes", role: "group", "aria-labelledby": "correct-title" }, ...this.buttons);
    this.question = element("div", { className: "correct", hidden: true }, element("h3", { id: "correct-title" }, "Wrong? That was a"), buttons);
    this.note = element("p", { className: "note", role: "status", id: "corrections-note" });
    this.list = element("ul", { className: "samples", id: "corrections" });
    this.learn = element("button", { type: "button", className: "primary", id: "learn" }, "Train on with them");
    this.undo = element("button", { type: "button", id: "uncorrect" }, "Take back the last");
    this.learn.addEventListener("click", () => this.act(() => this.trainOn()));
    this.undo.addEventListener("click", () => this.act(() => this.takeBack()));
    this.changes = element("div", { id: "changes" });
    this.element = element(
      "div",
      { className: "corrections" },
      element("h3", {}, "Corrections"),
      this.note,
      this.list,
      element("p", { className: "actions" }, this.learn, this.undo),
      this.changes,
    );
    this.show({ n: 0, corrections: [] });
  }

  async act(action) {
    try {
      await action();
    } catch (error) {
      this.studio.tell(error.message);
    }
  }

  /** Ask about a character which class it is; about none if it is null. */
  ask(character) {
    this.question.hidden = character === null;
  }

  async load(run) {
    this.run = run;
    this.changes.replaceChildren();
    await this.act(async () => this.show(await this.studio.api.get("/api/corrections", { run })));
    const known = await this.studio.api.get("/api/run", { run }).catch(() => ({}));
    if (known.changes && this.run === run) await this.act(() => this.showChanges(known, run));
  }

  async keep(k) {
    const { run, model } = this;
    const image = base64Of(this.character().image);
    await this.studio.api.post("/api/corrections", { run }, { image, label: model.classes[k] });
    this.show(await this.studio.api.get("/api/corrections", { run }));
  }

  async takeBack() {
    await this.studio.api.remove("/api/corrections", { run: this.run });
    this.show(await this.studio.api.get("/api/corrections", { run: this.run }));
  }

  show({ n, file, corrections }) {
    const { height, width } = this.model;
    this.learn.hidden = this.undo.hidden = n === 0;
    this.note.textContent = n
      ? `${n === 1 ? "One correction is" : `${n} corrections are`} kept in ${file}, which --data of inknet train takes.`
      : "None yet. Where an answer is wrong, say what it was; the network can train on with that.";
    this.list.replaceChildren(
      ...corrections.slice(-24).map(({ image, label }) =>
        element("li", {}, imageCanvas(image, height, width, `Corrected to ${label}`), element("span", {}, label)),
      ),
    );
  }

  async trainOn() {
    this.learn.disabled = true;
    const { run } = await this.studio.api.post("/api/corrections/learn", { run: this.run }).catch((error) => {
      this.learn.disabled = false; // another training may be in progress
      throw error;
    });
    const said = element("p", { className: "note", role: "status" }, "Training on…");
    this.changes.replaceChildren(said);
    watch(this.studio, run, {
      onEpoch: ({ epoch }, { epochs }) => (said.textContent = `Training on: epoch ${epoch}${epochs ? ` of ${epochs}` : ""}…`),
      onEnd: (state, message) =>
        this.act(async () => {
          this.learn.disabled = false;
          said.textContent = message ?? "";
          if (state === "failed") return;
          await this.showChanges(await this.studio.api.get("/api/run", { run }), run);
          await this.studio.refresh();
        }),
    });
  }

  /** What the network said of each correction before and after it trained on with them. */
  async showChanges({ changes = [], corrected_from: origin, metrics }, run) {
    const { height, width } = this.model;
    const before = await this.studio.api.get("/api/run", { run: origin }).catch(() => ({}));
    const shares = [before.metrics, metrics].map((one) => one?.test?.accuracy);
    const isKnown = shares.every((share) => typeof share === "number");
    const onTest = isKnown ? `Of the test data it read ${percent(shares[0])} right before, and reads ${percent(shares[1])} now.` : "";
    const rows = changes.map(({ image, label, before, after }) =>
      element(
        "tr",
        {},
        element("th", { scope: "row" }, imageCanvas(image, height, width, "A corrected image"), element("span", {}, ` ${label}`)),
        element("td", {}, said(before)),
        element("td", {}, said(after)),
      ),
    );
    const head = element("tr", {}, ...["is", "before", "after"].map((text) => element("th", { scope: "col" }, text)));
    const go = element("button", { type: "button" }, "Draw with the new one");
    go.addEventListener("click", () => this.studio.go("draw", { run }));
    this.changes.replaceChildren(
      element("h3", {}, "What changed"),
      element("table", { className: "changes" }, element("thead", {}, head), element("tbody", {}, ...rows)),
      element("p", { className: "note" }, onTest),
      run === this.run ? "" : element("p", { className: "actions" }, go),
    );
  }
}

function said({ label, probability }) {
  return `${label} (${percent(probability)})`;
}
