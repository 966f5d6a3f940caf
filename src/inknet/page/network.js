// The network: weights from base64, forward, and every number as the sum that it is.
//
// A layer is { weight: Float32Array (from, to), bias, from, to, name }: f(x W + b), where `name` is
// that of the activation; the last has none, and softmax follows.

const LEAKY_SLOPE = 0.01;

export const ACTIVATIONS = {
  relu: { value: (z) => (z > 0 ? z : 0), slope: (a) => (a > 0 ? 1 : 0), text: "ReLU", formula: "max(0, z)" },
  leaky_relu: {
    value: (z) => Math.max(z, LEAKY_SLOPE * z),
    slope: (a) => (a > 0 ? 1 : LEAKY_SLOPE),
    text: "leaky ReLU",
    formula: "max(z, 0.01 z)",
  },
  sigmoid: {
    value: (z) => (1 + Math.tanh(z / 2)) / 2,
    slope: (a) => a * (1 - a),
    text: "sigmoid",
    formula: "1 / (1 + exp(−z))",
  },
  tanh: { value: Math.tanh, slope: (a) => 1 - a * a, text: "tanh", formula: "tanh(z)" },
  identity: { value: (z) => z, slope: () => 1, text: "identity", formula: "z" },
};
const PIECEWISE_LINEAR = ["relu", "leaky_relu", "identity"];

/** Bytes of base64 as numbers of "float32" or "float16", little-endian. */
export function decoded(base64, type) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  const view = new DataView(bytes.buffer);
  if (type === "float32") {
    return Float32Array.from({ length: bytes.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
  }
  return Float32Array.from({ length: bytes.length / 2 }, (_, i) => half(view.getUint16(2 * i, true)));
}

/** The value of the 16 bits of a float16. */
export function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

export class Network {
  /** From the description that Python writes into the page. */
  constructor(description) {
    this.layers = description.layers.map(({ from, to, type, weight, bias, activation }) => ({
      from,
      to,
      weight: decoded(weight, type),
      bias: decoded(bias, type),
      name: activation,
    }));
    this.isPiecewiseLinear = this.layers
      .slice(0, -1)
      .every(({ name }) => PIECEWISE_LINEAR.includes(name));
    this.off = this.layers.map(() => null); // of each layer, 1 for each neuron that is switched off
  }

  isOff(l, unit) {
    return this.off[l - 1]?.[unit] === 1;
  }

  /** All numbers of one sample: { values: input, hidden layers, logits; sums: before f; probabilities }. */
  forward(input) {
    const values = [Float32Array.from(input)];
    const sums = [null];
    this.layers.forEach((layer, l) => {
      const z = affine(layer, values[l]);
      sums.push(z);
      const a = layer.name === null ? z : z.map(ACTIVATIONS[layer.name].value);
      this.off[l]?.forEach((isOff, unit) => isOff && (a[unit] = 0));
      values.push(a);
    });
    return { values, sums, probabilities: softmax(values[values.length - 1]) };
  }

  probabilities(input) {
    return this.forward(input).probabilities;
  }

  /** For each input, how much it adds to a logit: input × gradient of the logit. */
  contributions(forward, k) {
    const last = this.layers[this.layers.length - 1];
    let gradient = Float64Array.from({ length: last.from }, (_, i) => last.weight[i * last.to + k]);
    for (let l = this.layers.length - 2; l >= 0; l--) {
      const layer = this.layers[l];
      const slope = ACTIVATIONS[layer.name].slope;
      const scaled = gradient.map((g, j) => (this.isOff(l + 1, j) ? 0 : g * slope(forward.values[l + 1][j])));
      const next = new Float64Array(layer.from);
      for (let i = 0, at = 0; i < layer.from; i++) {
        let sum = 0;
        for (let j = 0; j < layer.to; j++, at++) sum += layer.weight[at] * scaled[j];
        next[i] = sum;
      }
      gradient = next;
    }
    return gradient.map((g, i) => g * forward.values[0][i]);
  }

  /** The sum of one unit of layer `l` (1 is the first that computes): its terms and its bias. */
  terms(forward, l, unit) {
    const { weight, bias, from, to } = this.layers[l - 1];
    const inputs = forward.values[l - 1];
    const terms = [];
    for (let i = 0; i < from; i++) {
      const w = weight[i * to + unit];
      terms.push({ unit: i, value: inputs[i], weight: w, product: inputs[i] * w });
    }
    return { terms, bias: bias[unit], sum: forward.sums[l][unit], value: forward.values[l][unit] };
  }
}

function affine({ weight, bias, from, to }, input) {
  const sums = Float64Array.from(bias);
  for (let i = 0; i < from; i++) {
    const x = input[i];
    if (x === 0) continue; // most pixels are paper
    for (let j = 0, at = i * to; j < to; j++, at++) sums[j] += x * weight[at];
  }
  return sums;
}

/** exp(z_k) / sum_j exp(z_j), the largest logit subtracted first. */
export function softmax(logits) {
  const most = Math.max(...logits);
  const powers = logits.map((z) => Math.exp(z - most));
  const total = powers.reduce((sum, value) => sum + value, 0);
  return powers.map((value) => value / total);
}
