// Images, and what Pillow does with them in Python: resize, reduce, the median of a neighbourhood.
//
// An image is { height, width, channels, data }, rows first, the channels of a pixel together.
// Images of bytes are computed in whole numbers, images of float32 in float64, as Pillow does
// (Resample.c, Reduce.c, RankFilter.c), so the results are the same bits.

const PRECISION = 22; // bits of the fraction of a weight, where the image is bytes

export function newImage(height, width, channels, Kind) {
  return { height, width, channels, data: new Kind(height * width * channels) };
}

/** A typed array of a function of each element; faster than `Kind.from` with a function. */
export function mapped(values, Kind, value) {
  const result = new Kind(values.length);
  for (let i = 0; i < values.length; i++) result[i] = value(values[i], i);
  return result;
}

function sinc(x) {
  if (x === 0) return 1;
  x *= Math.PI;
  return Math.sin(x) / x;
}

const FILTERS = {
  box: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: {
    support: 1,
    weight: (x) => {
      x = Math.abs(x);
      return x < 1 ? 1 - x : 0;
    },
  },
  bicubic: {
    support: 2,
    weight: (x) => {
      const a = -0.5;
      x = Math.abs(x);
      if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
      if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
      return 0;
    },
  },
  lanczos: { support: 3, weight: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

/** Which pixels of a line each pixel of the resized line is made of, and their weights. */
function coefficients(from, to, name, isBytes) {
  const filter = FILTERS[name];
  const scale = from / to;
  const filterScale = Math.max(scale, 1);
  const support = filter.support * filterScale;
  const inverse = 1 / filterScale;
  const result = [];
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const n = Math.min(from, Math.trunc(centre + support + 0.5)) - first;
    const weights = new Float64Array(n);
    let sum = 0;
    for (let j = 0; j < n; j++) {
      weights[j] = filter.weight((j + first - centre + 0.5) * inverse);
      sum += weights[j];
    }
    for (let j = 0; j < n; j++) {
      if (sum !== 0) weights[j] /= sum;
      if (isBytes) {
        const half = weights[j] < 0 ? -0.5 : 0.5;
        weights[j] = Math.trunc(half + weights[j] * 2 ** PRECISION);
      }
    }
    result.push({ first, weights });
  }
  return result;
}

function clipped8(sum) {
  const value = sum >> PRECISION; // sums are below 2^31
  return value < 0 ? 0 : value > 255 ? 255 : value;
}

/** Resize an image of bytes or of float32 to (height, width) with one of the filters. */
export function resize(image, height, width, filter) {
  const across = width === image.width ? image : resizedAcross(image, width, filter);
  return height === image.height ? across : resizedDown(across, height, filter);
}

function resizedAcross(image, width, filter) {
  const { height, channels, data } = image;
  const isBytes = !(data instanceof Float32Array);
  const half = isBytes ? 2 ** (PRECISION - 1) : 0;
  const table = coefficients(image.width, width, filter, isBytes);
  const result = newImage(height, width, channels, data.constructor);
  const out = result.data;
  for (let y = 0, at = 0; y < height; y++) {
    const row = y * image.width;
    for (let x = 0; x < width; x++) {
      const { first, weights } = table[x];
      for (let c = 0; c < channels; c++, at++) {
        let sum = half;
        let source = (row + first) * channels + c;
        for (let j = 0; j < weights.length; j++, source += channels) sum += data[source] * weights[j];
        out[at] = isBytes ? clipped8(sum) : sum;
      }
    }
  }
  return result;
}

function resizedDown(image, height, filter) {
  const { width, channels, data } = image;
  const isBytes = !(data instanceof Float32Array);
  const half = isBytes ? 2 ** (PRECISION - 1) : 0;
  const table = coefficients(image.height, height, filter, isBytes);
  const result = newImage(height, width, channels, data.constructor);
  const out = result.data;
  const length = width * channels;
  const sums = new Float64Array(length);
  for (let y = 0; y < height; y++) {
    const { first, weights } = table[y];
    sums.fill(half);
    for (let j = 0; j < weights.length; j++) {
      const row = (first + j) * length;
      const weight = weights[j];
      for (let i = 0; i < length; i++) sums[i] += data[row + i] * weight;
    }
    const at = y * length;
    for (let i = 0; i < length; i++) out[at + i] = isBytes ? clipped8(sums[i]) : sums[i];
  }
  return result;
}

/** Return an image of bytes, each pixel the mean of factor × factor, fewer at the end. */
export function reduce(image, factor) {
  if (factor === 1) return image;
  const { channels, data } = image;
  const height = Math.ceil(image.height / factor);
  const width = Math.ceil(image.width / factor);
  const result = newImage(height, width, channels, Uint8Array);
  for (let y = 0, at = 0; y < height; y++) {
    const bottom = Math.min((y + 1) * factor, image.height);
    for (let x = 0; x < width; x++) {
      const right = Math.min((x + 1) * factor, image.width);
      const n = (bottom - y * factor) * (right - x * factor);
      const multiplier = Math.trunc(Math.fround(2 ** 24 / n));
      for (let c = 0; c < channels; c++, at++) {
        let sum = Math.floor(n / 2);
        for (let row = y * factor; row < bottom; row++) {
          let source = (row * image.width + x * factor) * channels + c;
          for (let column = x * factor; column < right; column++, source += channels) {
            sum += data[source];
          }
        }
        result.data[at] = Math.floor((sum * multiplier) / 2 ** 24);
      }
    }
  }
  return result;
}

/** The median of each pixel's window of side × side, an odd number; edges are repeated. */
export function medianFilter(image, side) {
  const { height, width, channels, data } = image;
  const reach = side >> 1;
  const rank = (side * side) >> 1; // so many are before the median
  const result = newImage(height, width, channels, Uint8Array);
  const counts = new Int32Array(256);
  const clamp = (i, n) => (i < 0 ? 0 : i >= n ? n - 1 : i);
  for (let c = 0; c < channels; c++) {
    const at = (y, x) => data[(clamp(y, height) * width + clamp(x, width)) * channels + c];
    for (let y = 0; y < height; y++) {
      counts.fill(0);
      for (let dy = -reach; dy <= reach; dy++) {
        for (let dx = -reach; dx <= reach; dx++) counts[at(y + dy, dx)]++;
      }
      for (let x = 0; x < width; x++) {
        if (x > 0) {
          for (let dy = -reach; dy <= reach; dy++) {
            counts[at(y + dy, x - 1 - reach)]--;
            counts[at(y + dy, x + reach)]++;
          }
        }
        let level = 0;
        for (let before = counts[0]; before <= rank; before += counts[level]) level++;
        result.data[(y * width + x) * channels + c] = level;
      }
    }
  }
  return result;
}
