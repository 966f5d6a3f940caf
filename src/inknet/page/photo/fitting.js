// One character's ink becomes an image like MNIST's. Mirrors inknet/photo/fitting.py.

import { clip, f32, median, rint, sumInOrder } from "./exact.js";
import { newImage, resize } from "./image.js";

export const SIDE = 28;
const BOX = 20;
const MIDDLE = 14.5;
const FINE = 4;
const LEAST_STROKE = 2.3;

/** Whether an image already has MNIST's form and can be used unchanged. */
export function isLikeMnist(image) {
  const { height, width, data } = image;
  if (height !== SIDE || width !== SIDE || Math.max(...data) < 230 || median(data) > 0) return false;
  const [top, left, bottom, right] = boxOf(image, 0);
  const longest = Math.max(bottom - top, right - left);
  const away = Math.max(...centreOfMass(image).map((value) => Math.abs(value - MIDDLE)));
  return longest >= 19 && longest <= 20 && away <= 1.2;
}

/** Row and column of the centre of mass; the middle of the first pixel is at (0.5, 0.5). */
export function centreOfMass(image) {
  const { height, width, data } = image;
  const rows = new Float64Array(height);
  const columns = new Float64Array(width);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      rows[y] += data[i];
      columns[x] += data[i];
    }
  }
  const total = sumInOrder(data);
  return [rows, columns].map(
    (profile) => sumInOrder(profile.map((mass, i) => mass * (i + 0.5))) / total,
  );
}

/** The mean width of strokes in pixels, of ink from 0 to 1. */
export function strokeWidth(ink) {
  const { height, width, data } = ink;
  const at = (y, x) => (y > 0 && x > 0 && y <= height && x <= width ? data[(y - 1) * width + x - 1] : 0);
  let variation = 0;
  for (let y = 0; y <= height; y++) {
    for (let x = 0; x <= width; x++) {
      const here = at(y, x);
      const down = f32(at(y + 1, x) - here);
      const across = f32(at(y, x + 1) - here);
      variation += f32(Math.sqrt(f32(f32(down * down) + f32(across * across))));
    }
  }
  return (2 * sumInOrder(data)) / Math.max(variation, 1e-6);
}

/** Ink with strokes wider by a radius on each side: the maximum over a disc. */
export function thickened(ink, radius) {
  const { height, width, data } = ink;
  const reach = Math.ceil(radius);
  const result = data.slice();
  for (let dy = -reach; dy <= reach; dy++) {
    for (let dx = -reach; dx <= reach; dx++) {
      const share = Math.min(1, radius + 1 - Math.sqrt(dy * dy + dx * dx));
      if (share <= 0 || (dy === 0 && dx === 0)) continue;
      const weight = f32(share);
      const [left, right] = [Math.max(0, -dx), Math.min(width, width - dx)];
      for (let y = Math.max(0, -dy); y < Math.min(height, height - dy); y++) {
        const shift = dy * width + dx;
        for (let i = y * width + left; i < y * width + right; i++) {
          const value = f32(data[i + shift] * weight);
          if (value > result[i]) result[i] = value;
        }
      }
    }
  }
  return { ...ink, data: result };
}

/** Fit the ink of one character into an image like MNIST's: { fine, image }. */
export function fitted(ink, leastStroke = LEAST_STROKE) {
  const box = BOX * FINE;
  let fine = resized(ink, box);
  let radius = (leastStroke * FINE - strokeWidth(fine)) / 2;
  if (radius > 0.25) {
    const reach = Math.ceil(radius);
    fine = padded(resized(ink, box - 2 * reach), reach, reach, reach, reach);
    radius = (leastStroke * FINE - strokeWidth(fine)) / 2;
    fine = cropped(thickened(fine, Math.max(radius, 0)));
  }
  const [down, across] = [fine.height, fine.width].map((side) => (FINE - (side % FINE)) % FINE);
  const whole = padded(fine, down >> 1, (down + 1) >> 1, across >> 1, (across + 1) >> 1);
  return { fine, image: centred(resized(whole, BOX)) };
}

export function padded(image, above, below, before, after) {
  const { height, width, data } = image;
  const wide = before + width + after;
  const result = newImage(above + height + below, wide, 1, data.constructor);
  for (let y = 0; y < height; y++) {
    result.data.set(data.subarray(y * width, (y + 1) * width), (above + y) * wide + before);
  }
  return result;
}

export function windowOf(image, top, left, bottom, right) {
  const result = newImage(bottom - top, right - left, 1, image.data.constructor);
  for (let y = top; y < bottom; y++) {
    const row = image.data.subarray(y * image.width + left, y * image.width + right);
    result.data.set(row, (y - top) * (right - left));
  }
  return result;
}

/** The box of what is larger than a value: (top, left, bottom, right); null if nothing is. */
export function boxOf(image, faintest) {
  const { height, width, data } = image;
  let [top, left, bottom, right] = [height, width, 0, 0];
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (!(data[i] > faintest)) continue;
      if (y < top) top = y;
      if (x < left) left = x;
      if (x >= right) right = x + 1;
      bottom = y + 1;
    }
  }
  return bottom ? [top, left, bottom, right] : null;
}

/** Crop to the box that holds the ink; return all of it if there is none. */
export function cropped(ink, faintest = 0.1) {
  const box = boxOf(ink, f32(faintest));
  return box === null ? ink : windowOf(ink, ...box);
}

/** Scale ink so that it just fits a square box, with antialiasing; from 0 to 1. */
export function resized(ink, box) {
  const scale = box / Math.max(ink.height, ink.width);
  const [height, width] = [ink.height, ink.width].map((side) => Math.max(1, rint(side * scale)));
  const result = resize(ink, height, width, scale < 1 ? "lanczos" : "bicubic");
  return { ...result, data: result.data.map((value) => clip(value, 0, 1)) };
}

/** Place ink in the image, its centre of mass in the middle. */
export function centred(ink) {
  const image = newImage(SIDE, SIDE, 1, Uint8Array);
  let most = 0;
  for (const value of ink.data) if (value > most) most = value;
  const factor = f32(255 / Math.max(most, 1e-6));
  const centres = centreOfMass(ink);
  const [top, left] = [ink.height, ink.width].map((length, axis) =>
    clip(rint(MIDDLE - centres[axis]), 0, SIDE - length),
  );
  for (let y = 0, i = 0; y < ink.height; y++) {
    for (let x = 0; x < ink.width; x++, i++) {
      image.data[(top + y) * SIDE + left + x] = rint(f32(ink.data[i] * factor));
    }
  }
  return image;
}
