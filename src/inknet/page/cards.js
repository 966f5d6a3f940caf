// The cards of the Draw part, empty: the pad, the answer, the image, the layers, the followed number.

import { element } from "./dom.js";

/** Put the cards into an element; their parts by name are returned. */
export function cards(root) {
  const parts = {
    pad: element("canvas", { id: "pad", tabIndex: 0, role: "application", "aria-describedby": "pad-help" }),
    hint: element("p", { id: "hint", className: "hint", "aria-hidden": "true" }),
    undo: button("undo", "Undo", "Ctrl+Z"),
    redo: button("redo", "Redo", "Ctrl+Y"),
    clear: button("clear", "Clear"),
    choose: button("choose", "Picture…"),
    file: element("input", { id: "file", type: "file", accept: "image/*", hidden: true, tabIndex: -1, "aria-label": "Choose a picture" }),
    padNote: element("p", { className: "note" }, "Or drop or paste a picture. Nothing leaves this device."),
    text: element("p", { id: "text", className: "text", "aria-hidden": "true" }),
    sentence: element("p", { id: "sentence", className: "sentence" }),
    live: element("p", { id: "live", className: "hidden", role: "status" }),
    characters: element("div", { id: "characters", className: "characters", role: "group", "aria-label": "Characters that were found", hidden: true }),
    bars: element("ul", { id: "bars", className: "bars", "aria-label": "Probability of each class" }),
    limits: element("p", { id: "limits", className: "note" }),
    seen: element("div", { id: "seen" }),
    seenCaption: element("figcaption", { id: "seen-caption" }),
    reasons: element("div", { id: "reasons" }),
    class: element("select", { id: "class" }),
    reasonsNote: element("p", { id: "reasons-note", className: "note" }),
    layers: element("div", { id: "layers", className: "grids" }),
    follow: element("div", { id: "follow" }),
    followTitle: element("h2", { id: "follow-title", tabIndex: -1 }, "Follow a number"),
  };
  parts.frame = element("div", { className: "pad" }, parts.pad, parts.hint);
  parts.drawCard = card(
    "draw",
    "Draw",
    parts.frame,
    element("p", { id: "pad-help", className: "hidden" }, "Draw with mouse, pen or finger. With the keyboard: arrows move the pen, space puts it down and lifts it."),
    element("div", { className: "tools" }, parts.undo, parts.redo, parts.clear, parts.choose, parts.file),
    parts.padNote,
  );
  parts.answerCard = card("answer", "Answer", parts.text, parts.sentence, parts.live, parts.characters, parts.bars, parts.limits);
  const key = element("p", { className: "key", "aria-hidden": "true" }, element("span", { className: "for" }, "for"), " ", element("span", { className: "against" }, "against"));
  const label = element("label", { htmlFor: "class" }, "Pixels for and against");
  parts.seenCard = card(
    "seen",
    "What the network sees",
    element(
      "div",
      { className: "pair" },
      element("figure", {}, parts.seen, parts.seenCaption),
      element("figure", {}, parts.reasons, element("figcaption", {}, label, " ", parts.class)),
    ),
    key,
    parts.reasonsNote,
  );
  const note = "Each cell is a neuron. The stronger its colour, the more it is active for this picture.";
  parts.layersCard = card("layers", "Layers", element("p", { className: "note" }, note), parts.layers);
  parts.followCard = element("section", { className: "card follow", "aria-labelledby": "follow-title", id: "follow-card" }, parts.followTitle, parts.follow);
  root.append(parts.drawCard, parts.answerCard, parts.seenCard, parts.layersCard, parts.followCard);
  return parts;
}

/** A card with a title and what is in it. */
export function card(name, title, ...children) {
  const heading = element("h2", { id: `${name}-title` }, title);
  return element("section", { className: `card ${name}`, "aria-labelledby": heading.id }, heading, ...children);
}

function button(id, text, title = "") {
  return element("button", { type: "button", id, title }, text);
}
