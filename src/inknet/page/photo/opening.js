// Open a picture: its colours, not larger than needed. Mirrors inknet/photo/opening.py.

import { f32, median, rint } from "./exact.js";
import { newImage, reduce } from "./image.js";

export const LONGEST = 640;
const MOSTLY_OPAQUE = 0.6;

/** From the pixels of a canvas, { height, width, data: RGBA }, to colours, reduced. */
export function openPixels(pixels, longest = LONGEST) {
  const { height, width, data } = pixels;
  const factor = Math.max(1, rint(Math.max(height, width) / longest));
  let isOpaque = true;
  for (let i = 3; i < data.length && isOpaque; i += 4) isOpaque = data[i] === 255;
  const image = { height, width, channels: 4, data };
  return onPaper(isOpaque ? reduce(withoutAlpha(image), factor) : reducedWithAlpha(image, factor));
}

function withoutAlpha(image) {
  const result = newImage(image.height, image.width, 3, Uint8Array);
  for (let i = 0, j = 0; j < image.data.length; i += 3, j += 4) {
    result.data[i] = image.data[j];
    result.data[i + 1] = image.data[j + 1];
    result.data[i + 2] = image.data[j + 2];
  }
  return result;
}

/** Pixels count in a mean as much as they are opaque. */
function reducedWithAlpha(image, factor) {
  if (factor === 1) return image;
  const premultiplied = { ...image, data: new Uint8Array(image.data) };
  for (let i = 0; i < image.data.length; i += 4) {
    for (let c = 0; c < 3; c++) {
      const product = image.data[i + c] * image.data[i + 3] + 128;
      premultiplied.data[i + c] = ((product >> 8) + product) >> 8;
    }
  }
  const result = reduce(premultiplied, factor);
  for (let i = 0; i < result.data.length; i += 4) {
    const alpha = result.data[i + 3];
    if (alpha === 0 || alpha === 255) continue;
    for (let c = 0; c < 3; c++) {
      result.data[i + c] = Math.min(255, Math.floor((255 * result.data[i + c]) / alpha));
    }
  }
  return result;
}

/** Return a picture with three channels: behind transparent pixels is the paper. */
export function onPaper(colours) {
  if (colours.channels === 3) return colours;
  const { height, width, data } = colours;
  const n = height * width;
  let total = 0;
  let ink = 0;
  for (let i = 0; i < data.length; i += 4) {
    total += data[i + 3];
    ink += data[i + 3] * (data[i] + data[i + 1] + data[i + 2]);
  }
  let paper;
  if (total / n > MOSTLY_OPAQUE * 255) {
    paper = [0, 1, 2].map((c) => {
      const opaque = [];
      for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 127) opaque.push(data[i + c]);
      return median(Uint8Array.from(opaque));
    });
  } else {
    paper = Array(3).fill(ink < 128 * 3 * Math.max(total, 1) ? 255 : 0);
  }
  const picture = newImage(height, width, 3, Uint8Array);
  for (let i = 0, j = 0; j < data.length; i += 3, j += 4) {
    const opacity = f32(data[j + 3] / 255);
    for (let c = 0; c < 3; c++) {
      const front = f32(data[j + c] * opacity);
      const behind = f32(f32(1 - opacity) * paper[c]);
      picture.data[i + c] = rint(f32(front + behind));
    }
  }
  return picture;
}
