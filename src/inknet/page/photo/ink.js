// Ink and paper: which part of a picture was written. Mirrors inknet/photo/ink.py, which explains.
//
// Ink and brightness are { height, width, channels: 1, data: Float32Array }.

import { f32, median, principalAxis, rint, sumInOrder } from "./exact.js";
import { medianFilter, newImage, resize } from "./image.js";

const THUMBNAIL = 40;
const NEIGHBOURHOOD = 0.48;
const TWO_LEVELS = 0.9;
const COLOURS_SIDE = 128;
const PAPER_SHARE = 0.3;
const LEVELS_SIDE = 64;
const LEVELS_REACH = 4;
const LEVELS = 4096;
const DARKEST_PAPER = 64;

/** How much ink is at each pixel: 0 is paper, about 1 the difference of white and black. */
export function inkOf(picture) {
  const { height, width } = picture;
  const paper = paperOf(picture);
  let direction = directionOf(picture, paper);
  const isDark = f32(f32(direction[0] + direction[1]) + direction[2]) < 0;
  const means = newImage(paper.height, paper.width, 1, Float32Array);
  for (let i = 0; i < means.data.length; i++) {
    const sum = f32(f32(paper.data[3 * i] + paper.data[3 * i + 1]) + paper.data[3 * i + 2]);
    means.data[i] = f32(sum / 3);
  }
  const brightness = enlarged(means, height, width);
  const root = f32(Math.sqrt(3));
  direction = direction.map((x) => f32(x / root));
  const ink = along(picture, direction);
  const ofPaper = enlarged(along(paper, direction), height, width);
  for (let i = 0; i < ink.data.length; i++) {
    const light = brightness.data[i];
    const room = Math.max(isDark ? light : f32(255 - light), DARKEST_PAPER);
    ink.data[i] = f32(f32(ink.data[i] - ofPaper.data[i]) / room);
  }
  return ink;
}

/** The colour of the paper in a small picture: float32 with three channels. */
function paperOf(picture) {
  const [height, width] = sizeOf(picture, THUMBNAIL);
  const small = resize(picture, height, width, "box");
  const flat = flatPaper(small);
  const paper = newImage(height, width, 3, Float32Array);
  if (flat !== null) {
    for (let i = 0; i < paper.data.length; i++) paper.data[i] = flat[i % 3];
    return paper;
  }
  const side = Math.max(3, rint(NEIGHBOURHOOD * Math.max(height, width)) | 1);
  paper.data.set(medianFilter(small, side).data);
  return paper;
}

/** The colour of paper that is the same everywhere; null if it is not. */
function flatPaper(small) {
  const { height, width, data } = small;
  const n = height * width;
  const grey = new Float64Array(n);
  for (let i = 0; i < n; i++) grey[i] = (data[3 * i] + data[3 * i + 1] + data[3 * i + 2]) / 3;
  const [threshold, explained] = otsu(grey);
  if (explained < TWO_LEVELS) return null;
  let isLight = grey.map((value) => (value > threshold ? 1 : 0));
  const at = (y, x) => isLight[y * width + x];
  const share = sumInOrder(isLight) / n;
  let border = 0;
  for (let x = 0; x < width; x++) border += at(0, x) + at(height - 1, x);
  for (let y = 0; y < height; y++) border += at(y, 0) + at(y, width - 1);
  const rows = height > 1 ? [0, height - 1] : [0];
  const columns = width > 1 ? [0, width - 1] : [0];
  let corners = 0;
  for (const y of rows) for (const x of columns) corners += at(y, x);
  const votes = share + border / (2 * (height + width)) + corners / (rows.length * columns.length);
  const isInk = share > 0.3 && share < 0.7 ? votes < 1.5 : share < 0.5;
  if (isInk) isLight = isLight.map((value) => 1 - value);
  return [0, 1, 2].map((c) => {
    const some = [];
    for (let i = 0; i < n; i++) if (isLight[i]) some.push(data[3 * i + c]);
    return f32(median(Uint8Array.from(some)));
  });
}

/** The threshold that divides values best, and the share of the variance that it explains. */
export function otsu(values) {
  const ordered = Float64Array.from(values).sort();
  const n = ordered.length;
  const mean = sumInOrder(ordered) / n;
  let variance = 0;
  for (const value of ordered) variance += (value - mean) ** 2;
  variance /= n;
  if (n < 2 || variance === 0) return [ordered[0], 0];
  const total = sumInOrder(ordered);
  let best = 0;
  let most = -Infinity;
  let sum = 0;
  for (let i = 0; i < n - 1; i++) {
    sum += ordered[i];
    const below = i + 1;
    const gap = sum / below - (total - sum) / (n - below);
    const between = (gap * gap * below * (n - below)) / (n * n);
    if (between > most) [best, most] = [i, between];
  }
  return [(ordered[best] + ordered[best + 1]) / 2, most / variance];
}

