// A picture of one character becomes an image like MNIST's, in steps that can be looked at.
// Mirrors inknet/photo/character.py, which explains the steps.

import { clip, f32, rint } from "./exact.js";
import { SIDE, boxOf, cropped, fitted, isLikeMnist, padded, thickened, windowOf } from "./fitting.js";
import { mapped, newImage, resize } from "./image.js";
import { inkOf, levelled, strength } from "./ink.js";
import { withoutFrames, withoutLines } from "./lines.js";
import { atEdge, connectedParts, maskOf } from "./parts.js";

const FAINTEST = 10 / 255;
const FAINT = 0.12;
const CLEAR = 5;
const CLEAR_IF_FAINT = 10;
const STROKE = 0.4;
const WEAK_STROKE = 0.25;
const NOISE = 4;
const EDGES = [0.2, 0.85];
const LEAST_SIDE = 128;
const GRAIN = 0.06;
const CUT_OFF = 0.3;
const PART = 0.06;
const SMALL_PART = 0.01;
const NEIGHBOUR = 0.25;
const OVERLAP = 0.5;
const REACH = 0.15;

/** The strokes in a picture, without ruled lines and frames: { ink, mask, isBlank }. */
export function findInk(picture) {
  let ink = inkOf(picture);
  let [usual, noise] = strength(ink);
  if (noise > GRAIN * usual) {
    ink = levelled(smoothed(ink), usual);
    [usual, noise] = strength(ink);
  }
  const clearest = usual >= FAINT ? CLEAR : CLEAR_IF_FAINT;
  if (usual < Math.max(FAINTEST, clearest * noise)) {
    const { height, width } = ink;
    return {
      ink: newImage(height, width, 1, Float32Array),
      mask: newImage(height, width, 1, Uint8Array),
    };
  }
  let mask = withoutLines(strokesOf(ink, usual, noise));
  mask = withoutFrames(mask, connectedParts(mask));
  const [low, high] = EDGES;
  const [from, span, full] = [f32(low), f32(high - low), f32(usual)];
  const scaled = newImage(ink.height, ink.width, 1, Float32Array);
  for (let i = 0; i < ink.data.length; i++) {
    scaled.data[i] = clip(f32(f32(f32(ink.data[i] / full) - from) / span), 0, 1);
  }
  return { ink: scaled, mask };
}

/** A picture whose longest side is at least LEAST_SIDE, where strokes can be cut. */
export function enlargedPicture(picture) {
  const scale = LEAST_SIDE / Math.max(picture.height, picture.width);
  if (scale <= 1) return picture;
  const [height, width] = [picture.height, picture.width].map((side) => Math.max(1, rint(side * scale)));
  return resize(picture, height, width, "bicubic");
}

/** Ink averaged over 3 × 3 pixels, the middle ones weighted most. */
function smoothed(ink) {
  const { height, width, data } = ink;
  const rows = new Float32Array(data.length);
  const result = newImage(height, width, 1, Float32Array);
  for (let y = 0, i = 0; y < height; y++) {
    const above = Math.max(y - 1, 0) * width;
    const below = Math.min(y + 1, height - 1) * width;
    for (let x = 0; x < width; x++, i++) {
      rows[i] = f32(f32(data[above + x] + f32(2 * data[i])) + data[below + x]);
    }
  }
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const before = rows[x > 0 ? i - 1 : i];
      const after = rows[x < width - 1 ? i + 1 : i];
      result.data[i] = f32(f32(f32(before + f32(2 * rows[i])) + after) / 16);
    }
  }
  return result;
}

/** Where ink is strong enough, or weaker but connected with strong ink. */
function strokesOf(ink, usual, noise) {
  const least = Math.min(NOISE * noise, 0.7 * usual);
  const strong = f32(Math.max(STROKE * usual, least));
  const weak = f32(Math.max(WEAK_STROKE * usual, least));
  const { data } = ink;
  const parts = connectedParts({ ...ink, data: mapped(data, Uint8Array, (x) => (x > weak ? 1 : 0)) });
  const isStrong = new Uint8Array(parts.areas.length);
  for (let i = 0; i < data.length; i++) if (data[i] > strong) isStrong[parts.labels[i]] = 1;
  return maskOf(parts, isStrong);
}

/** The ink of some of the strokes, and of their soft edges, cropped to it. */
export function characterInk(found, strokes, top = 0, left = 0) {
  const box = boxOf(strokes, 0);
  const own = windowOf(strokes, ...box);
  top += box[0];
  left += box[1];
  const above = Math.min(2, top);
  const before = Math.min(2, left);
  const bottom = Math.min(top + own.height + 2, found.ink.height);
  const right = Math.min(left + own.width + 2, found.ink.width);
  const ink = windowOf(found.ink, top - above, left - before, bottom, right);
  const mask = padded(own, above, bottom - top - own.height, before, right - left - own.width);
  const near = thickened({ ...mask, data: new Float32Array(mask.data) }, 1);
  const data = mapped(ink.data, Float32Array, (value, i) => (near.data[i] > 0 ? value : 0));
  return cropped({ ...ink, data }, 0.25);
}

/** Which parts belong to the one character of a picture. */
export function mainCharacter(parts) {
  const touches = atEdge(parts);
  let main = 0;
  let most = -1;
  parts.areas.forEach((area, i) => {
    const counts = area * (touches[i] ? CUT_OFF : 1);
    if (counts > most) [main, most] = [i, counts];
  });
  const [top, left, bottom, right] = parts.boxes[main];
  const reach = REACH * Math.max(bottom - top, right - left);
  return parts.boxes.map(([high, before, low, after], i) => {
    const share = parts.areas[i] / parts.areas[main];
    const isNear =
      before < right + reach && after > left - reach && high < bottom + reach && low > top - reach;
    const shared = Math.min(after, right) - Math.max(before, left);
    const isBeside = shared < OVERLAP * (after - before);
    const isNeighbour = touches[i] && isBeside && (!touches[main] || share < NEIGHBOUR);
    const isInside = before < right && after > left && high < bottom && low > top;
    return isNear && !isNeighbour && share >= (isInside ? SMALL_PART : PART);
  });
}

/** A picture as an image if it has MNIST's form already, else null. */
export function asMnist(picture) {
  if (picture.height !== SIDE || picture.width !== SIDE) return null;
  const grey = newImage(SIDE, SIDE, 1, Uint8Array);
  for (let i = 0; i < grey.data.length; i++) {
    const [red, green, blue] = picture.data.subarray(3 * i, 3 * i + 3);
    if (red !== green || green !== blue) return null;
    grey.data[i] = red;
  }
  const inverted = { ...grey, data: grey.data.map((level) => 255 - level) };
  return [grey, inverted].find(isLikeMnist) ?? null;
}

/** The image (28, 28) of the one character in a picture; all 0 if the picture is blank. */
export function prepare(picture) {
  return asMnist(picture) ?? preparedFrom(findInk(picture));
}

export function preparedFrom(found) {
  if (!found.mask.data.includes(1)) return newImage(SIDE, SIDE, 1, Uint8Array);
  const parts = connectedParts(found.mask);
  return fitted(characterInk(found, maskOf(parts, mainCharacter(parts)))).image;
}
