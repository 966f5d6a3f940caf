// Ruled lines and frames are removed; strokes that cross them stay. Mirrors inknet/photo/lines.py.

import { rint } from "./exact.js";
import { strokeWidth, windowOf } from "./fitting.js";
import { newImage } from "./image.js";
import { connectedParts } from "./parts.js";

const STEEPEST = 0.06;
const N_SLOPES = 25;
const COARSE = 96;
const COVERED = 0.85;
const THICKEST = 0.02;
const THIN_PEN = 0.6;
const LONG = 1.5;
const MOST_LINES = 40;
const FRAME_BAND = 0.06;
const LEAST_CONTENT = 0.3;

/** A mask without lines from edge to edge. */
export function withoutLines(mask) {
  return transposed(withoutHorizontalLines(transposed(withoutHorizontalLines(mask))));
}

function transposed(mask) {
  const { height, width, data } = mask;
  const result = newImage(width, height, 1, Uint8Array);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) result.data[x * height + y] = data[i];
  }
  return result;
}

function medianOf(numbers) {
  const ordered = Float64Array.from(numbers).sort();
  const middle = ordered.length >> 1;
  return ordered.length % 2 ? ordered[middle] : (ordered[middle - 1] + ordered[middle]) / 2;
}

function withoutHorizontalLines(mask) {
  const { height, width } = mask;
  const factor = Math.ceil(Math.max(height, width) / COARSE);
  const coarse = pooled(mask, factor);
  if (!reachesBothSides(coarse)) return mask;
  const slopes = [];
  const step = (2 * STEEPEST) / (N_SLOPES - 1);
  for (let i = 0; i < N_SLOPES; i++) slopes.push(i * step - STEEPEST);
  slopes[N_SLOPES - 1] = STEEPEST;
  const middle = (coarse.width - 1) / 2;
  const at = (y, x) => (y >= 0 && y < coarse.height ? coarse.data[y * coarse.width + x] : 0);
  const candidates = [];
  for (let slope = 0; slope < N_SLOPES; slope++) {
    for (let row = 0; row < coarse.height; row++) {
      let around = 0;
      let exactly = 0;
      for (let x = 0; x < coarse.width; x++) {
        const y = row + rint(slopes[slope] * (x - middle));
        const here = at(y, x);
        exactly += here;
        if (here || at(y - 1, x) || at(y + 1, x)) around++;
      }
      if (around / coarse.width >= COVERED) candidates.push({ slope, row, exactly });
    }
  }
  if (candidates.length === 0) return mask;
  const thickness = runLengths(mask);
  const pen = strokeWidth({ ...mask, data: new Float32Array(mask.data) });
  const thin = Math.max(THICKEST * Math.max(height, width), THIN_PEN * pen);
  let result = mask;
  for (const { slope, row } of bestLines(candidates)) {
    const line = [];
    for (let x = 0; x < width; x++) {
      line.push((row + 0.5) * factor + slopes[slope] * (x - width / 2));
    }
    const distance = (y, x) => Math.abs(y + 0.5 - line[x]);
    const thinnest = new Array(width).fill(height + 1);
    const near = new Uint8Array(height * width);
    for (let y = 0, i = 0; y < height; y++) {
      for (let x = 0; x < width; x++, i++) {
        if (!result.data[i] || distance(y, x) > factor + 1) continue;
        near[i] = 1;
        if (thickness[i] < thinnest[x]) thinnest[x] = thickness[i];
      }
    }
    const usual = medianOf(thinnest);
    const covered = thinnest.filter((value) => value <= height).length / width;
    if (usual > Math.max(thin, pen) || covered < COVERED) continue;
    const rest = {
      ...result,
      data: result.data.map((value, i) => (value && !(near[i] && thickness[i] <= usual + 1) ? 1 : 0)),
    };
    if (usual <= thin || width >= LONG * tallest(rest)) {
      result = withoutCrumbs(rest, (y, x) => distance(y, x) <= 2 * factor + 1, 2 * usual + 1);
    }
  }
  return result;
}

function reachesBothSides({ height, width, data }) {
  let [before, after] = [false, false];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < Math.min(2, width); x++) {
      before ||= data[y * width + x] > 0;
      after ||= data[y * width + width - 1 - x] > 0;
    }
  }
  return before && after;
}

/** The lines that are covered best, one for neighbouring rows. */
function bestLines(candidates) {
  const lines = [];
  for (const line of candidates.slice().sort((a, b) => b.exactly - a.exactly)) {
    if (lines.every((other) => Math.abs(line.row - other.row) > 1)) lines.push(line);
  }
  return lines.slice(0, MOST_LINES);
}

