"""The numbers of an answer, each as a sum: from a probability back to the pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from inknet.explain.explaining import (
    Explainer,
    Node,
    Sum,
    activated,
    normalized,
    pixel,
    say,
    value_node,
    weighted,
)
from inknet.explain.tracing import Answer
from inknet.nn.layers import BATCH_NORM_EPSILON, BatchNorm, Dense, Dropout


class Answers(Explainer):
    """Explains the numbers of an answer: probabilities, and values back to the pixels."""

    def __init__(self, answer: Answer, class_names: Sequence[str], width: int) -> None:
        super().__init__(answer.network, class_names, width)
        self.answer = answer

    def kinds(self) -> dict[str, Callable[[Node], Sum]]:
        """Return what explains each kind of node."""
        return {
            "probability": self.probability,
            "value": self.value,
            "parameter": self.parameter,
            "statistic": self.statistic,
        }

    def probability(self, node: Node) -> Sum:
        """Explain a probability: its power, divided by those of all classes."""
        logits, t = self.answer.values[-1][0], self.answer.temperature
        unit = self.number(node, "unit", len(logits))
        powers = np.exp((logits - logits.max()) / t)
        name, total = self.class_names[unit], float(powers.sum())
        divided = "" if t == 1 else f" / {say(t)}"
        return Sum(
            f"probability of {name}",
            float(self.answer.probabilities[0, unit]),
            f"p = exp(z{divided}) / Σ exp(z{divided}) = {say(powers[unit])} / {say(total)}",
            ("softmax",),
            [
                (
                    value_node(self.last, k),
                    f"{one}: exp(({say(logits[k])} − {say(logits.max())}){divided})",
                    float(powers[k]),
                )
                for k, one in enumerate(self.class_names)
            ],
            about="The powers of all classes; the largest logit is subtracted first, so that none "
            "overflows. The probability is the share of one of them"
            + ("." if t == 1 else f"; {say(t)} is the temperature that was fitted."),
        )

    def value(self, node: Node) -> Sum:
        """Explain a value by the layer that it comes out of."""
        position = self.number(node, "position", self.last + 1)
        values = self.answer.values
        unit = self.number(node, "unit", values[position].shape[1])
        value, title = float(values[position][0, unit]), self.name_of(position, unit)
        if position == 0:
            return pixel(title, value)
        layer, number, x = self.network.layers[position - 1], position - 1, values[position - 1][0]
        if isinstance(layer, Dense):
            return weighted(self, number, layer, unit, x, value, title, None)
        if isinstance(layer, BatchNorm):
            own = float(layer.running_mean[unit]), float(layer.running_var[unit])
            found = normalized(number, layer, unit, float(x[unit]), *own, value, title, None)
            found.about = "Mean and variance are those that training has collected."
            return found
        node = value_node(number, unit)
        if isinstance(layer, Dropout):
            return Sum(
                title,
                value,
                f"y = x = {say(value)}",
                ("dropout in use",),
                [(node, say(value), value)],
                about="Dropout is off when the network answers.",
            )
        return activated(layer, node, float(x[unit]), value, title)

    def statistic(self, node: Node) -> Sum:
        """Explain a mean or variance of batch normalization: training has collected it."""
        number, layer, name, unit = self.batch_norm_of(node)
        running = layer.running_mean if name == "mean" else layer.running_var
        value = float(running[unit])
        formula = f"{name} = {say(value)}"
        if name == "variance":
            deviation = float(np.sqrt(value + BATCH_NORM_EPSILON))
            formula += f", deviation = √(variance + {BATCH_NORM_EPSILON:g}) = {say(deviation)}"
        return Sum(
            f"{name} of the {self.name_of(number, unit)}",
            value,
            formula,
            (f"running {name}",),
            about="Every step of training has moved it a little towards that of its batch.",
        )

    def parameter(self, node: Node) -> Sum:
        """Explain a learned number: it is only there."""
        number, layer, name, index = self.array_of(node)
        value = float(getattr(layer, name)[index])
        title = self.called(number, name, index)
        return Sum(
            title,
            value,
            f"{name} = {say(value)}",
            ("dense" if isinstance(layer, Dense) else "batch norm in use",),
            about="It was learned. “As it learns” shows how a step of training changes it.",
        )
