// Several digits in a picture. Mirrors inknet/photo/several.py, which explains.
//
// `classify` takes a list of images (Uint8Array) and gives a list of probabilities for each.

import { rint } from "./exact.js";
import {
  asMnist,
  characterInk,
  enlargedPicture,
  findInk,
  preparedFrom,
} from "./character.js";
import { boxOf, fitted, windowOf } from "./fitting.js";
import { newImage } from "./image.js";
import { atEdge, connectedParts } from "./parts.js";

const SPECK = 0.12;
const SMALL = 0.45;
const DASH = 0.2;
const JOINED = 0.2;
const ALONG_EDGE = 0.6;
const SHALLOW = 0.4;
const OVERLAP = 0.45;
const TALLEST = 1.35;
const ONE_DIGIT = 0.95;
const NARROWEST = 0.12;
const WIDEST = 1.3;
const MOST_PARTS = 200;
const MOST_CUTS = 9;
const CUT_COST = 0.2;
const WIDTH = 1.1;
const NARROW = 0.5;
const WIDTH_SPREAD = 0.25;
const LOW_COST = 2;

/**
 * Rows of characters: { box, image, probabilities }; empty if the picture is blank.
 *
 * A draft is read while a stroke is drawn: nothing is cut, which takes the longest.
 */
export function readCharacters(picture, classify, isDraft = false) {
  const { height, width } = picture;
  const one = (box, image) => ({ box, image: image.data, probabilities: classify([image.data])[0] });
  const mnist = asMnist(picture);
  if (mnist !== null) return [[one([0, 0, height, width], mnist)]];
  const large = enlargedPicture(picture);
  const found = findInk(large);
  const groups = grouped(found.mask);
  // one that is not cut is classified below, by its image of the whole picture
  let rows = groups.length === 1 && (isDraft || !isWide(groups[0])) ? [[{ box: boxAt(groups[0]) }]] : null;
  rows ??= findCharacters(found, groups, classify, isDraft);
  if (rows.length === 1 && rows[0].length === 1) {
    const image = preparedFrom(large === picture ? found : findInk(picture));
    rows = [[one(rows[0][0].box, image)]];
  }
  const scale = width / large.width;
  return rows.map((row) =>
    row.map((character) => ({ ...character, box: character.box.map((side) => rint(side * scale)) })),
  );
}

function isWide({ mask }) {
  return mask.width > ONE_DIGIT * mask.height;
}

function boxAt({ mask, top, left }) {
  return [top, left, top + mask.height, left + mask.width];
}

function findCharacters(found, groups, classify, isDraft) {
  const characters = [];
  const whole = [];
  for (const strokes of groups) {
    if (isWide(strokes) && !isDraft) characters.push(...cut(found, strokes, classify));
    else whole.push(strokes);
  }
  characters.push(...classified(found, whole, classify));
  return inRows(characters);
}

/** The strokes of each character: { mask, top, left }. */
function grouped(mask) {
  const parts = connectedParts(mask);
  const { boxes, areas } = parts;
  if (areas.length === 0) return [];
  const heights = boxes.map(([top, , bottom]) => bottom - top);
  const widths = boxes.map(([, left, , right]) => right - left);
  const usual = weightedMedian(heights, areas);
  const touches = atEdge(parts);
  const along = runsAlongEdge(parts);
  let kept = [];
  for (let i = 0; i < areas.length; i++) {
    const isOff = heights[i] < SMALL * usual || heights[i] > TALLEST * usual;
    const isLarge = Math.max(heights[i], widths[i]) >= SPECK * usual;
    if (isLarge && !(touches[i] && isOff) && !along[i]) kept.push(i);
  }
  kept = kept.sort((a, b) => areas[b] - areas[a]).slice(0, MOST_PARTS);
  const [owners, joinedBoxes] = joined(kept.map((i) => boxes[i]), usual);
  const groups = [];
  owners.forEach((owner, root) => {
    const [top, left, bottom, right] = joinedBoxes[root];
    if (owner !== root || bottom - top < DASH * usual) return;
    const members = new Set(kept.filter((_, i) => owners[i] === root));
    const window = newImage(bottom - top, right - left, 1, Uint8Array);
    for (let y = top, i = 0; y < bottom; y++) {
      for (let x = left; x < right; x++, i++) {
        window.data[i] = members.has(parts.labels[y * mask.width + x]) ? 1 : 0;
      }
    }
    groups.push({ mask: window, top, left });
  });
  return groups;
}

