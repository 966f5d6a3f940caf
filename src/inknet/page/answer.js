// What is read, as a sentence.

import { percent } from "./dom.js";
import { SURE } from "./reading.js";

/** The sentence about a reading (null if nothing is drawn), one of whose characters is looked at. */
export function sentenceOf(reading, character, { classes, noun }) {
  if (reading === null) return "Nothing is drawn yet.";
  if (reading.verdict === "blank") return "There is no ink in this picture.";
  const several = reading.characters.length > 1;
  if (reading.verdict !== "unsure") {
    return several
      ? `${reading.characters.length} ${noun}s; the least sure has ${percent(reading.confidence)}.`
      : `This is a ${noun}, ${percent(reading.confidence)} sure.`;
  }
  if (several && reading.confidence >= SURE) {
    return `Not sure of all: the ${reading.characters.length} ${noun}s together have only ${percent(reading.ofAll)}.`;
  }
  if (several) return `Not sure: the least sure ${noun} has only ${percent(reading.confidence)}.`;
  const order = Array.from(classes.keys()).sort((a, b) => character.probabilities[b] - character.probabilities[a]);
  const second = classes.length > 1 ? ` or ${classes[order[1]]}` : "";
  return `Not sure: ${classes[order[0]]}${second}. A sure answer has at least ${100 * SURE} %.`;
}
