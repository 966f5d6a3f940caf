"""One step of training in plain NumPy, float64: every number, and every term that it is a sum of.

Nothing of `inknet.nn` is called here but for the learned arrays before the step. `terms` gives each
term under the node that it should lead to, so a term with a wrong size, a wrong sign, a wrong
destination, one too many or one too few shows.
"""

import numpy as np

EPSILON = 1e-5  # of batch normalization
FUNCTIONS = {
    "relu": (lambda z: np.where(z > 0, z, 0), lambda z: (z > 0) * 1.0),
    "leaky_relu": (lambda z: np.where(z > 0, z, 0.01 * z), lambda z: np.where(z > 0, 1, 0.01)),
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2),
    "tanh": (np.tanh, lambda z: 1 / np.cosh(z) ** 2),
    "identity": (lambda z: z, np.ones_like),
}


def place_of(node):
    """What tells a node from others, however it is written."""
    return tuple(sorted((k, v) for k, v in node.items() if not (k == "sample" and v == 0)))


class ByHand:
    """A step of a network with the same activation in all hidden layers."""

    def __init__(self, layers, activation, x, labels, recipe):
        self.recipe, self.n, self.labels = recipe, len(x), labels
        self.layers = [
            (type(one).__name__, {a.name: np.array(getattr(one, a.name)) for a in one.learned})
            for one in layers
        ]
        self.keeps = [getattr(one, "keep_prob", 1.0) for one in layers]
        self.f, self.slope = FUNCTIONS[activation]
        self.last = len(layers)
        self._forward(x)
        self._loss()
        self._backward()
        self._update()

    def _forward(self, x):
        generator = np.random.default_rng(0)
        self.values, self.masks, self.plain, self.slopes, self.statistics = [x], {}, {}, {}, {}
        for k, (kind, own) in enumerate(self.layers):
            x = self.values[-1]
            if kind == "Dense":
                self.values.append(x @ own["weight"] + own["bias"])
            elif kind == "BatchNorm":
                mean, variance = x.mean(axis=0), x.var(axis=0)
                self.statistics[k] = mean, variance, (x - mean) / np.sqrt(variance + EPSILON)
                self.values.append(own["gamma"] * self.statistics[k][2] + own["beta"])
            else:
                is_alone = kind == "Dropout"
                self.plain[k] = x if is_alone else self.f(x)
                mask = np.ones_like(x)
                if self.keeps[k] < 1:  # 16 bits for each neuron, below a share of 2^16
                    words = generator.bit_generator.random_raw(-(-x.size // 4))
                    bits = words.view(np.uint16)[: x.size].reshape(x.shape)
                    mask = (bits < round(self.keeps[k] * 65536)) / self.keeps[k]
                self.masks[k] = mask
                self.slopes[k] = mask * (np.ones_like(x) if is_alone else self.slope(x))
                self.values.append(self.plain[k] * mask)

    def _loss(self):
        self.powers = np.exp(self.values[-1] - self.values[-1].max(axis=1, keepdims=True))
        self.p = self.powers / self.powers.sum(axis=1, keepdims=True)
        smoothing, k = self.recipe.label_smoothing, self.p.shape[1]
        self.t = np.eye(k)[self.labels] * (1 - smoothing) + smoothing / k
        self.losses = -(self.t * np.log(self.p)).sum(axis=1)
        decayed = ("weight", "bias") if self.recipe.l2_on_biases else ("weight",)
        self.penalties = {  # of each weight, by its array
            (k, name): self.recipe.l2_lambda / (2 * self.n) * own[name] ** 2
            for k, (_, own) in enumerate(self.layers)
            for name in decayed
            if name in own
        }
        self.penalty = sum(part.sum() for part in self.penalties.values())
        self.objective = self.losses.mean() + self.penalty

    def _backward(self):
        gradients, self.learned = [(self.p - self.t) / self.n], {}
        for k, (kind, own) in reversed(list(enumerate(self.layers))):
            g, x = gradients[0], self.values[k]
            if kind == "Dense":
                self.learned[k, "weight"], self.learned[k, "bias"] = x.T @ g, g.sum(axis=0)
                gradients.insert(0, g @ own["weight"].T)
            elif kind == "BatchNorm":
                _, variance, normal = self.statistics[k]
                gamma, beta = (g * normal).sum(axis=0), g.sum(axis=0)
                self.learned[k, "gamma"], self.learned[k, "beta"] = gamma, beta
                inner = g - beta / self.n - normal * gamma / self.n
                gradients.insert(0, own["gamma"] / np.sqrt(variance + EPSILON) * inner)
            else:
                gradients.insert(0, g * self.slopes[k])
        self.gradients = gradients
        for k, name in self.penalties:
            own = self.layers[k][1][name]
            self.learned[k, name] = self.learned[k, name] + self.recipe.l2_lambda / self.n * own

    def _update(self):
        recipe, limit = self.recipe, self.recipe.clip_value
        self.cut = {
            key: g if limit is None else np.clip(g, -limit, limit)
            for key, g in self.learned.items()
        }
        norm = np.sqrt(sum((g**2).sum() for g in self.cut.values()))
        factor = 1.0 if recipe.clip_norm is None else min(1.0, recipe.clip_norm / norm)
        self.clipped = {key: g * factor for key, g in self.cut.items()}
        self.steps, self.decays, self.moved, self.after = {}, {}, {}, {}
        hidden = [k for k, (kind, _) in enumerate(self.layers) if kind == "Dense"][:-1]
        for key, g in self.clipped.items():
            old, rate = self.layers[key[0]][1][key[1]], recipe.learning_rate
            self.steps[key] = (
                -rate
                * {
                    "gradient_descent": g,
                    "momentum": 0.1 * g,
                    "adam": g / (np.abs(g) + 1e-8),
                    "adamw": g / (np.abs(g) + 1e-8),
                }[recipe.optimizer]
            )
            is_decayed = recipe.optimizer == "adamw" and key[1] == "weight"
            self.decays[key] = -rate * recipe.weight_decay * old * is_decayed
            after = self.moved[key] = old + self.steps[key] + self.decays[key]
            if recipe.max_norm is not None and key[1] == "weight" and key[0] in hidden:
                length = np.sqrt((after**2).sum(axis=0))
                after = after * np.minimum(1, recipe.max_norm / length)
            self.after[key] = after

    # -- what is expected of an explanation -------------------------------------------------------

    def value(self, node):
        """The number that a node is."""
        kind, b = node["kind"], node.get("sample", 0)
        k, unit = node.get("position"), node.get("unit")
        if kind in ("value", "gradient"):
            return (self.values if kind == "value" else self.gradients)[k][b, unit]
        if kind == "probability":
            return self.p[b, unit]
        if kind == "statistic":
            return self.statistics[node["layer"]][node["name"] == "variance"][unit]
        if kind in ("loss", "sample loss", "penalty"):
            return {"loss": self.objective, "penalty": self.penalty}.get(kind, self.losses[b])
        key, index = self.place(node)
        if kind == "parameter":
            return self.layers[key[0]][1][key[1]][index]
        tables = {"parameter gradient": self.learned, "clipped gradient": self.clipped}
        return tables.get(kind, self.after)[key][index]

    def place(self, node):
        """The array of a learned number, and its index there."""
        index = (node["input"], node["unit"]) if node["name"] == "weight" else (node["unit"],)
        return (node["layer"], node["name"]), index

    def terms(self, node):
        """The terms and ends of a number: ``[(where it leads, or None; its size)]``."""
        found = getattr(self, "_of_" + node["kind"].replace(" ", "_"))(node)
        return [(to and place_of(to), float(size)) for to, size in found]

    def _of_loss(self, _):
        ends = [({"kind": "penalty"}, self.penalty)] if self.recipe.l2_lambda else []
        return [
            ({"kind": "sample loss", "sample": b}, loss / self.n)
            for b, loss in enumerate(self.losses)
        ] + ends

    def _of_sample_loss(self, node):
        b = node["sample"]
        return [
            ({"kind": "probability", "unit": k, "sample": b}, -t * np.log(p))
            for k, (t, p) in enumerate(zip(self.t[b], self.p[b], strict=True))
        ]

    def _of_probability(self, node):
        b = node["sample"]
        to = {"kind": "value", "position": self.last, "sample": b}
        return [({**to, "unit": k}, power) for k, power in enumerate(self.powers[b])]

    def _of_value(self, node):
        k, unit, b = node["position"] - 1, node["unit"], node["sample"]
        if k < 0:
            return []
        kind, own = self.layers[k]
        to = {"kind": "value", "position": k, "sample": b}
        learned = {"kind": "parameter", "layer": k, "unit": unit}
        if kind == "Dense":
            products = self.values[k][b] * own["weight"][:, unit]
            bias = ({**learned, "name": "bias"}, own["bias"][unit])
            return [({**to, "unit": i}, product) for i, product in enumerate(products)] + [bias]
        if kind == "BatchNorm":
            mean, variance, _ = self.statistics[k]
            factor = own["gamma"][unit] / np.sqrt(variance[unit] + EPSILON)
            statistic = {"kind": "statistic", "layer": k, "name": "mean", "unit": unit}
            return [
                ({**to, "unit": unit}, self.values[k][b, unit] * factor),
                (statistic, -mean[unit] * factor),
                ({**learned, "name": "beta"}, own["beta"][unit]),
            ]
        return [({**to, "unit": unit}, self.plain[k][b, unit] * self.masks[k][b, unit])]

    def _of_statistic(self, node):
        k, unit, n = node["layer"], node["unit"], self.n
        x = self.values[k][:, unit]
        parts = x / n if node["name"] == "mean" else (x - x.mean()) ** 2 / n
        to = {"kind": "value", "position": k, "unit": unit}
        return [({**to, "sample": b}, part) for b, part in enumerate(parts)]

    def _of_gradient(self, node):
        k, unit, b = node["position"], node["unit"], node["sample"]
        if k == self.last:
            p = {"kind": "probability", "unit": unit, "sample": b}
            return [(p, self.p[b, unit] / self.n), (None, -self.t[b, unit] / self.n)]
        kind, own = self.layers[k]
        to = {"kind": "gradient", "position": k + 1, "sample": b}
        g = self.gradients[k + 1]
        if kind == "Dense":
            return [({**to, "unit": j}, g[b, j] * w) for j, w in enumerate(own["weight"][unit])]
        if kind == "BatchNorm":
            _, variance, normal = self.statistics[k]
            factor = own["gamma"][unit] / np.sqrt(variance[unit] + EPSILON)
            learned = {"kind": "parameter gradient", "layer": k, "unit": unit}
            x = normal[:, unit]
            return [
                ({**to, "unit": unit}, factor * g[b, unit]),
                ({**learned, "name": "beta"}, -factor * g[:, unit].mean()),
                ({**learned, "name": "gamma"}, -factor * x[b] * (g[:, unit] * x).mean()),
            ]
        return [({**to, "unit": unit}, g[b, unit] * self.slopes[k][b, unit])]

    def _of_parameter(self, _):
        return []

    def _of_parameter_gradient(self, node):
        (k, name), index = self.place(node)
        unit, x = node["unit"], np.ones(self.n)
        if name == "weight":
            x = self.values[k][:, index[0]]
        elif name == "gamma":
            x = self.statistics[k][2][:, unit]
        to = {"kind": "gradient", "position": k + 1, "unit": unit}
        products = x * self.gradients[k + 1][:, unit]
        found = [({**to, "sample": b}, product) for b, product in enumerate(products)]
        if (k, name) in self.penalties and self.recipe.l2_lambda:
            own = self.layers[k][1][name][index]
            found.append(({**node, "kind": "parameter"}, self.recipe.l2_lambda / self.n * own))
        return found

    def _of_clipped_gradient(self, node):
        key, index = self.place(node)
        raw, cut, clipped = (t[key][index] for t in (self.learned, self.cut, self.clipped))
        found = [({**node, "kind": "parameter gradient"}, raw)]
        if self.recipe.clip_value is not None:
            found.append((None, cut - raw))
        if self.recipe.clip_norm is not None:
            found.append((None, clipped - cut))
        return found

    def _of_update(self, node):
        key, index = self.place(node)
        clips = self.recipe.clip_norm is not None or self.recipe.clip_value is not None
        kind = "clipped gradient" if clips else "parameter gradient"
        itself = {**node, "kind": "parameter"}
        old = self.layers[key[0]][1][key[1]][index]
        found = [(itself, old), ({**node, "kind": kind}, self.steps[key][index])]
        if self.recipe.optimizer == "adamw" and key[1] == "weight":
            found.append((itself, self.decays[key][index]))
        if self.recipe.max_norm is not None and key[1] == "weight" and key[0] + 1 < self.last:
            found.append((None, self.after[key][index] - self.moved[key][index]))
        return found
