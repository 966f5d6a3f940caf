// From the pixels of the pad to an answer: what was read, how surely, or why nothing was.
//
// The answer is one of the classes, whatever is drawn. `MLP.read` also straightens sheets, and tells
// by a guard and by rules of clutter what is no character; nothing of that is here.

import { deslanted } from "./deslanting.js";
import { fitImage, greyOf } from "./images.js";
import { mapped } from "./photo/image.js";
import { openPixels } from "./photo/opening.js";
import { readCharacters } from "./photo/several.js";

// As `SURE_ALONE` and `SURE_OF_ALL_ALONE` of inknet/photo/verdicts.py, which hold without a guard:
export const SURE = 0.9; // a class with less than this probability is a guess
export const SURE_OF_ALL = 0.8; // so are several whose probabilities have a smaller product

export class Reader {
  constructor(model, network) {
    this.model = model;
    this.network = network;
    this.noise = null; // added to the inputs, to see how much the network bears
    const isDigit = model.classes.every((name) => /^[0-9]$/.test(name));
    this.noun = isDigit ? "digit" : "character";
  }

  /** From an image as the network sees it, bytes, to its inputs: 0 to 1. */
  inputs(image) {
    const inputs = mapped(image, Float32Array, (level) => level / 255);
    this.noise?.forEach((value, i) => (inputs[i] = Math.min(Math.max(inputs[i] + value, 0), 1)));
    return inputs;
  }

  classify(images) {
    return images.map((image) => this.network.probabilities(this.inputs(this.seen(image))));
  }

  /** MNIST's images are light ink; a model may have learned from dark ink on light paper. And it may
   *  have learned from images that were deslanted. */
  seen(image) {
    const inverts = this.model.isPrepared && this.model.lightBackground;
    const levels = inverts ? image.map((level) => 255 - level) : image;
    return this.model.deslant ? deslanted(levels, this.model) : levels;
  }

  /** Read pixels, of a draft while a stroke is drawn: rows, characters, verdict, text and more. */
  read(pixels, isDraft = false) {
    const { rows, height, width } = this.model.isPrepared
      ? this.several(pixels, isDraft)
      : this.single(pixels);
    const characters = rows.flat();
    for (const one of characters) {
      one.image = this.seen(one.image);
      one.best = one.probabilities.indexOf(Math.max(...one.probabilities));
      one.confidence = one.probabilities[one.best];
    }
    const confidence = Math.min(...characters.map((one) => one.confidence));
    const ofAll = characters.reduce((product, one) => product * one.confidence, 1);
    const isSure = confidence >= SURE && (characters.length === 1 || ofAll >= SURE_OF_ALL);
    const verdict = characters.length === 0 ? "blank" : isSure ? this.noun : "unsure";
    const text = rows.map((row) => this.word(row)).join(" ");
    return { rows, characters, verdict, text, confidence, ofAll, height, width };
  }

  word(row) {
    const names = row.map((one) => this.model.classes[one.best]);
    return names.join(names.every((name) => name.length === 1) ? "" : " ");
  }

  several(pixels, isDraft) {
    const picture = openPixels(pixels);
    const rows = readCharacters(picture, (images) => this.classify(images), isDraft);
    return { rows, height: picture.height, width: picture.width };
  }

  single(pixels) {
    const { height, width } = pixels;
    const { data } = fitImage(greyOf(pixels), this.model);
    const isBlank = data.every((level) => level === data[0]);
    const probabilities = isBlank ? null : this.classify([data])[0];
    const rows = isBlank ? [] : [[{ box: [0, 0, height, width], image: data, probabilities }]];
    return { rows, height, width };
  }
}
