"""The numbers of a step of training, each as a sum: forward, backward, and the update."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inknet.nn.layers import Activation, BatchNorm, Dense, Layer
from inknet.studio.explaining import (
    Explainer,
    Node,
    Sum,
    activated,
    learned_node,
    pixel,
    say,
    value_node,
    weighted,
)
from inknet.studio.tracing import Step


class Steps(Explainer):
    """Explains the numbers of a step of training, forward, backward and the update."""

    def __init__(self, step: Step, class_names: Sequence[str], width: int) -> None:
        super().__init__(step.network, class_names, width)
        self.step, self.n = step, len(step.labels)

    def kinds(self) -> dict[str, Callable[[Node], Sum]]:
        """Return what explains each kind of node."""
        return {
            "loss": self.loss,
            "sample loss": self.sample_loss,
            "probability": self.probability,
            "value": self.value,
            "gradient": self.gradient,
            "parameter": self.parameter,
            "parameter gradient": self.parameter_gradient,
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
        ends = [("L2 penalty", step.penalty)] if step.penalty else []
        return Sum(
            "loss of the batch",
            step.loss,
            f"J = mean of the losses{' + penalty' if ends else ''} = {say(step.loss)}",
            "loss",
            [
                (
                    {"kind": "sample loss", "sample": b},
                    f"image {b + 1}, a {self.class_names[step.labels[b]]}: "
                    f"{say(step.losses[b])} / {self.n}",
                    float(step.losses[b]) / self.n,
                )
                for b in range(self.n)
            ],
            ends,
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
            "loss",
            [
                (
                    {"kind": "probability", "unit": k, "sample": b},
                    f"{name}: −{say(step.targets[b, k])} × log {say(step.probabilities[b, k])}",
                    float(-step.targets[b, k] * logs[k]),
                )
                for k, name in enumerate(self.class_names)
            ],
            about="The target t is 1 for the right class and 0 for all others"
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
            "softmax",
            [
                (
                    value_node(self.last, k, b),
                    f"{one}: exp({say(logits[k])} − {say(logits.max())})",
                    float(powers[k]),
                )
                for k, one in enumerate(self.class_names)
            ],
            more=[("gradient of its logit", self._gradient_node(self.last, unit, b))],
            about="The powers of all classes; the probability is the share of one of them.",
        )

    def value(self, node: Node) -> Sum:
        """Explain a value by the layer that it comes out of."""
        position = self.number(node, "position", self.last + 1)
        b, values = self.sample(node), self.step.values
        unit = self.number(node, "unit", values[position].shape[1])
        value = float(values[position][b, unit])
        title = self.name_of(position, unit) + self._of(b)
        its_gradient = self._gradient_node(position, unit, b)
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
        kept = self.step.kept[number]
        if not isinstance(layer, BatchNorm):
            mask = float(kept["mask"][b, unit])
            return activated(
                layer, value_node(number, unit, b), float(x[b, unit]), value, title, mask
            )
        gamma, beta = float(layer.gamma[unit]), float(layer.beta[unit])
        mean, deviation = float(kept["mean"][unit]), float(kept["deviation"][unit])
        factor = gamma / deviation
        return Sum(
            title,
            value,
            f"y = gamma · (x − mean) / deviation + beta = {say(gamma)} · ({say(x[b, unit])} − "
            f"{say(mean)}) / {say(deviation)} + {say(beta)}",
            "batch norm",
            [
                (
                    value_node(number, unit, b),
                    f"{say(x[b, unit])} × {say(factor)}",
                    float(x[b, unit]) * factor,
                )
            ],
            [("−mean · gamma / deviation", -mean * factor), ("beta", beta)],
            [(name, learned_node(number, name, unit)) for name in ("gamma", "beta")],
            f"Mean and deviation are those of the {self.n} images of the batch.",
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
                "loss backward",
                [({"kind": "probability", "unit": unit, "sample": b}, "p / n", p / self.n)],
                [("−t / n", -t / self.n)],
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
                "dense backward",
                [
                    (
                        self._gradient_node(position + 1, j, b),
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
                "batch norm backward",
                [
                    (
                        self._gradient_node(position + 1, unit, b),
                        f"{say(g)} × {say(factor)}",
                        g * factor,
                    )
                ],
                [
                    ("−mean(g), as it moves the mean", -mean_g * factor),
                    ("−x̂ · mean(g · x̂), as it moves the deviation", -own * mean_gx * factor),
                ],
                forward,
                "x̂ is the normalized value.",
            )
        slope = float(kept["slope"][b, unit])
        return Sum(
            title,
            value,
            f"dJ/dx = dJ/dy · f′(x) = {say(g)} × {say(slope)}",
            "activation backward",
            [
                (
                    self._gradient_node(position + 1, unit, b),
                    f"{say(g)} × {say(slope)}",
                    g * slope,
                )
            ],
            more=forward,
            about=_about_slope(layer, float(kept["mask"][b, unit])),
        )

    # -- learned numbers --------------------------------------------------------------------------

    def _in(self, vector: NDArray[Any], number: int, name: str, index: tuple[int, ...]) -> float:
        """Return a number of a vector of parameters or gradients by its place in a layer.

        Nothing is written to, as several requests may read one step at a time.
        """
        return float(vector[int(getattr(self.step.places.layers[number], name)[index])])

    def parameter(self, node: Node) -> Sum:
        """Explain a learned number: what it is, and what becomes of it."""
        number, layer, name, index = self.array_of(node)
        value = float(getattr(layer, name)[index])
        return Sum(
            self.called(number, name, index),
            value,
            f"{name} = {say(value)}",
            "dense" if isinstance(layer, Dense) else "batch norm",
            more=[
                ("its gradient", {**node, "kind": "parameter gradient"}),
                ("what the step makes of it", {**node, "kind": "update"}),
            ],
            about="It was learned, and this step changes it.",
        )

    def parameter_gradient(self, node: Node) -> Sum:
        """Explain dJ/dparameter: a sum over the samples of the batch."""
        number, layer, name, index = self.array_of(node)
        step, unit = self.step, index[-1]
        value = self._in(step.parameter_gradients, number, name, index)
        after, title = step.gradients[number + 1][:, unit], self.called(number, name, index)
        if name == "weight":
            x = step.values[number][:, index[0]]
            formula, source = "dJ/dweight = Σ over the images of  x · dJ/dy", "dense weight"
        elif name == "gamma":
            x = step.kept[number]["normal"][:, unit]
            formula, source = "dJ/dgamma = Σ over the images of  x̂ · dJ/dy", "gamma"
        else:
            x = np.ones(self.n)
            formula = f"dJ/d{name} = Σ over the images of  dJ/dy"
            source = "beta" if name == "beta" else "dense bias"
        settings = step.settings
        is_decayed = name == "weight" or (name == "bias" and settings.l2_on_biases)
        own, is_plain = float(getattr(layer, name)[index]), name in ("bias", "beta")
        ends = (
            [("L2: lambda / n · weight", settings.l2_lambda / self.n * own)]
            if is_decayed and settings.l2_lambda
            else []
        )
        return Sum(
            f"gradient of the {title}",
            value,
            formula + (" + lambda / n · weight" if ends else ""),
            source,
            [
                (
                    self._gradient_node(number + 1, unit, b),
                    f"image {b + 1}: "
                    + (say(after[b]) if is_plain else f"{say(x[b])} × {say(after[b])}"),
                    float(x[b] * after[b]),
                )
                for b in range(self.n)
            ],
            ends,
            [
                ("the number itself", {**node, "kind": "parameter"}),
                ("what the step makes of it", {**node, "kind": "update"}),
            ],
            "If the number grows by a little, the loss grows by that times this gradient.",
        )

    def update(self, node: Node) -> Sum:
        """Explain what the optimizer makes of a learned number in its first step."""
        number, layer, name, index = self.array_of(node)
        step, settings = self.step, self.step.settings
        old = float(getattr(layer, name)[index])
        new = float(getattr(step.after.layers[number], name)[index])
        g = self._in(step.clipped, number, name, index)
        raw = self._in(step.parameter_gradients, number, name, index)
        rate, title = settings.learning_rate, self.called(number, name, index)
        clipped = "" if g == raw else f" The gradient was clipped from {say(raw)} to {say(g)}."
        return Sum(
            f"the {title} after the step",
            new,
            f"{name} = {say(old)} − {say(old - new)} = {say(new)}",
            settings.optimizer,
            [
                ({**node, "kind": "parameter"}, "what it was", old),
                ({**node, "kind": "parameter gradient"}, _step_text(settings, g), new - old),
            ],
            more=[("its gradient", {**node, "kind": "parameter gradient"})],
            about=f"The first step of a new optimizer, at the highest rate of the recipe, "
            f"{say(rate)}.{clipped}",
        )


def _step_text(settings: Any, g: float) -> str:
    rate = say(settings.learning_rate)
    return {
        "gradient_descent": f"−rate · g = −{rate} × {say(g)}",
        "momentum": f"−rate · v, v = 0.1 · g = 0.1 × {say(g)}",
        "adam": f"−rate · g / (|g| + ε) = −{rate} × sign of {say(g)}",
        "adamw": f"−rate · (g / (|g| + ε) + decay · w), g = {say(g)}",
    }[settings.optimizer]


def _about_slope(layer: Layer, mask: float) -> str:
    assert isinstance(layer, Activation), "all other layers are explained before"
    name = layer.function.name.replace("_", " ")
    dropped = f" Dropout multiplies by {say(mask)} here too." if layer.keep_prob < 1 else ""
    return f"f′ is the slope of {name}; it is computed from the output.{dropped}"
