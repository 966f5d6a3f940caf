// For models of other images than MNIST's. Mirrors `grey_levels` and `fit_image` of
// inknet/data/images.py.
//
// Pictures are { height, width, channels: 1, data: Uint8Array } of grey levels.

import { clip, f32, median, rint } from "./photo/exact.js";
import { newImage, reduce, resize } from "./photo/image.js";
import { boxOf, windowOf } from "./photo/fitting.js";

const FAINTEST_INK = 16;
const SIDE_LOOKED_AT = 1024;
const MOSTLY_OPAQUE = 0.6;

const lightness = (red, green, blue) => (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;

/** Grey levels of the pixels of a canvas (RGBA). */
export function greyOf(pixels) {
  const { height, width, data } = pixels;
  const paper = paperBehind(pixels);
  const grey = newImage(height, width, 1, Uint8Array);
  const onPaper = (level, alpha) => {
    const sum = level * alpha + paper * (255 - alpha) + 128;
    return ((sum >> 1) + 128 * sum) >> 15; // sum / 255, as Pillow rounds it
  };
  for (let i = 0, j = 0; i < grey.data.length; i++, j += 4) {
    const [red, green, blue] = [0, 1, 2].map((c) => onPaper(data[j + c], data[j + 3]));
    grey.data[i] = lightness(red, green, blue);
  }
  return grey;
}

/** The grey level behind transparent pixels: white or black, from which the ink differs more. */
function paperBehind({ height, width, data }) {
  const rows = placesLookedAt(height);
  const columns = placesLookedAt(width);
  let [ink, total] = [0, 0];
  for (const y of rows) {
    for (const x of columns) {
      const j = 4 * (y * width + x);
      ink += lightness(data[j], data[j + 1], data[j + 2]) * data[j + 3];
      total += data[j + 3];
    }
  }
  const isLight = total > 0 && ink > 127 * total;
  const hasPaper = total / (rows.length * columns.length) > MOSTLY_OPAQUE * 255;
  return isLight === hasPaper ? 255 : 0; // where paper was drawn too, it goes on
}

/** At most `SIDE_LOOKED_AT` places along a side, as Pillow resizes to the nearest pixels. */
function placesLookedAt(length) {
  const n = Math.min(length, SIDE_LOOKED_AT);
  const step = length / n;
  const places = [];
  for (let i = 0, place = step / 2; i < n; i++, place += step) places.push(Math.floor(place));
  return places;
}

function borderPixels({ height, width, data }) {
  const border = [...data.subarray(0, width), ...data.subarray((height - 1) * width)];
  for (let y = 0; y < height; y++) border.push(data[y * width], data[y * width + width - 1]);
  return Uint8Array.from(border);
}

const inverted = (image) => ({ ...image, data: image.data.map((level) => 255 - level) });

/** Make a picture like those that a network was trained on: the shape, the background, the crop. */
export function fitImage(grey, { height, width, lightBackground, crop }) {
  const background = median(borderPixels(grey));
  const isLight = background > 127;
  const hasShape = grey.height === height && grey.width === width;
  if (hasShape && lightBackground === null) return grey;
  if (hasShape && Math.min(background, 255 - background) < FAINTEST_INK) {
    return isLight === lightBackground ? grey : inverted(grey);
  }
  if (!crop) {
    const inverts = lightBackground !== null && isLight !== lightBackground;
    return resized(inverts ? inverted(grey) : grey, height, width, lightBackground !== null);
  }
  const ink = inkOf(isLight ? inverted(grey) : grey, height, width);
  const fitted = centred(scaled(cropped(ink), height, width), height, width);
  return lightBackground ? inverted(fitted) : fitted;
}

function resized(grey, height, width, extend) {
  const scales = [height / grey.height, width / grey.width];
  let size = [height, width];
  if (extend) {
    size = [grey.height, grey.width].map((side) => Math.max(1, rint(side * Math.min(...scales))));
  } else {
    const [high, wide] = size.map((to) => Math.max(1, rint(to / Math.max(...scales))));
    const top = Math.floor((grey.height - high) / 2);
    const left = Math.floor((grey.width - wide) / 2);
    grey = windowOf(grey, top, left, top + high, left + wide);
  }
  const small = resize(grey, ...size, "lanczos");
  const result = newImage(height, width, 1, Uint8Array);
  result.data.fill(median(borderPixels(grey)));
  return placed(result, small, Math.floor((height - size[0]) / 2), Math.floor((width - size[1]) / 2));
}

function placed(image, part, top, left) {
  for (let y = 0; y < part.height; y++) {
    const row = part.data.subarray(y * part.width, (y + 1) * part.width);
    image.data.set(row, (top + y) * image.width + left);
  }
  return image;
}

function inkOf(grey, height, width) {
  const factor = Math.floor(Math.max(grey.height, grey.width) / (32 * Math.max(height, width)));
  if (factor > 1) grey = reduce(grey, factor);
  const background = median(borderPixels(grey));
  const contrast = grey.data.reduce((most, level) => Math.max(most, level), 0) - background;
  if (contrast < FAINTEST_INK) return newImage(grey.height, grey.width, 1, Uint8Array);
  const factorOfInk = f32(255 / contrast);
  const data = grey.data.map((level) => rint(clip(f32(f32(level - background) * factorOfInk), 0, 255)));
  return { ...grey, data };
}

function cropped(ink) {
  const box = boxOf(ink, 64);
  return box === null ? ink : windowOf(ink, ...box);
}

function scaled(ink, height, width) {
  const scale = (20 / 28) * Math.min(height / ink.height, width / ink.width);
  const size = [ink.height, ink.width].map((side) => Math.max(1, rint(side * scale)));
  const small = resize(ink, ...size, "lanczos");
  const most = small.data.reduce((one, other) => Math.max(one, other), 1);
  return { ...small, data: small.data.map((level) => rint(clip(level * (255 / most), 0, 255))) };
}

function centred(ink, height, width) {
  const rows = new Float64Array(ink.height);
  const columns = new Float64Array(ink.width);
  ink.data.forEach((level, i) => {
    rows[Math.floor(i / ink.width)] += level;
    columns[i % ink.width] += level;
  });
  const weight = Math.max(rows.reduce((sum, mass) => sum + mass, 0), 1);
  const [top, left] = [rows, columns].map((profile, axis) => {
    const length = [height, width][axis];
    const centre = profile.reduce((sum, mass, i) => sum + mass * i, 0) / weight;
    return clip(rint(length / 2 - centre), 0, length - profile.length);
  });
  return placed(newImage(height, width, 1, Uint8Array), ink, top, left);
}
