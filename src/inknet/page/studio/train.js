// Train: choose, start, pause, stop, resume; and see the network learn.

import { card } from "../cards.js";
import { element, percent } from "../dom.js";
import { Curves } from "./curves.js";
import { confusionTable } from "./confusion.js";
import { watch } from "./events.js";
import { Findings } from "./findings.js";
import { FirstLayer } from "./first_layer.js";
import { Form } from "./form.js";

const TOO_FAST = 10;
const RATE = "training.learning_rate";
const SAID = {
  training: "Training.",
  paused: "Paused. Resume it whenever you like: it goes on to the same result.",
  writing: "Writing the results.",
  finished: "Finished.",
  stopped: "Stopped. What it had learned by then is kept as a run.",
  failed: "It failed.",
};

export class Train {
  constructor(root, studio) {
    this.studio = studio;
    this.run = null;
    this.state = null;
    this.form = new Form(studio, () => this.setButtons());
    this.start = button("start", "Start", () => this.begin(1), "primary");
    this.tooFast = button("too-fast", "Break it: a rate ten times too high", () => this.begin(TOO_FAST));
    this.pause = button("pause", "Pause", () => this.control("pause"));
    this.resume = button("resume", "Resume", () => this.control("resume"), "primary");
    this.stop = button("stop", "Stop and keep", () => this.control("stop"));
    this.said = element("p", { id: "training", role: "status" });
    this.progress = element("progress", { max: 1, value: 0, hidden: true, "aria-label": "Progress of the training" });
    this.steps = element("p", { className: "note", id: "steps" });
    this.links = element("p", { className: "actions" });
    this.curves = new Curves();
    this.findings = new Findings();
    this.neurons = new FirstLayer();
    this.neuronsNote = element("p", { className: "note" }, "Blue weights ask for ink, orange ones against it. At first they are noise.");
    this.confusion = element("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": "Confusion matrix" });
    this.confusionNote = element("p", { className: "note" });
    this.title = element("h2", { id: "live-title" }, "Watch it learn");
    this.neuronsCard = card("first-layer", "What the first neurons look for", this.neuronsNote, this.neurons.element);
    this.confusionCard = card("mixed-up", "What is mistaken for what", this.confusionNote, this.confusion);
    this.curvesCard = element(
      "section",
      { className: "card live", "aria-labelledby": "live-title" },
      this.title,
      this.said,
      this.progress,
      this.steps,
      element("p", { className: "actions" }, this.pause, this.resume, this.stop),
      this.links,
      this.findings.element,
      this.curves.element,
      this.curves.details,
    );
    root.classList.add("training");
    root.append(
      card("choose", "A new training", this.form.element, element("p", { className: "actions" }, this.start, this.tooFast), this.startNote()),
      this.curvesCard,
      this.neuronsCard,
      this.confusionCard,
    );
    this.form.check();
  }

  startNote() {
    return element("p", { className: "note" }, "It trains in a process of its own: close the page, and it goes on; open it again, and here is the whole curve.");
  }

  async show(state) {
    if (this.run === state.run) {
      this.curves.repaint();
      this.neurons.repaint();
      return;
    }
    await this.look(state.run);
  }

  hide() {}

  /** Show a run: live if it is trained now, else as it was. */
  async look(run) {
    this.leave?.();
    this.leave = null;
    this.run = run;
    this.clear();
    this.title.textContent = `Run ${run}`;
    const isTrained = this.studio.state.training === run;
    const known = isTrained ? {} : await this.studio.api.get("/api/run", { run }).catch((error) => ({ error }));
    if (this.run !== run) return;
    if (known.state === "finished" || known.metrics) this.showFinished(run, known);
    else this.follow(run, known);
  }

  link(place, text) {
    return element("a", { className: "button", href: this.studio.addressOf({ place, run: this.run }) }, text);
  }

  clear() {
    this.curves.clear();
    this.findings.clear();
    this.state = null;
    this.curves.element.replaceChildren(element("p", { className: "empty" }, "No epoch is finished yet. Curves begin after the first."));
    this.neuronsCard.hidden = this.confusionCard.hidden = true;
    this.progress.hidden = true;
    this.said.textContent = this.steps.textContent = "";
    this.links.replaceChildren();
    this.setButtons();
  }

  showFinished(run, { history, metrics, confusion, class_names: names, is_image: isImage }) {
    this.state = "finished";
    const accuracy = metrics?.test?.accuracy;
    this.said.textContent = typeof accuracy === "number" ? `Finished: it reads ${percent(accuracy)} of its test data right.` : "Finished.";
    if (metrics?.findings) this.findings.show(metrics.findings);
    if (history?.epoch?.length) this.curves.showHistory(history);
    else this.curves.element.replaceChildren(element("p", { className: "empty" }, "There is no record of its training here."));
    this.setButtons();
    if (isImage !== false) this.links.replaceChildren(this.link("draw", "Draw with it"), this.link("mistakes", "See its mistakes"));
    if (confusion) this.showConfusion(confusion, names, "On its test data. A number leads to the images.", run);
    if (isImage === false) return;
    this.studio.model(run).then(
      (model) => {
        if (this.run !== run) return;
        this.neuronsCard.hidden = false;
        this.neurons.showModel(model);
      },
      () => {}, // a model of a table has no images
    );
  }

  follow(run, { class_names: names, state: unfinished, error }) {
    let classes = names ?? [];
    this.leave = watch(this.studio, run, {
      onBegin: (begun) => {
        classes = begun.classes;
        this.curves.clear();
        const samples = begun.n_train ? ` on ${begun.n_train.toLocaleString("en")} samples, validated on ${(begun.n_val ?? 0).toLocaleString("en")}` : "";
        this.title.textContent = `Run ${run}`;
        this.steps.textContent = `${begun.epochs} epochs${samples}.`;
      },
      onStep: ({ step, epoch }, { total_steps: total, epochs }) => {
        this.progress.hidden = false;
        this.progress.value = total ? step / total : 0;
        this.steps.textContent = `Step ${step.toLocaleString("en")} of ${(total ?? 0).toLocaleString("en")}, epoch ${epoch} of ${epochs}.`;
      },
      onEpoch: (row) => this.curves.add(row),
      onFinding: (finding) => this.findings.add(finding),
      onPicture: ({ neurons, height, width, confusion }) => {
        if (neurons?.length) {
          this.neuronsCard.hidden = false;
          this.neurons.showBytes(neurons, height, width);
        }
        if (confusion) this.showConfusion(confusion, classes, "On the validation data, which it does not learn from.");
      },
      onState: (state, message) => {
        this.state = state;
        this.said.textContent = message || SAID[state];
        this.said.classList.toggle("bad", state === "failed");
        this.setButtons();
      },
      onEnd: (state) => this.ended(run, state),
      onLost: () => {
        if (error) this.studio.tell(error.message);
        if (this.state !== null) return;
        this.said.textContent =
          unfinished === "unfinished"
            ? "This training was not started in the studio. inknet train --resume completes it."
            : "There is no training to watch here. Start one, or choose a run above.";
      },
    });
  }

  async ended(run, state) {
    this.progress.hidden = true;
    if (this.studio.state.training === run) this.studio.state.training = null;
    this.setButtons();
    await this.studio.refresh().catch(() => {});
    if (state === "failed" || this.run !== run) return;
    const known = await this.studio.api.get("/api/run", { run }).catch(() => null);
    if (known?.metrics && this.run === run) {
      const sentence = this.said.textContent;
      this.showFinished(run, known);
      this.said.textContent = `${sentence} ${this.said.textContent.replace("Finished: it", "It")}`.replace(/Finished\. Finished\.?/, "Finished.");
    }
  }

  showConfusion(matrix, names, note, run = null) {
    this.confusionCard.hidden = false;
    this.confusionNote.textContent = note;
    const link = run === null ? null : (i, j) => this.studio.addressOf({ place: "mistakes", run, true: i, predicted: j });
    this.confusion.replaceChildren(confusionTable(matrix, names, link));
  }

  async begin(factor) {
    const { request } = this.form;
    if (factor !== 1) {
      const rate = request.settings[RATE] ?? this.form.value(RATE);
      request.settings[RATE] = Number((rate * factor).toPrecision(6));
    }
    this.start.disabled = this.tooFast.disabled = true;
    try {
      const { run } = await this.studio.api.post("/api/trainings", {}, request);
      this.studio.state.training = run;
      this.studio.tell("");
      this.studio.go("train", { run });
      this.curvesCard.scrollIntoView({ block: "start" });
    } catch (error) {
      this.studio.tell(error.message);
    }
    this.setButtons();
  }

  async control(what) {
    for (const one of [this.pause, this.resume, this.stop]) one.disabled = true;
    try {
      await this.studio.api.post(`/api/trainings/${what}`, { run: this.run });
      if (what === "resume") await this.look(this.run);
    } catch (error) {
      this.studio.tell(error.message);
      this.setButtons();
    }
  }

  setButtons() {
    const { state } = this;
    const isBusy = state === "training" || state === "writing";
    const canStart = this.form.isRight === true && !isBusy;
    this.start.disabled = this.tooFast.disabled = !canStart;
    this.pause.hidden = this.stop.hidden = !isBusy;
    this.pause.disabled = this.stop.disabled = state !== "training";
    this.resume.hidden = state !== "paused";
    this.resume.disabled = false;
  }
}

function button(id, text, onClick, kind = "") {
  const result = element("button", { type: "button", id, className: kind }, text);
  result.addEventListener("click", onClick);
  return result;
}
