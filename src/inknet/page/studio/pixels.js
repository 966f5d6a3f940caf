// Images as they travel, base64 of bytes, and as pictures.

import { element } from "../dom.js";

export function bytesOf(base64) {
  const text = atob(base64);
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

export function base64Of(bytes) {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

/**
 * A canvas that shows an image, light ink as MNIST has it, as ink on paper.
 *
 * The ink is black of that opacity; the style inverts it where the scheme is dark.
 */
export function imageCanvas(base64, height, width, label) {
  const canvas = element("canvas", { width, height, className: "image", role: "img", "aria-label": label });
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  bytesOf(base64).forEach((level, i) => (image.data[4 * i + 3] = level));
  context.putImageData(image, 0, 0);
  return canvas;
}

/** A figure of an image with a caption below: text, or elements. */
export function imageFigure(base64, { height, width }, label, ...caption) {
  return element(
    "figure",
    { className: "sample" },
    imageCanvas(base64, height, width, label),
    element("figcaption", {}, ...caption),
  );
}
