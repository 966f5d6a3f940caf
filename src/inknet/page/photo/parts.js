// Connected parts of a mask: pixels that touch, also at a corner. Mirrors inknet/photo/parts.py.
//
// A mask is { height, width, channels: 1, data: Uint8Array } of 0 and 1.

/** Parts in order of their first pixel: labels (-1 outside), boxes and areas. */
export function connectedParts(mask) {
  const { height, width, data } = mask;
  const starts = [];
  const stops = [];
  const rows = [];
  const roots = [];
  const rootOf = (run) => {
    while (roots[run] !== run) run = roots[run] = roots[roots[run]];
    return run;
  };
  let above = 0; // the first run of the row above
  for (let y = 0; y < height; y++) {
    const begin = starts.length;
    for (let x = 0; x < width; x++) {
      if (!data[y * width + x]) continue;
      const run = starts.length;
      rows.push(y);
      starts.push(x);
      while (x < width && data[y * width + x]) x++;
      stops.push(x);
      roots.push(run);
    }
    for (let run = begin, other = above; run < starts.length; run++) {
      while (other < begin && stops[other] < starts[run]) other++;
      for (let near = other; near < begin && starts[near] <= stops[run]; near++) {
        const [one, two] = [rootOf(run), rootOf(near)];
        if (one !== two) roots[Math.max(one, two)] = Math.min(one, two);
      }
    }
    above = begin;
  }
  const labels = new Int32Array(height * width).fill(-1);
  const numbers = new Map();
  const boxes = [];
  const areas = [];
  for (let run = 0; run < starts.length; run++) {
    const root = rootOf(run);
    if (!numbers.has(root)) {
      numbers.set(root, boxes.length);
      boxes.push([rows[run], starts[run], 0, 0]);
      areas.push(0);
    }
    const number = numbers.get(root);
    const box = boxes[number];
    box[1] = Math.min(box[1], starts[run]);
    box[2] = Math.max(box[2], rows[run] + 1);
    box[3] = Math.max(box[3], stops[run]);
    areas[number] += stops[run] - starts[run];
    labels.fill(number, rows[run] * width + starts[run], rows[run] * width + stops[run]);
  }
  return { height, width, labels, boxes, areas };
}

/** The pixels of the parts that are chosen. */
export function maskOf(parts, chosen) {
  const { labels } = parts;
  const data = new Uint8Array(labels.length);
  for (let i = 0; i < data.length; i++) if (labels[i] >= 0 && chosen[labels[i]]) data[i] = 1;
  return { height: parts.height, width: parts.width, channels: 1, data };
}

/** Which parts touch the edge of the picture. */
export function atEdge(parts) {
  return parts.boxes.map(
    ([top, left, bottom, right]) =>
      top === 0 || left === 0 || bottom === parts.height || right === parts.width,
  );
}
