"""Any number of a network, as the sum that it is: terms that are numbers themselves.

A *node* names a number: its ``kind``, and as far as it needs them ``position`` (0 are the pixels,
and k is what comes out of layer k), ``unit``, ``sample`` of the batch, ``layer`` (from 0), ``name``
of a learned array and ``input``. `answers` explains numbers of an answer, `steps` those of a step
of training. Every explanation is a sum of terms, ``rest`` and ``ends``, for readers to add up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import numpy as np

from inknet.errors import InputError
from inknet.explain.source_lines import source_of
from inknet.explain.tracing import Values
from inknet.nn.layers import BATCH_NORM_EPSILON, Activation, BatchNorm, Dense, Dropout, Layer
from inknet.nn.network import Network

Node = dict[str, Any]
MOST_TERMS = 12


@dataclass
class Sum:
    """A number as a sum.

    Attributes
    ----------
    title : str
    value : float
    formula : str
        In the symbols of the code, and with numbers.
    sources : tuple of str
        Which lines compute it, see `source_lines`.
    terms : list of (node, text, product)
        What is added; a node is None where nothing is to be followed.
    ends : list of (name, value, node)
        What is added besides.
    more : list of (title, node)
        Numbers that belong to this one.
    about : str
        A sentence that says what it means.
    others : (int, float)
        How many more terms there are, all smaller than those in the list, and their sum.
    """

    title: str
    value: float
    formula: str
    sources: tuple[str, ...]
    terms: list[tuple[Node | None, str, float]] = field(default_factory=list)
    ends: list[tuple[str, float, Node | None]] = field(default_factory=list)
    more: list[tuple[str, Node]] = field(default_factory=list)
    about: str = ""
    others: tuple[int, float] = (0, 0.0)

    def to_dict(self, most: int = MOST_TERMS) -> dict[str, Any]:
        """Return it for JSON: the largest terms, and the others as one."""
        order = sorted(self.terms, key=lambda term: -abs(term[2]))
        shown, rest = order[:most], order[most:]
        return {
            "title": self.title,
            "value": finite(self.value),
            "formula": self.formula,
            "about": self.about,
            "terms": [
                {"node": node, "text": text, "product": finite(product)}
                for node, text, product in shown
            ],
            "rest": {
                "n": len(rest) + self.others[0],
                "sum": finite(sum(product for _, _, product in rest) + self.others[1]),
            },
            "ends": [
                {"name": name, "value": finite(value), "node": node}
                for name, value, node in self.ends
            ],
            "more": [{"title": title, "node": node} for title, node in self.more],
            "sources": [source_of(source) for source in self.sources],
        }


def finite(x: float) -> float | None:
    """Return a number for JSON, which has no NaN and no infinity: null in their place."""
    return float(x) if isfinite(x) else None


class Explainer:
    """What both kinds of explanations share: names, and checking of nodes.

    Parameters
    ----------
    network
        In float64.
    class_names
    width
        Of an image, in pixels; None for rows of a table.
    feature_names
        Of the columns of a table, or none.
    """

    def __init__(
        self,
        network: Network,
        class_names: Sequence[str],
        width: int | None,
        feature_names: Sequence[str] = (),
    ) -> None:
        self.network, self.class_names = network, class_names
        self.width, self.feature_names = width, feature_names
        self.last = len(network.layers)

    def explain(self, node: Node) -> Sum:
        """Return a number as a sum; raise `InputError` if there is no such number."""
        kinds: dict[str, Callable[[Node], Sum]] = self.kinds()
        kind = node.get("kind")
        if kind not in kinds:
            raise InputError(f"There is no number of the kind {str(kind)[:40]!r} here.")
        return kinds[str(kind)](node)

    def kinds(self) -> dict[str, Callable[[Node], Sum]]:
        """Return what explains each kind of node."""
        raise NotImplementedError

    def number(self, node: Node, name: str, below: int) -> int:
        """Return a whole number of a node, from 0 to a limit."""
        value = node.get(name, 0)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < below:
            raise InputError(f"{name} is {str(value)[:40]}; expected 0 to {below - 1:,}.")
        return value

    def layer(self, node: Node) -> tuple[int, Layer]:
        """Return the layer of a node and its number."""
        number = self.number(node, "layer", self.last)
        return number, self.network.layers[number]

    def name_of(self, position: int, unit: int) -> str:
        """Return what a value is called."""
        if position == 0 and self.width is None:
            return self.feature_names[unit] if self.feature_names else f"feature {unit}"
        if position == 0 and self.width is not None:
            return f"pixel in row {unit // self.width}, column {unit % self.width}"
        if position == self.last:
            return f"logit of {self.class_names[unit]}"
        block = sum(isinstance(one, Dense) for one in self.network.layers[:position])
        return f"{self._what(position)} of neuron {unit} in layer {block}"

    def _what(self, position: int) -> str:
        layer = self.network.layers[position - 1]
        if isinstance(layer, Dense):
            return "sum"
        if isinstance(layer, BatchNorm):
            return f"normalized {self._what(position - 1)}"
        return "output after dropout" if isinstance(layer, Dropout) else "output"

    def array_of(self, node: Node) -> tuple[int, Layer, str, tuple[int, ...]]:
        """Return the layer, the name and the index of a learned number."""
        number, layer = self.layer(node)
        names = {array.name: array.shape for array in layer.learned if array.kind != "statistic"}
        name = str(node.get("name"))
        if name not in names:
            raise InputError(f"Layer {number} has no {name[:40]}; expected {', '.join(names)}.")
        shape = names[name]
        unit = self.number(node, "unit", shape[-1])
        if len(shape) == 2:
            return number, layer, name, (self.number(node, "input", shape[0]), unit)
        return number, layer, name, (unit,)

    def batch_norm_of(self, node: Node) -> tuple[int, BatchNorm, str, int]:
        """Return the layer, the name and the unit of a mean or variance of batch normalization."""
        number, layer = self.layer(node)
        name = node.get("name")
        if not isinstance(layer, BatchNorm) or name not in ("mean", "variance"):
            raise InputError(f"Layer {number} has no {str(name)[:40]}.")
        return number, layer, str(name), self.number(node, "unit", layer.width)

    def called(self, number: int, name: str, index: tuple[int, ...]) -> str:
        """Return what a learned number is called."""
        to = self.name_of(number + 1, index[-1])
        return (
            f"weight from {self.name_of(number, index[0])} to the {to}"
            if len(index) == 2
            else (f"{name} of the {to}")
        )


def learned_node(layer: int, name: str, unit: int, input: int | None = None) -> Node:
    """Return the node of a learned number."""
    node = {"kind": "parameter", "layer": layer, "name": name, "unit": unit}
    return node if input is None else {**node, "input": input}


def statistic_node(layer: int, name: str, unit: int) -> Node:
    """Return the node of a mean or variance of batch normalization."""
    return {"kind": "statistic", "layer": layer, "name": name, "unit": unit}


def value_node(position: int, unit: int, sample: int | None = None) -> Node:
    """Return the node of a value."""
    node = {"kind": "value", "position": position, "unit": unit}
    return node if sample is None else {**node, "sample": sample}


def say(x: float) -> str:
    """Return a number with about four digits."""
    return f"{x + 0.0:.4g}".replace("-", "−")  # + 0.0 makes 0 of −0


def pixel(title: str, value: float) -> Sum:
    """Explain a pixel: it is given."""
    return Sum(
        title,
        value,
        f"x = {say(value)}",
        ("dense",),
        about="Here the number begins: it is how much ink there is, from 0 to 1.",
    )


def weighted(
    explainer: Explainer,
    number: int,
    layer: Dense,
    unit: int,
    x: Values,
    value: float,
    title: str,
    sample: int | None,
) -> Sum:
    """Explain what comes out of a dense layer: a weighted sum."""
    weights, bias = layer.weight[:, unit], float(layer.bias[unit])
    return Sum(
        title,
        value,
        "y = Σ x · weight + bias",
        ("dense",),
        [
            (
                value_node(number, i, sample),
                f"{explainer.name_of(number, i)}: {say(x[i])} × {say(weights[i])}",
                float(x[i] * weights[i]),
            )
            for i in range(len(weights))
        ],
        [("bias", bias, learned_node(number, "bias", unit))],
        [
            (
                f"the weight from {explainer.name_of(number, i)}",
                learned_node(number, "weight", unit, i),
            )
            for i in np.argsort(-np.abs(x * weights), kind="stable")[:3].tolist()
        ],
        "Every input counts as much as its weight says.",
    )


def normalized(
    number: int,
    layer: BatchNorm,
    unit: int,
    x: float,
    mean: float,
    variance: float,
    value: float,
    title: str,
    sample: int | None,
) -> Sum:
    """Explain what comes out of batch normalization."""
    gamma, beta = float(layer.gamma[unit]), float(layer.beta[unit])
    deviation = float(np.sqrt(variance + BATCH_NORM_EPSILON))
    factor = gamma / deviation
    return Sum(
        title,
        value,
        f"y = gamma · (x − mean) / deviation + beta = {say(gamma)} · ({say(x)} − {say(mean)}) / "
        f"{say(deviation)} + {say(beta)}",
        ("batch norm" if sample is not None else "batch norm in use",),
        [(value_node(number, unit, sample), f"{say(x)} × {say(factor)}", x * factor)],
        [
            ("−mean · gamma / deviation", -mean * factor, statistic_node(number, "mean", unit)),
            ("beta", beta, learned_node(number, "beta", unit)),
        ],
        [
            ("gamma", learned_node(number, "gamma", unit)),
            ("the variance, whose root is the deviation", statistic_node(number, "variance", unit)),
        ],
    )


def activated(layer: Layer, node: Node, x: float, value: float, title: str) -> Sum:
    """Explain what comes out of an activation without dropout."""
    assert isinstance(layer, Activation), "all other layers are explained before"
    name = layer.function.name
    return Sum(
        title,
        value,
        f"y = f(x) = f({say(x)}) = {say(value)}",
        (name,),
        [(node, f"f({say(x)})", value)],
        about=f"The activation is {name.replace('_', ' ')}.",
    )


def dropped(
    layer: Layer, node: Node, x: float, plain: float, mask: float, value: float, title: str
) -> Sum:
    """Explain what comes out of an activation with dropout, or of dropout alone."""
    assert isinstance(layer, Activation), "all other layers are explained before"
    product, name = f"{say(plain)} × {say(mask)}", layer.function.name
    about = (
        "Dropout keeps this neuron in this step, and multiplies by 1 / the probability of that: so "
        "the mean over many steps stays."
        if mask
        else "Dropout has switched this neuron off in this step."
    )
    sources: tuple[str, ...] = ("dropout",)
    formula = f"y = x · mask = {product}"
    if not isinstance(layer, Dropout):
        formula = f"y = f(x) · mask = f({say(x)}) · {say(mask)} = {product}"
        sources = (name, "dropout")
        about = f"The activation f is {name.replace('_', ' ')}. {about}"
    return Sum(title, value, formula, sources, [(node, product, value)], about=about)