/** The direction of colour, of length 1, in which the strongest differences point. */
function directionOf(picture, paper) {
  const [height, width] = sizeOf(picture, COLOURS_SIDE);
  const small = resize(picture, height, width, "box");
  const n = height * width;
  const differences = [0, 1, 2].map((c) => {
    const ofPaper = enlarged(channel(paper, c), height, width);
    const result = new Float64Array(n);
    for (let i = 0; i < n; i++) result[i] = f32(small.data[3 * i + c] - ofPaper.data[i]);
    return result;
  });
  const [one, two, three] = differences;
  const weights = one.map((x, i) => x * x + two[i] * two[i] + three[i] * three[i]);
  const moments = differences.map((a) =>
    differences.map((b) => {
      let sum = 0;
      for (let i = 0; i < n; i++) sum += a[i] * weights[i] * b[i];
      return sum;
    }),
  );
  const [x, y, z] = principalAxis(moments);
  let sum = 0;
  for (let i = 0; i < n; i++) {
    const far = one[i] * x + two[i] * y + three[i] * z;
    sum += far * far * far;
  }
  return [x, y, z].map((value) => (sum >= 0 ? f32(value) : -f32(value)));
}

function channel(image, c) {
  const result = newImage(image.height, image.width, 1, Float32Array);
  for (let i = 0; i < result.data.length; i++) result.data[i] = image.data[3 * i + c];
  return result;
}

function along(colours, [x, y, z]) {
  const { data } = colours;
  const result = newImage(colours.height, colours.width, 1, Float32Array);
  for (let i = 0, j = 0; i < result.data.length; i++, j += 3) {
    result.data[i] = f32(f32(f32(data[j] * x) + f32(data[j + 1] * y)) + f32(data[j + 2] * z));
  }
  return result;
}

/** Ink without what varies slowly where there is none. */
export function levelled(ink, usual) {
  const weakest = f32(PAPER_SHARE * usual);
  const isPaper = ink.data.map((value) => (Math.abs(value) < weakest ? 1 : 0));
  const [height, width] = sizeOf(ink, LEVELS_SIDE);
  const [values, shares] = [ink.data.map((value, i) => f32(value * isPaper[i])), isPaper].map(
    (data) => boxMean(resize({ ...ink, data }, height, width, "box"), LEVELS_REACH),
  );
  const least = f32(0.05);
  const mean = values.data.map((value, i) => f32(value / Math.max(shares.data[i], least)));
  const slow = enlarged({ ...values, data: mean }, ink.height, ink.width);
  return { ...ink, data: ink.data.map((value, i) => f32(value - slow.data[i])) };
}

/** The mean over the square that reaches so far from each pixel, 0 outside. */
function boxMean(image, reach) {
  let values = image;
  for (let turn = 0; turn < 2; turn++) {
    const { height, width, data } = values;
    const side = 2 * reach + 1;
    const next = newImage(width, height, 1, Float32Array); // turned, so the second turn is across
    const sums = new Float32Array(height + side);
    for (let x = 0; x < width; x++) {
      for (let i = 0; i < sums.length; i++) {
        const y = i - reach - 1;
        const value = y >= 0 && y < height ? data[y * width + x] : 0;
        sums[i] = f32((i ? sums[i - 1] : 0) + value);
      }
      for (let y = 0; y < height; y++) {
        next.data[x * height + y] = f32(f32(sums[y + side] - sums[y]) / side);
      }
    }
    values = next;
  }
  return values;
}

function sizeOf(picture, longest) {
  const scale = Math.min(1, longest / Math.max(picture.height, picture.width));
  return [picture.height, picture.width].map((side) => Math.max(1, rint(side * scale)));
}

function enlarged(values, height, width) {
  if (values.data.every((value) => value === values.data[0])) {
    const result = newImage(height, width, 1, Float32Array);
    result.data.fill(values.data[0]); // paper that is the same everywhere
    return result;
  }
  return resize(values, height, width, "bilinear");
}

/** How strong ink is in a picture, and the noise of the paper. */
export function strength(ink) {
  const { height, width, data } = ink;
  let most = -Infinity;
  for (let i = 0; i < data.length; i++) if (data[i] > most) most = data[i];
  const strong = atLeast(data, f32(most / 2)).sort();
  const strongest = strong[strong.length - Math.min(3, strong.length)];
  const step = Math.max(1, Math.floor(Math.max(height, width) / 256));
  const below = Math.max(f32(strongest / 2), 1 / LEVELS);
  const counts = new Int32Array(2 * LEVELS + 1);
  let n = 0;
  for (let y = 0; y < height; y += step) {
    for (let x = 0; x < width; x += step) {
      const value = data[y * width + x];
      if (value < below) {
        counts[Math.trunc(Math.min(f32(Math.abs(value) * LEVELS), 2 * LEVELS))]++;
        n++;
      }
    }
  }
  let level = 0;
  for (let seen = counts[0]; seen < n / 2; seen += counts[level]) level++;
  return [median(atLeast(data, f32(strongest / 2))), (1.4826 * level) / LEVELS];
}

function atLeast(values, least) {
  let n = 0;
  const some = new Float32Array(values.length);
  for (let i = 0; i < values.length; i++) if (values[i] >= least) some[n++] = values[i];
  return some.subarray(0, n);
}
