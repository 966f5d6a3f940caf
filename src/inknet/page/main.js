// The page of one file: Draw, with the model that is in the file.

import { addressOf, stateOf } from "./address.js";
import { Drawing } from "./drawing.js";

const byId = (id) => document.getElementById(id);

function tell(trouble) {
  byId("trouble").textContent = trouble;
  byId("trouble").hidden = trouble === "";
}

function show(model) {
  let address = "";
  const drawing = new Drawing(byId("main"), model, {
    tell,
    onState: (state) => {
      address = addressOf(state);
      const url = address || location.pathname + location.search;
      if (location.hash !== address) history.replaceState(null, "", url);
    },
  });
  byId("about").textContent = "A neural network that reads your handwriting";
  drawing.parts.limits.textContent =
    "The answer is one of the classes, whatever is drawn." +
    (model.isPrepared
      ? ` Only inknet predict and MLP.read straighten sheets and tell what is no ${drawing.reader.noun}.`
      : "");
  const { layers } = drawing.network;
  const widths = [layers[0].from, ...layers.map(({ to }) => to)].join(" → ");
  byId("facts").textContent =
    `${model.nParameters.toLocaleString("en")} parameters in layers of ${widths}, all in this file; written by inknet ${model.version}. ` +
    "It works without a network, and sends nothing." +
    (model.isFolded ? " Batch normalization is folded into the weights shown here." : "");
  drawing.restore(stateOf(location.hash));
  window.addEventListener("hashchange", () => {
    if (location.hash !== address) drawing.restore(stateOf(location.hash));
  });
  drawing.warmUp();
}

function start() {
  byId("waiting").remove();
  let model = null;
  try {
    model = JSON.parse(byId("model").textContent);
  } catch {
    tell("The weights in this file are damaged, or a part of it is missing. Write it again.");
    return;
  }
  if (model === null) tell("There is no model in this page.");
  else show(model);
}

start();
