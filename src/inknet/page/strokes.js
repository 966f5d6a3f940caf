// Strokes as lists of points, { x, y, width }, in thousandths of the side of the pad.
//
// They are kept as they were drawn, so that undo, another size and another theme lose nothing.

export const UNITS = 1000;
export const PEN = 78; // about as thick, for a digit that fills the pad, as MNIST's strokes are
const NEAREST = 6; // points nearer than this to the last one are left out

/** Whether a point is far enough from the last one of a stroke to be kept. */
export function isFarther(stroke, { x, y }) {
  const last = stroke[stroke.length - 1];
  return Math.hypot(x - last.x, y - last.y) >= NEAREST;
}

/** Draw strokes on a canvas whose side has so many pixels. */
export function drawStrokes(context, strokes, side, colour) {
  const scale = side / UNITS;
  context.lineCap = "round";
  context.lineJoin = "round";
  context.strokeStyle = colour;
  context.fillStyle = colour;
  for (const stroke of strokes) {
    const points = stroke.map(({ x, y, width }) => ({ x: x * scale, y: y * scale, width: width * scale }));
    if (points.length === 1) {
      context.beginPath();
      context.arc(points[0].x, points[0].y, points[0].width / 2, 0, 2 * Math.PI);
      context.fill();
      continue;
    }
    // through the middles of neighbouring points, so that corners of slow pointers are round
    let from = points[0];
    for (let i = 1; i < points.length; i++) {
      const [one, next] = [points[i - 1], points[i]];
      const isLast = i === points.length - 1;
      const to = isLast ? next : { x: (one.x + next.x) / 2, y: (one.y + next.y) / 2 };
      context.beginPath();
      context.lineWidth = (one.width + next.width) / 2;
      context.moveTo(from.x, from.y);
      context.quadraticCurveTo(one.x, one.y, to.x, to.y);
      context.stroke();
      from = to;
    }
  }
}

const DIGITS = 36;

function two(number) {
  return Math.round(number).toString(DIGITS).padStart(2, "0");
}

/** Strokes as text for an address: two digits of base 36 for each number, strokes apart by a dot. */
export function encoded(strokes) {
  return strokes
    .map((stroke) => {
      const isPlain = stroke.every(({ width }) => width === PEN);
      const points = stroke.map(({ x, y, width }) => two(x) + two(y) + (isPlain ? "" : two(width)));
      return (isPlain ? "" : "~") + points.join("");
    })
    .join(".");
}

/** The strokes of such a text; none if it is not one. */
export function decodedStrokes(text) {
  if (!/^(~?([0-9a-z]{2})+\.?)+$/.test(text) || text.length > 200000) return [];
  const strokes = [];
  for (const part of text.split(".")) {
    const isPlain = !part.startsWith("~");
    const numbers = (part.match(/[0-9a-z]{2}/g) ?? []).map((digits) => parseInt(digits, DIGITS));
    const size = isPlain ? 2 : 3;
    if (numbers.length === 0 || numbers.length % size || Math.max(...numbers) > UNITS) return [];
    const stroke = [];
    for (let i = 0; i < numbers.length; i += size) {
      stroke.push({ x: numbers[i], y: numbers[i + 1], width: isPlain ? PEN : numbers[i + 2] });
    }
    strokes.push(stroke);
  }
  return strokes;
}