/** A mask without the frames among its parts. */
export function withoutFrames(mask, parts) {
  const least = 0.25 * Math.min(mask.height, mask.width);
  let result = mask;
  parts.boxes.forEach(([top, left, bottom, right], number) => {
    if (Math.min(bottom - top, right - left) < least) return;
    const frame = newImage(bottom - top, right - left, 1, Uint8Array);
    for (let y = top, i = 0; y < bottom; y++) {
      for (let x = left; x < right; x++, i++) {
        frame.data[i] = parts.labels[y * mask.width + x] === number ? 1 : 0;
      }
    }
    const opened = unframed(windowOf(result, top, left, bottom, right), frame);
    if (opened === null) return;
    const inside = withoutLines(opened);
    result = { ...result, data: result.data.slice() };
    for (let y = 0; y < inside.height; y++) {
      const row = inside.data.subarray(y * inside.width, (y + 1) * inside.width);
      result.data.set(row, (top + y) * mask.width + left);
    }
  });
  return result;
}

/** What is in a frame that fills the mask; null if it is not a frame, or empty. */
function unframed(mask, frame) {
  const result = { ...mask, data: mask.data.slice() };
  const { height, width } = frame;
  // each side is the upper one once: from (row, column) seen from that side to the pixel's index
  const views = [
    [height, width, (y, x) => y * width + x],
    [width, height, (y, x) => x * width + (width - 1 - y)],
    [height, width, (y, x) => (height - 1 - y) * width + (width - 1 - x)],
    [width, height, (y, x) => (height - 1 - x) * width + y],
  ];
  for (const [deep, long, index] of views) {
    const band = Math.max(2, rint(FRAME_BAND * deep));
    const starts = [];
    const lengths = [];
    let covered = 0;
    for (let x = 0; x < long; x++) {
      let y = 0;
      while (y < deep && !frame.data[index(y, x)]) y++;
      if (y < Math.min(band, deep)) covered++;
      const start = y < deep ? y : 0; // as argmax says where there is nothing
      let length = 0;
      while (start + length < deep && frame.data[index(start + length, x)]) length++;
      starts.push(start);
      lengths.push(length);
    }
    if (covered / long < COVERED) return null;
    const usual = medianOf(lengths);
    if (usual > 2 * band) return null;
    for (let x = 0; x < long; x++) {
      if (starts[x] >= band) continue;
      const end = starts[x] + Math.min(lengths[x], usual + 2);
      for (let y = 0; y < end && y < deep; y++) {
        if (frame.data[index(y, x)]) result.data[index(y, x)] = 0;
      }
    }
  }
  return tallest(result) >= LEAST_CONTENT * height ? result : null;
}

/** A mask without parts near a line that are as low as a line is. */
function withoutCrumbs(mask, isNear, highest) {
  const parts = connectedParts(mask);
  const low = parts.boxes.map(([top, , bottom]) => bottom - top <= highest);
  const touching = new Array(low.length).fill(false);
  for (let y = 0, i = 0; y < mask.height; y++) {
    for (let x = 0; x < mask.width; x++, i++) {
      if (mask.data[i] && low[parts.labels[i]] && isNear(y, x)) touching[parts.labels[i]] = true;
    }
  }
  const data = mask.data.map((value, i) => (value && !touching[parts.labels[i]] ? 1 : 0));
  return { ...mask, data };
}

function tallest(mask) {
  return connectedParts(mask).boxes.reduce((most, [top, , bottom]) => Math.max(most, bottom - top), 0);
}

/** For each pixel of a mask, how many pixels its vertical run has; 0 outside. */
function runLengths({ height, width, data }) {
  const result = new Int32Array(height * width);
  for (let x = 0; x < width; x++) {
    for (let y = 0; y < height; y++) {
      const start = y;
      while (y < height && data[y * width + x]) y++;
      for (let row = start; row < y; row++) result[row * width + x] = y - start;
    }
  }
  return result;
}

/** Whether there is ink in each block of factor × factor pixels. */
function pooled({ height, width, data }, factor) {
  const result = newImage(Math.ceil(height / factor), Math.ceil(width / factor), 1, Uint8Array);
  for (let y = 0, i = 0; y < height; y++) {
    const row = Math.floor(y / factor) * result.width;
    for (let x = 0; x < width; x++, i++) if (data[i]) result.data[row + Math.floor(x / factor)] = 1;
  }
  return result;
}