/** Join small parts with a taller one nearby, and parts that are above each other. */
function joined(original, usual) {
  const boxes = original.map((box) => box.slice());
  const heights = boxes.map(([top, , bottom]) => bottom - top);
  const widths = boxes.map(([, left, , right]) => right - left);
  const owners = boxes.map((_, i) => i);
  const order = owners.slice().sort((a, b) => heights[b] - heights[a]);
  order.forEach((i, place) => {
    let best = -1;
    let least = Infinity;
    for (const other of order.slice(0, place)) {
      if (owners[other] !== other) continue;
      const [top, left, bottom, right] = boxes[other];
      const across = Math.max(left - boxes[i][3], boxes[i][1] - right, 0);
      const down = Math.max(top - boxes[i][2], boxes[i][0] - bottom, 0);
      const shared = Math.min(right, boxes[i][3]) - Math.max(left, boxes[i][1]);
      const tall = Math.max(bottom, boxes[i][2]) - Math.min(top, boxes[i][0]);
      const isStacked = shared >= OVERLAP * Math.min(widths[i], widths[other]);
      const gap = Math.max(across, down);
      const fits = gap <= JOINED * usual && tall <= TALLEST * usual;
      if (fits && (isStacked || heights[i] < SMALL * usual) && gap < least) [best, least] = [other, gap];
    }
    if (best < 0) return;
    owners.forEach((owner, j) => {
      if (owner === i) owners[j] = best;
    });
    boxes[best] = boxes[best].map((side, k) => (k < 2 ? Math.min : Math.max)(side, boxes[i][k]));
  });
  return [owners, boxes];
}

/** Which parts are cut off along most of their side: no digit, but a shadow. */
function runsAlongEdge(parts) {
  const { height, width, labels, boxes } = parts;
  const result = new Array(boxes.length).fill(false);
  const rows = (y) => Array.from({ length: width }, (_, x) => labels[y * width + x]);
  const columns = (x) => Array.from({ length: height }, (_, y) => labels[y * width + x]);
  const edges = [
    [rows(0), true],
    [rows(height - 1), true],
    [columns(0), false],
    [columns(width - 1), false],
  ];
  for (const [edge, isRow] of edges) {
    const counts = new Array(boxes.length).fill(0);
    for (const label of edge) if (label >= 0) counts[label]++;
    boxes.forEach(([top, left, bottom, right], i) => {
      const [side, depth] = isRow ? [right - left, bottom - top] : [bottom - top, right - left];
      if (counts[i] >= ALONG_EDGE * side && depth < SHALLOW * side) result[i] = true;
    });
  }
  return result;
}

function weightedMedian(values, weights) {
  const order = values.map((_, i) => i).sort((a, b) => values[a] - values[b]);
  const half = weights.reduce((sum, weight) => sum + weight, 0) / 2;
  let sum = 0;
  for (const i of order) {
    sum += weights[i];
    if (sum >= half) return values[i];
  }
  return values[order[order.length - 1]];
}

/** A character for each of some strokes. */
function classified(found, strokes, classify) {
  if (strokes.length === 0) return [];
  const images = strokes.map((s) => fitted(characterInk(found, s.mask, s.top, s.left)).image.data);
  const probabilities = classify(images);
  return strokes.map((one, i) => ({
    box: boxAt(one),
    image: images[i],
    probabilities: probabilities[i],
  }));
}

/** What is in some columns of the picture, cropped; null if nothing is. */
function columnsOf(strokes, start, stop) {
  const { mask, top, left } = strokes;
  const columns = windowOf(mask, 0, start - left, mask.height, stop - left);
  const box = boxOf(columns, 0);
  if (box === null) return null;
  return { mask: windowOf(columns, ...box), top: top + box[0], left: start + box[1] };
}

