// A picture that the server has read, in the form in which the page reads.

import { percent } from "../dom.js";

const MOST_UPLOAD = 9.5e6; // bytes; the server takes 10 MB
const SAME_BOX = 0.5; // share of the union that two boxes of one character have in common
const MARGIN = 0.15;

/** What to send of a picture: the file, or if it is too large, the picture compressed. */
export async function upload(file, canvas) {
  if (file.size <= MOST_UPLOAD) return file;
  return new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92));
}

/** A reading like those of `Reader.read`, of the server's answer about a picture. */
export function ofAnswer(answer, { canvas, height, width }, { reader, model }) {
  const local = reader.read(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height));
  const scale = [local.height / height, local.width / width];
  const characters = answer.boxes.map(({ box, probabilities, confidence, verdict }) => {
    const shares = model.classes.map((name) => probabilities[name]);
    const here = box.map((at, i) => at * scale[i % 2]);
    return {
      box,
      probabilities: shares,
      best: shares.indexOf(Math.max(...shares)),
      confidence,
      verdict,
      image: imageOf(here, local, canvas, reader, [canvas.height / height, canvas.width / width], box),
    };
  });
  return {
    rows: [characters],
    characters,
    verdict: answer.verdict === "digit" || answer.verdict === "character" ? reader.noun : answer.verdict,
    text: answer.digits,
    confidence: answer.confidence,
    ofAll: answer.confidence,
    height,
    width,
    sentence: sentence(answer, reader.noun),
  };
}

/** The image of the character in a box: as the page finds it, or cut out if it finds none there. */
function imageOf(here, local, canvas, reader, scale, box) {
  const same = local.characters.find((one) => overlap(one.box, here) > SAME_BOX);
  if (same) return same.image;
  const [top, left, bottom, right] = box.map((at, i) => at * scale[i % 2]);
  const margin = MARGIN * Math.max(bottom - top, right - left);
  const area = [left - margin, top - margin, right - left + 2 * margin, bottom - top + 2 * margin];
  const [x, y, w, h] = area.map(Math.round);
  const cut = reader.read(canvas.getContext("2d").getImageData(x, y, Math.max(w, 1), Math.max(h, 1)));
  return cut.characters[0]?.image ?? new Uint8Array(reader.model.height * reader.model.width);
}

function overlap(a, b) {
  const common = Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0])) * Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
  const area = ([top, left, bottom, right]) => (bottom - top) * (right - left);
  return common / (area(a) + area(b) - common || 1);
}

function sentence({ verdict, reason, boxes, confidence }, noun) {
  if (verdict === "blank") return "There is no ink in this picture.";
  const sure = percent(confidence);
  if (verdict === "digit" || verdict === "character") {
    return boxes.length > 1 ? `${boxes.length} ${noun}s, all right with ${sure}.` : `This is a ${noun}, ${sure} sure.`;
  }
  const why = reason ? `: ${reason}` : "";
  return `${verdict === "unsure" ? "Not sure" : `This is not a ${noun}`}${why}.`;
}
