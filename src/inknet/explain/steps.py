"""The numbers of a step of training, each as a sum: forward, backward, and the update."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from inknet.explain.explaining import (
    Node,
    Sum,
    activated,
    dropped,
    learned_node,
    normalized,
    pixel,
    say,
    statistic_node,
    value_node,
    weighted,
)
from inknet.explain.updates import Updates
from inknet.nn.layers import BATCH_NORM_EPSILON, Activation, BatchNorm, Dense, Layer


class Steps(Updates):
    """Explains the numbers of a step of training, forward, backward and the update."""

    def kinds(self) -> dict[str, Callable[[Node], Sum]]:
        """Return what explains each kind of node."""
        return {
            "loss": self.loss,
            "sample loss": self.sample_loss,
            "penalty": self.penalty,
            "probability": self.probability,
            "value": self.value,
            "statistic": self.statistic,
            "gradient": self.gradient,
            "parameter": self.parameter,
            "parameter gradient": self.parameter_gradient,
            "clipped gradient": self.clipped_gradient,
            "update": self.update,
        }

    def sample(self, node: Node) -> int:
        """Return which sample of the batch a node is of."""
        return self.number(node, "sample", self.n)

    def _of(self, sample: int) -> str:
        return "" if sample == 0 else f", image {sample + 1} of the batch"

    # -- forward ----------------------------------------------------------------------------------

    def loss(self, node: Node) -> Sum:
        """Explain the objective: the mean loss of the samples, and the penalty."""
        step = self.step
        has_penalty = bool(step.settings.l2_lambda)
        return Sum(
            "loss of the batch",
            step.loss,
            f"J = mean of the losses{' + penalty' if has_penalty else ''} = {say(step.loss)}",
            ("mean loss", "penalty") if has_penalty else ("mean loss",),
            [
                (
                    {"kind": "sample loss", "sample": b},
                    f"image {b + 1}, a {self.class_names[step.labels[b]]}: "
                    f"{say(step.losses[b])} / {self.n}",
                    float(step.losses[b]) / self.n,
                )
                for b in range(self.n)
            ],
            [("L2 penalty", step.penalty, {"kind": "penalty"})] if has_penalty else [],
            about=f"A step is taken on {self.n} images: the one that is followed is the first, the "
            "others are training images.",
        )

    def sample_loss(self, node: Node) -> Sum:
        """Explain the loss of a sample: cross-entropy."""
        b, step = self.sample(node), self.step
        logs = np.log(np.maximum(step.probabilities[b], 1e-300))
        return Sum(
            f"loss of a {self.class_names[step.labels[b]]}{self._of(b)}",
            float(step.losses[b]),
            f"loss = − Σ t log p = {say(step.losses[b])}",
            ("loss",),
            [
                (
                    {"kind": "probability", "unit": k, "sample": b},
                    f"{name}: −{say(step.targets[b, k])} × log {say(step.probabilities[b, k])}",
                    float(-step.targets[b, k] * logs[k]),
                )
                for k, name in enumerate(self.class_names)
            ],
            about="The code takes log Σ exp(z) − Σ t z, which is the same and cannot overflow. The "
            "target t is 1 for the right class and 0 for all others"
            + (
                "."
                if not step.settings.label_smoothing
                else f", of which {say(step.settings.label_smoothing)} is spread over all classes."
            ),
        )

    def probability(self, node: Node) -> Sum:
        """Explain a probability: its power, divided by those of all classes."""
        b = self.sample(node)
        logits = self.step.values[-1][b]
        unit = self.number(node, "unit", len(logits))
        powers = np.exp(logits - logits.max())
        return Sum(
            f"probability of {self.class_names[unit]}{self._of(b)}",
            float(self.step.probabilities[b, unit]),
            f"p = exp(z) / Σ exp(z) = {say(powers[unit])} / {say(powers.sum())}",
            ("softmax",),
            [
                (
                    value_node(self.last, k, b),
                    f"{one}: exp({say(logits[k])} − {say(logits.max())})",
                    float(powers[k]),
                )
                for k, one in enumerate(self.class_names)
            ],
            more=[("gradient of its logit", self.gradient_node(self.last, unit, b))],
            about="The powers of all classes; the probability is the share of one of them.",
        )

    def value(self, node: Node) -> Sum:
        """Explain a value by the layer that it comes out of."""
        position = self.number(node, "position", self.last + 1)
        b, values = self.sample(node), self.step.values
        unit = self.number(node, "unit", values[position].shape[1])
        value = float(values[position][b, unit])
        title = self.name_of(position, unit) + self._of(b)
        its_gradient = self.gradient_node(position, unit, b)
        if position == 0:
            found = pixel(title, value)
        else:
            found = self._through(position, unit, b, value, title)
        found.more = [("gradient of the loss with respect to it", its_gradient), *found.more]
        return found

    def _through(self, position: int, unit: int, b: int, value: float, title: str) -> Sum:
        number = position - 1
        layer, x = self.network.layers[number], self.step.values[number]
        if isinstance(layer, Dense):
            return weighted(self, number, layer, unit, x[b], value, title, b)
        kept, node = self.step.kept[number], value_node(number, unit, b)
        if isinstance(layer, BatchNorm):
            own = float(kept["mean"][unit]), self._variance(number, unit)
            found = normalized(number, layer, unit, float(x[b, unit]), *own, value, title, b)
            found.about = f"Mean and variance are those of the {self.n} images of the batch."
            return found
        if isinstance(layer, Activation) and layer.keep_prob < 1:
            plain, mask = float(kept["plain"][b, unit]), float(kept["mask"][b, unit])
            return dropped(layer, node, float(x[b, unit]), plain, mask, value, title)
        return activated(layer, node, float(x[b, unit]), value, title)

    def _variance(self, number: int, unit: int) -> float:
        return float(self.step.kept[number]["deviation"][unit] ** 2 - BATCH_NORM_EPSILON)

    def statistic(self, node: Node) -> Sum:
        """Explain a mean or variance of batch normalization: one over the images of the batch."""
        number, _, name, unit = self.batch_norm_of(node)
        x, kept, n = self.step.values[number][:, unit], self.step.kept[number], self.n
        mean, about = float(kept["mean"][unit]), f"It is that of the {n} images of the batch."
        title = f"{name} of the {self.name_of(number, unit)}"
        if name == "mean":
            return Sum(
                title,
                mean,
                "mean = Σ x / n",
                ("batch mean",),
                [
                    (
                        value_node(number, unit, b),
                        f"image {b + 1}: {say(x[b])} / {n}",
                        float(x[b]) / n,
                    )
                    for b in range(n)
                ],
                about=about,
            )
        return Sum(
            title,
            self._variance(number, unit),
            f"variance = Σ (x − mean)² / n, deviation = √(variance + {BATCH_NORM_EPSILON:g}) = "
            f"{say(kept['deviation'][unit])}",
            ("batch variance",),
            [
                (
                    value_node(number, unit, b),
                    f"image {b + 1}: ({say(x[b])} − {say(mean)})² / {n}",
                    float((x[b] - mean) ** 2) / n,
                )
                for b in range(n)
            ],
            more=[("the mean", statistic_node(number, "mean", unit))],
            about=about,
        )

    # -- backward ---------------------------------------------------------------------------------

    def _gradient_node(self, position: int, unit: int, b: int) -> Node:
        return {"kind": "gradient", "position": position, "unit": unit, "sample": b}

    def gradient(self, node: Node) -> Sum:
        """Explain dJ/dvalue by the layer that takes the value: the chain rule."""
        position = self.number(node, "position", self.last + 1)
        b, step = self.sample(node), self.step
        unit = self.number(node, "unit", step.values[position].shape[1])
        value = float(step.gradients[position][b, unit])
        title = f"gradient of the loss, for the {self.name_of(position, unit)}{self._of(b)}"
        forward = [("the value itself", value_node(position, unit, b))]
        if position == self.last:
            p, t = float(step.probabilities[b, unit]), float(step.targets[b, unit])
            return Sum(
                title,
                value,
                f"dJ/dz = (p − t) / n = ({say(p)} − {say(t)}) / {self.n}",
                ("loss backward", "mean loss backward"),
                [
                    (
                        {"kind": "probability", "unit": unit, "sample": b},
                        f"p / n: {say(p)} / {self.n}",
                        p / self.n,
                    )
                ],
                [("−t / n", -t / self.n, None)],
                forward,
                "What the answer is, minus what it should be.",
            )
        layer, after = self.network.layers[position], step.gradients[position + 1]
        kept = step.kept[position]
        if isinstance(layer, Dense):
            weights = layer.weight[unit]
            return Sum(
                title,
                value,
                "dJ/dx = Σ dJ/dy · weight",
                ("dense backward",),
                [
                    (
                        self.gradient_node(position + 1, j, b),
                        f"{self.name_of(position + 1, j)}: {say(after[b, j])} × {say(weights[j])}",
                        float(after[b, j] * weights[j]),
                    )
                    for j in range(len(weights))
                ],
                more=forward,
                about="It reaches the loss through every neuron that it is an input of.",
            )
        g = float(after[b, unit])
        if isinstance(layer, BatchNorm):
            factor = float(layer.gamma[unit] / kept["deviation"][unit])
            normal = kept["normal"][:, unit]
            mean_g, mean_gx = float(after[:, unit].mean()), float((after[:, unit] * normal).mean())
            own = float(normal[b])
            return Sum(
                title,
                value,
                f"dJ/dx = gamma / deviation · (g − mean(g) − x̂ · mean(g · x̂)) = {say(factor)} · "
                f"({say(g)} − {say(mean_g)} − {say(own)} · {say(mean_gx)})",
                ("batch norm backward",),
                [
                    (
                        self.gradient_node(position + 1, unit, b),
                        f"{say(g)} × {say(factor)}",
                        g * factor,
                    )
                ],
                [
                    (
                        "−mean(g), as it moves the mean",
                        -mean_g * factor,
                        self._gradient_of(position, "beta", unit),
                    ),
                    (
                        "−x̂ · mean(g · x̂), as it moves the deviation",
                        -own * mean_gx * factor,
                        self._gradient_of(position, "gamma", unit),
                    ),
                ],
                forward,
                "x̂ is the normalized value, g what comes back. The means are the gradients of beta "
                "and gamma, divided by n.",
            )
        slope = float(kept["slope"][b, unit])
        return Sum(
            title,
            value,
            f"dJ/dx = dJ/dy · f′(x) = {say(g)} × {say(slope)}",
            _sources_of_slope(layer),
            [
                (
                    self.gradient_node(position + 1, unit, b),
                    f"{say(g)} × {say(slope)}",
                    g * slope,
                )
            ],
            more=forward,
            about=_about_slope(layer, float(kept["mask"][b, unit])),
        )

    def _gradient_of(self, number: int, name: str, unit: int) -> Node:
        return {**learned_node(number, name, unit), "kind": "parameter gradient"}


def _sources_of_slope(layer: Layer) -> tuple[str, ...]:
    assert isinstance(layer, Activation), "all other layers are explained before"
    sources = "activation backward", f"{layer.function.name} slope"
    return sources if layer.keep_prob == 1 else (*sources, "dropout backward")


def _about_slope(layer: Layer, mask: float) -> str:
    assert isinstance(layer, Activation), "all other layers are explained before"
    name = layer.function.name.replace("_", " ")
    about = f"f′ is the slope of {name}; it is computed from the output."
    if layer.keep_prob == 1:
        return about
    if mask:
        return f"{about} It holds the mask of dropout, too: {say(mask)}."
    return f"{about} Dropout has switched this neuron off, so nothing passes back either."
