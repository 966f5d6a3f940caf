// Arithmetic that gives the same bits as NumPy: mirrors inknet/photo/exact.py.

const SWEEPS = 12;

export const f32 = Math.fround;

/** Round to the nearest whole number, halves to the even one, as Python and NumPy do. */
export function rint(x) {
  const up = Math.round(x);
  return Math.abs(x % 1) === 0.5 && up % 2 !== 0 ? up - 1 : up;
}

export function clip(x, low, high) {
  return x < low ? low : x > high ? high : x;
}

/** The sum in float64, from first to last. */
export function sumInOrder(values) {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum;
}

/** The median of numbers of a typed array; of an even number of float32, their mean in float32. */
export function median(values) {
  const ordered = values.slice().sort();
  const middle = ordered.length >> 1;
  if (ordered.length % 2) return ordered[middle];
  const mean = (ordered[middle - 1] + ordered[middle]) / 2;
  return values instanceof Float32Array ? f32(f32(ordered[middle - 1] + ordered[middle]) / 2) : mean;
}

/** The eigenvector of the largest eigenvalue of a symmetric matrix 3 × 3, by Jacobi's method. */
export function principalAxis(matrix) {
  const a = matrix.map((row) => row.slice());
  const axes = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    for (const [p, q] of [[0, 1], [0, 2], [1, 2]]) {
      if (a[p][q] === 0) continue;
      const slope = (a[q][q] - a[p][p]) / (2 * a[p][q]);
      let tangent = 1 / (Math.abs(slope) + Math.sqrt(slope * slope + 1));
      if (slope < 0) tangent = -tangent;
      const cosine = 1 / Math.sqrt(tangent * tangent + 1);
      const sine = tangent * cosine;
      for (const row of a) {
        const [x, y] = [row[p], row[q]];
        row[p] = cosine * x - sine * y;
        row[q] = sine * x + cosine * y;
      }
      for (const rows of [a, axes]) {
        const [one, other] = [rows[p], rows[q]];
        rows[p] = one.map((x, i) => cosine * x - sine * other[i]);
        rows[q] = one.map((x, i) => sine * x + cosine * other[i]);
      }
    }
  }
  let best = 2;
  for (const i of [1, 0]) if (a[i][i] > a[best][best]) best = i;
  return axes[best];
}
