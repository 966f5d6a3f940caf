// Draw: the same drawing as the page of one file, and what a server adds to it.
//
// Strokes are answered in the page. Pictures are read by the server, so that they are straightened,
// and that what is no digit is refused, as `inknet predict` does. It also knows the training images
// most like the drawing, keeps corrections, and trains on with them.

import { parametersOf, stateOf } from "../address.js";
import { element, percent } from "../dom.js";
import { Drawing } from "../drawing.js";
import { Corrections } from "./corrections.js";
import { Disturbance } from "./disturbance.js";
import { base64Of } from "./pixels.js";
import { ofAnswer, upload } from "./server_reading.js";
import { Similar } from "./similar.js";

const PAUSE = 300; // milliseconds without a stroke, after which the server is asked

export class Draw {
  constructor(root, studio) {
    this.studio = studio;
    this.root = root;
    this.drawing = null;
    this.run = null;
  }

  async show(state) {
    if (this.run !== state.run) await this.build(state.run);
    else this.drawing.isActive = true;
    const key = ["draw", "character", "class", "follow", "noise", "off"].map((name) => state[name] ?? "").join("|");
    if (key === this.key) {
      this.drawing.schedule(); // the colours may be others
      return;
    }
    this.disturbance.set(percentOf(state.noise), percentOf(state.off));
    this.drawing.restore(stateOf(location.hash));
  }

  hide() {
    if (this.drawing !== null) this.drawing.isActive = false;
    clearTimeout(this.asking);
  }

  async build(run) {
    const { studio } = this;
    const strokes = this.drawing?.pad.strokes ?? []; // another network reads the same
    if (this.drawing !== null) this.drawing.isActive = false;
    this.drawing = null;
    this.key = undefined;
    this.run = null;
    this.root.replaceChildren(element("p", { className: "waiting" }, "The weights are loading…"));
    let model;
    try {
      model = await studio.model(run);
    } catch (error) {
      this.root.replaceChildren(element("p", { className: "empty" }, "There is nothing to draw for. Choose another run above."));
      throw error;
    }
    this.root.replaceChildren();
    this.run = run;
    const drawing = new Drawing(this.root, model, {
      tell: (sentence) => studio.tell(sentence),
      onState: (shown) => this.remember(shown),
      onRead: () => this.afterReading(),
      readPicture: (file, picture) => this.readPicture(file, picture),
    });
    this.drawing = drawing;
    drawing.parts.padNote.textContent = "Or drop, paste or choose a picture: a photo, a scan, a whole row of digits.";
    this.disturbance = new Disturbance(drawing, () => {
      this.disturbance.apply();
      drawing.schedule();
    });
    this.similar = new Similar(studio, model, (image, label) => this.follow(image, label));
    this.corrections = new Corrections(studio, model, () => drawing.character);
    drawing.parts.answerCard.append(this.corrections.question, this.corrections.element);
    drawing.parts.seenCard.after(this.similar.element, this.disturbance.element);
    const further = element("button", { type: "button", id: "further" }, "Follow it forward and backward");
    further.title = "In the place Follow a number: with gradients, and with the source that computes it";
    further.addEventListener("click", () => this.follow(base64Of(drawing.character.image), drawing.character.best));
    this.further = further;
    drawing.parts.followCard.append(further);
    this.corrections.load(run);
    if (strokes.length) drawing.pad.put(strokes);
    drawing.warmUp();
  }

  follow(image, label) {
    this.studio.go("follow", { image, label });
  }

  remember(shown) {
    const parameters = { ...parametersOf(shown), ...this.disturbance.parameters };
    this.key = Object.values(parameters).map((value) => value ?? "").join("|");
    if (this.drawing.isActive) this.studio.remember(parameters);
  }

  /** When a stroke is finished or a picture was read: what only the server knows. */
  afterReading() {
    const { drawing } = this;
    const { character } = drawing;
    this.sayBroken(character);
    this.corrections.ask(character);
    this.further.hidden = character === null;
    clearTimeout(this.asking);
    this.asked = {};
    drawing.parts.limits.textContent = "";
    if (character === null) this.similar.clear();
    else this.asking = setTimeout(() => this.ask(character, this.asked), PAUSE);
  }

  async ask(character, asked) {
    const isCurrent = () => this.asked === asked && this.drawing.isActive;
    const image = base64Of(character.image);
    this.similar.show(this.run, image, isCurrent);
    if (this.drawing.isElsewhere || this.disturbance.isOn || !this.drawing.model.isPrepared) return;
    const verdict = await this.verdict().catch(() => null);
    if (verdict === null || !isCurrent()) return;
    const { limits } = this.drawing.parts;
    const isSame = verdict.verdict === this.drawing.reading?.verdict;
    if (isSame && verdict.digits === this.drawing.reading.text) {
      limits.textContent = "inknet predict says the same.";
    } else {
      const reason = verdict.reason ? `: ${verdict.reason}` : "";
      limits.textContent = `inknet predict, which is stricter, says: ${verdict.verdict}${reason}.`;
    }
  }

  /** What the server says of what is drawn. */
  async verdict() {
    const { raster } = this.drawing.pad;
    const body = await new Promise((done) => raster.toBlob(done, "image/png"));
    return this.studio.api.post("/api/predict", { run: this.run }, body);
  }

  async readPicture(file, picture) {
    const answer = await this.studio.api.post("/api/predict", { run: this.run }, await upload(file, picture.canvas));
    return ofAnswer(answer, picture, this.drawing);
  }

  sayBroken(character) {
    const { disturbance, drawing } = this;
    if (character === null || !disturbance.isOn) {
      disturbance.say("");
      return;
    }
    const { classes } = drawing.model;
    const named = (probabilities) => {
      const best = probabilities.indexOf(Math.max(...probabilities));
      return { name: classes[best], p: percent(probabilities[best]) };
    };
    const probabilities = (image) => drawing.network.probabilities(drawing.reader.inputs(image));
    const before = named(disturbance.unbroken(() => probabilities(character.image)));
    const now = named(probabilities(character.image));
    disturbance.say(
      before.name === now.name
        ? `Still ${now.name}, with ${now.p}; unbroken it has ${before.p}.`
        : `Now ${now.name}, with ${now.p}; unbroken it is ${before.name}, with ${before.p}.`,
    );
  }
}

function percentOf(text) {
  return /^\d{1,3}$/.test(text ?? "") ? Math.min(Number(text), 100) : 0;
}
