// The form of a training: a recipe, data, and every key of the recipe with what it means.

import { element } from "../dom.js";

const COMMON = {
  "network.hidden": "Hidden layers",
  "network.activations": "Activation",
  "training.learning_rate": "Learning rate",
  "training.epochs": "Epochs",
  "training.batch_size": "Batch size",
  "training.optimizer": "Optimizer",
  "data.limit": "Samples at most",
  seed: "Seed",
};
const PARTS = {
  "": "The run",
  data: "Data",
  network: "Network",
  training: "Training",
  augment: "Distortions of training images",
  guard: "Guard: what is no digit",
};
const PAUSE = 250;

export class Form {
  /** `onChange()` is called when what is asked for was checked. */
  constructor(studio, onChange) {
    Object.assign(this, { studio, onChange });
    this.fields = new Map();
    this.changed = new Map(); // keys that are not as in the recipe, as text
    const { recipes, sources } = studio.state;
    this.recipe = select("recipe", recipes);
    this.source = select("source", sources.map((one) => ({ ...one, suffix: one.present ? "" : " (is downloaded)" })));
    this.about = element("p", { className: "note" });
    this.common = element("div", { className: "fields" });
    this.all = element("div", { className: "settings" });
    this.error = element("p", { className: "trouble", role: "alert", hidden: true });
    this.reset = element("button", { type: "button", hidden: true }, "As in the recipe");
    this.reset.addEventListener("click", () => {
      this.changed.clear();
      this.fields.clear();
      this.check();
    });
    this.element = element(
      "div",
      { className: "form" },
      element("div", { className: "fields" }, field("Recipe", this.recipe), field("Data", this.source)),
      this.about,
      element("h3", {}, "What matters most"),
      this.common,
      element("details", {}, element("summary", {}, "All settings, and what they mean"), this.all),
      this.error,
      this.reset,
    );
    this.recipe.addEventListener("change", () => {
      this.changed.clear();
      this.fields.clear();
      this.check();
    });
    this.source.addEventListener("change", () => this.check());
  }

  /** What a training is asked for. */
  get request() {
    const settings = Object.fromEntries(
      Array.from(this.changed, ([key, text]) => [key, valueOf(text, this.fields.get(key)?.value)]),
    );
    return { recipe: this.recipe.value, source: this.source.value, settings };
  }

  /** The value of a key as it would be used. */
  value(key) {
    return this.fields.get(key)?.value;
  }

  async check() {
    const { recipes, sources } = this.studio.state;
    const about = (list, chosen) => list.find(({ name }) => name === chosen)?.about ?? "";
    const sentences = [about(recipes, this.recipe.value), about(sources, this.source.value)].filter(Boolean);
    this.about.textContent = sentences.map((sentence) => `${sentence.replace(/\.$/, "")}.`).join(" ");
    const asked = (this.asked = {});
    let answer;
    try {
      answer = await this.studio.api.post("/api/trainings/check", {}, this.request);
    } catch (error) {
      answer = { ok: false, error: error.message };
    }
    if (this.asked !== asked) return;
    this.isRight = answer.ok;
    this.error.textContent = answer.error ?? "";
    this.error.hidden = answer.ok;
    this.reset.hidden = this.changed.size === 0;
    if (answer.recipe && this.fields.size === 0) this.build(answer.recipe);
    this.onChange();
  }

  build(recipe) {
    this.common.replaceChildren();
    this.all.replaceChildren();
    const groups = new Map(Object.keys(PARTS).map((part) => [part, []]));
    for (const one of recipe) {
      if (one.key === "data.source" || one.key === "name") continue;
      const common = COMMON[one.key];
      const input = this.input(one);
      this.fields.set(one.key, { ...one, input });
      if (common) continue;
      const part = one.key.includes(".") ? one.key.split(".")[0] : "";
      groups.get(part)?.push(meaningful(one, input));
    }
    for (const [key, name] of Object.entries(COMMON)) {
      const one = this.fields.get(key);
      if (one) this.common.append(field(name, one.input, one.meaning));
    }
    for (const [part, entries] of groups) {
      if (entries.length) this.all.append(element("h3", {}, PARTS[part]), ...entries);
    }
  }

  input(one) {
    const id = `set-${one.key}`;
    const choices = one.choices ?? (typeof one.value === "boolean" ? [true, false] : null);
    const input = choices
      ? element("select", { id }, ...choices.map((value) => element("option", { value: String(value) }, String(value).replaceAll("_", " "))))
      : element("input", { id, type: "text", autocomplete: "off", spellcheck: false });
    input.value = textOf(one.value);
    const start = input.value;
    input.addEventListener("input", () => {
      if (input.value.trim() === start) this.changed.delete(one.key);
      else this.changed.set(one.key, input.value.trim());
      input.classList.toggle("changed", this.changed.has(one.key));
      clearTimeout(this.later);
      this.later = setTimeout(() => this.check(), PAUSE);
    });
    return input;
  }
}

/** A label with what it names; `meaning` is said below. */
export function field(name, input, meaning = "") {
  const label = element("label", { htmlFor: input.id }, name);
  if (!meaning) return element("div", { className: "field" }, label, input);
  input.title = meaning.replaceAll("`", "");
  return element("div", { className: "field" }, label, input);
}

function meaningful({ key, meaning, allowed, default: usual }, input) {
  const label = element("label", { htmlFor: input.id, title: key }, element("code", {}, key.split(".").pop()));
  const sentences = [...withCode(meaning), ` Usually ${textOf(usual)}`, allowed ? `; allowed: ${allowed}.` : "."];
  const text = element("p", { className: "note", id: `${input.id}-meaning` }, ...sentences);
  input.setAttribute("aria-describedby", text.id);
  return element("div", { className: "setting" }, label, input, text);
}

/** Text in which code stands between backticks, as elements. */
function withCode(text) {
  return text.split(/`+/).map((part, i) => (i % 2 ? element("code", {}, part) : part));
}

function select(id, options) {
  return element(
    "select",
    { id },
    ...options.map(({ name, suffix = "" }) => element("option", { value: name }, `${name}${suffix}`)),
  );
}

export function textOf(value) {
  if (value === null || value === undefined) return "none";
  return Array.isArray(value) ? value.join(", ") : String(value);
}

/** The value that a text stands for, where `now` is the value that it replaces. */
function valueOf(text, now) {
  if (text === "" || text === "none") return Array.isArray(now) ? [] : "none";
  if (text === "true" || text === "false") return text === "true";
  if (Array.isArray(now) || text.includes(",")) return text.split(",").map((one) => valueOf(one.trim(), null)).filter((one) => one !== "none");
  const number = Number(text);
  return Number.isNaN(number) ? text : number;
}