/** Cut strokes where it is best, into one character or more, by dynamic programming. */
function cut(found, strokes, classify) {
  const { height, width } = strokes.mask;
  const cuts = placesOf(strokes.mask, NARROWEST * height);
  const places = [0, ...cuts, width].map((place) => strokes.left + place);
  const spans = [];
  const pieces = [];
  for (let j = 1; j < places.length; j++) {
    for (let i = 0; i < j; i++) {
      const length = places[j] - places[i];
      const isAll = j - i === places.length - 1;
      if (!isAll && (length < NARROWEST * height || length > WIDEST * height)) continue;
      const piece = columnsOf(strokes, places[i], places[j]);
      if (piece === null) continue;
      spans.push([i, j]);
      pieces.push(piece);
    }
  }
  const best = new Map([[0, { score: 0, characters: [] }]]);
  classified(found, pieces, classify).forEach((character, n) => {
    const [i, j] = spans[n];
    if (!best.has(i)) return;
    const score = best.get(i).score + scoreOf(character, height) - CUT_COST;
    if (!best.has(j) || score > best.get(j).score) {
      best.set(j, { score, characters: [...best.get(i).characters, character] });
    }
  });
  return best.get(places.length - 1).characters;
}

/** The columns where a character may be cut: little ink, or little height. */
function placesOf(mask, narrowest) {
  const { height, width, data } = mask;
  const counts = new Array(width).fill(0);
  const extent = new Array(width).fill(0);
  for (let x = 0; x < width; x++) {
    let [first, last] = [-1, -1];
    for (let y = 0; y < height; y++) {
      if (!data[y * width + x]) continue;
      counts[x]++;
      if (first < 0) first = y;
      last = y;
    }
    if (first >= 0) extent[x] = last - first + 1;
  }
  const reach = Math.max(1, rint(narrowest / 2));
  const chosen = [];
  for (const values of [counts, extent]) {
    const places = [];
    for (let x = 0; x < width; x++) {
      const around = values.slice(Math.max(0, x - reach), x + reach + 1);
      if (values[x] === Math.min(...around) && x >= narrowest && x <= width - narrowest) places.push(x);
    }
    let n = 0;
    for (const place of places.sort((a, b) => values[a] - values[b])) {
      if (n < MOST_CUTS && chosen.every((other) => Math.abs(place - other) > reach / 2)) {
        chosen.push(place);
        n++;
      }
    }
  }
  return chosen.sort((a, b) => a - b);
}

/** How sure it is that a piece is one digit: the logarithm of a likelihood. */
function scoreOf(piece, height) {
  const [top, left, bottom, right] = piece.box;
  const ratio = (right - left) / Math.max(bottom - top, 1);
  const most = Math.max(...piece.probabilities);
  let score = Math.log(Math.max(most, 1e-9));
  if (ratio > WIDTH) score -= 0.5 * (Math.log(ratio / WIDTH) / WIDTH_SPREAD) ** 2;
  if (ratio < NARROW && piece.probabilities.indexOf(most) !== 1) {
    score -= 0.5 * (Math.log(NARROW / ratio) / WIDTH_SPREAD) ** 2;
  }
  if (bottom - top < 0.5 * height) score -= LOW_COST;
  return score;
}

/** Characters in rows: those whose heights overlap, the tallest first. */
function inRows(characters) {
  const rows = [];
  const height = ({ box }) => box[2] - box[0];
  for (const character of characters.slice().sort((a, b) => height(b) - height(a))) {
    const [top, , bottom] = character.box;
    let best = null;
    let most = -Infinity;
    for (const row of rows) {
      const shared = Math.min(bottom, row.bottom) - Math.max(top, row.top);
      if (shared > most) [best, most] = [row, shared];
    }
    if (best !== null && most >= 0.4 * (bottom - top)) best.characters.push(character);
    else rows.push({ top, bottom, characters: [character] });
  }
  rows.sort((a, b) => a.top - b.top);
  return rows.map((row) => row.characters.sort((a, b) => a.box[1] - b.box[1]));
}
