"""The learned numbers in a step of training: their gradients, and what becomes of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inknet.errors import InputError
from inknet.explain.explaining import Explainer, Node, Sum, learned_node, say
from inknet.explain.tracing import Step, Values
from inknet.nn.layers import Dense
from inknet.nn.optimizers import Adam, Momentum

MOST_LISTED = 1000
"""Terms of the penalty that are told one by one; there is one for each weight."""


class Updates(Explainer):
    """Explains learned numbers: from the gradients of a batch to what the step makes of them."""

    def __init__(
        self,
        step: Step,
        class_names: Sequence[str],
        width: int | None,
        feature_names: Sequence[str] = (),
    ) -> None:
        super().__init__(step.network, class_names, width, feature_names)
        self.step, self.n = step, len(step.labels)

    def gradient_node(self, position: int, unit: int, b: int) -> Node:
        """Return the node of the gradient of a value."""
        return {"kind": "gradient", "position": position, "unit": unit, "sample": b}

    def _in(self, vector: NDArray[Any], number: int, name: str, index: tuple[int, ...]) -> float:
        """Return a number of a vector of parameters or gradients by its place in a layer.

        Nothing is written to, as several requests may read one step at a time.
        """
        return float(vector[int(getattr(self.step.places.layers[number], name)[index])])

    @property
    def _clips(self) -> bool:
        return self.step.settings.clip_value is not None or self.step.settings.clip_norm is not None

    def _given(self, node: Node) -> Node:
        """Return the node of the gradient that the optimizer is given."""
        return {**node, "kind": "clipped gradient" if self._clips else "parameter gradient"}

    def parameter(self, node: Node) -> Sum:
        """Explain a learned number: what it is, and what becomes of it."""
        number, layer, name, index = self.array_of(node)
        value = float(getattr(layer, name)[index])
        return Sum(
            self.called(number, name, index),
            value,
            f"{name} = {say(value)}",
            ("dense" if isinstance(layer, Dense) else "batch norm",),
            more=[
                ("its gradient", {**node, "kind": "parameter gradient"}),
                ("what the step makes of it", {**node, "kind": "update"}),
            ],
            about="It was learned, and this step changes it.",
        )

    def penalty(self, node: Node) -> Sum:
        """Explain the L2 penalty: a sum over all weights."""
        step, settings = self.step, self.step.settings
        if not settings.l2_lambda:
            raise InputError("This run was trained without an L2 penalty.")
        end = self.network.n_weights + (self.network.n_biases if settings.l2_on_biases else 0)
        decayed = self.network.parameters[:end]
        parts = settings.l2_lambda / (2 * self.n) * decayed**2
        listed = np.arange(end)
        if end > MOST_LISTED:
            listed = np.argpartition(-parts, MOST_LISTED)[:MOST_LISTED]
        nodes = self._nodes_at(listed)
        is_listed = np.zeros(end, bool)
        is_listed[listed] = True
        return Sum(
            "L2 penalty",
            step.penalty,
            f"penalty = Σ lambda / (2 n) · weight², lambda = {say(settings.l2_lambda)}, "
            f"n = {self.n}",
            ("penalty",),
            [
                (one, f"{say(settings.l2_lambda / (2 * self.n))} × {say(w)}²", float(part))
                for one, w, part in zip(nodes, decayed[listed], parts[listed], strict=True)
            ],
            about="It makes large weights cost something, so that the step makes them smaller.",
            others=(end - len(listed), float(parts[~is_listed].sum())),
        )

    def _nodes_at(self, places: NDArray[np.intp]) -> list[Node]:
        """Return the nodes of learned numbers by their places in the vector of all of them."""
        found: dict[int, Node] = {}
        for number, layer in enumerate(self.step.places.layers):
            for array in layer.learned:
                if array.kind == "statistic":
                    continue
                start = int(getattr(layer, array.name).flat[0])
                for place in places[(places >= start) & (places < start + array.size)].tolist():
                    *inputs, unit = np.unravel_index(place - start, array.shape)
                    found[place] = learned_node(number, array.name, int(unit), *map(int, inputs))
        return [found[place] for place in places.tolist()]

    def parameter_gradient(self, node: Node) -> Sum:
        """Explain dJ/dparameter: a sum over the samples of the batch."""
        number, layer, name, index = self.array_of(node)
        step, settings, unit = self.step, self.step.settings, index[-1]
        after = step.gradients[number + 1][:, unit]
        x: Values = np.ones(self.n)
        formula, source = f"dJ/d{name} = Σ over the images of  dJ/dy", "dense bias"
        if name == "weight":
            x = step.values[number][:, index[0]]
            formula, source = "dJ/dweight = Σ over the images of  x · dJ/dy", "dense weight"
        elif name == "gamma":
            x = step.kept[number]["normal"][:, unit]
            formula, source = "dJ/dgamma = Σ over the images of  x̂ · dJ/dy", "gamma"
        elif name == "beta":
            source = "beta"
        is_decayed = name == "weight" or (name == "bias" and settings.l2_on_biases)
        own, is_plain = float(getattr(layer, name)[index]), name in ("bias", "beta")
        found = Sum(
            f"gradient of the {self.called(number, name, index)}",
            self._in(step.parameter_gradients, number, name, index),
            formula,
            (source,),
            [
                (
                    self.gradient_node(number + 1, unit, b),
                    f"image {b + 1}: "
                    + (say(after[b]) if is_plain else f"{say(x[b])} × {say(after[b])}"),
                    float(x[b] * after[b]),
                )
                for b in range(self.n)
            ],
            more=[
                ("the number itself", {**node, "kind": "parameter"}),
                *([("the gradient after clipping", self._given(node))] if self._clips else []),
                ("what the step makes of it", {**node, "kind": "update"}),
            ],
            about="If the number grows by a little, the loss grows by that times this gradient.",
        )
        if is_decayed and settings.l2_lambda:
            strength = settings.l2_lambda / self.n
            found.ends = [
                (f"L2: lambda / n · {name}", strength * own, {**node, "kind": "parameter"})
            ]
            found.formula += f" + lambda / n · {name}"
            found.sources += ("penalty backward",)
        return found

    def clipped_gradient(self, node: Node) -> Sum:
        """Explain what clipping makes of a gradient."""
        number, _, name, index = self.array_of(node)
        step, settings = self.step, self.step.settings
        if not self._clips:
            raise InputError("This run was trained without clipping.")
        raw, cut, value = (
            self._in(vector, number, name, index)
            for vector in (step.parameter_gradients, step.cut, step.clipped)
        )
        found = Sum(
            f"gradient of the {self.called(number, name, index)}, clipped",
            value,
            "",
            (),
            [({**node, "kind": "parameter gradient"}, say(raw), raw)],
            more=[("what the step makes of it", {**node, "kind": "update"})],
            about="Clipping keeps one step from going too far.",
        )
        formulas = []
        if settings.clip_value is not None:
            limit = say(settings.clip_value)
            found.ends.append((f"cut to ±{limit}", cut - raw, None))
            found.sources += ("clip_value",)
            formulas.append(f"g is cut to ±{limit}")
        if settings.clip_norm is not None:
            norm, limit = float(np.sqrt(step.cut @ step.cut)), say(settings.clip_norm)
            found.ends.append((f"all gradients shortened to {limit}", value - cut, None))
            found.sources += ("clip_norm",)
            formulas.append(
                f"g · limit / ‖g‖ = {say(cut)} · {limit} / {say(norm)}"
                if norm > settings.clip_norm
                else f"‖g‖ = {say(norm)} is not above {limit}, so g stays"
            )
        found.formula = "; ".join(formulas)
        return found

    def update(self, node: Node) -> Sum:
        """Explain what the optimizer makes of a learned number in its first step."""
        number, layer, name, index = self.array_of(node)
        step, settings = self.step, self.step.settings
        old = float(getattr(layer, name)[index])
        moved = self._in(step.moved, number, name, index)
        new = float(getattr(step.after.layers[number], name)[index])
        rate, itself = settings.learning_rate, {**node, "kind": "parameter"}
        formula, text = self._rule(number, name, index)
        found = Sum(
            f"the {self.called(number, name, index)} after the step",
            new,
            formula,
            (settings.optimizer,),
            [(itself, f"{name} before: {say(old)}", old), (self._given(node), text, moved - old)],
            more=[("its gradient", {**node, "kind": "parameter gradient"})],
            about="The first step of a new optimizer, which remembers nothing yet, at the highest "
            f"rate of the recipe, {say(rate)}.",
        )
        if settings.optimizer == "adamw" and name == "weight":  # and no other numbers
            decay = rate * settings.weight_decay * old
            found.terms[1] = (self._given(node), text, moved - old + decay)
            label = f"weight decay: −{say(rate)} · {say(settings.weight_decay)} · {name}"
            found.ends.append((label, -decay, itself))
        if settings.max_norm is not None and name == "weight" and number + 1 < self.last:
            label = f"weights of the neuron not longer than {say(settings.max_norm)}"
            found.ends.append((label, new - moved, None))
            found.sources += ("max_norm",)
        return found

    def _rule(self, number: int, name: str, index: tuple[int, ...]) -> tuple[str, str]:
        """Return the rule of the optimizer, with numbers: as a formula, and as a term."""
        optimizer, rate = self.step.optimizer, say(self.step.settings.learning_rate)
        g = self._in(self.step.clipped, number, name, index)
        if isinstance(optimizer, Momentum):
            v, beta = self._in(optimizer.velocity, number, name, index), optimizer.beta
            formula = f"v = {say(beta)} · 0 + {say(1 - beta)} · {say(g)} = {say(v)}"
            return f"{formula}; {name} − rate · v", f"−rate · v: −{rate} × {say(v)}"
        if isinstance(optimizer, Adam):
            m = self._in(optimizer.mean, number, name, index)
            v = self._in(optimizer.square, number, name, index)
            rest1, rest2 = 1 - optimizer.beta1, 1 - optimizer.beta2
            mean, square = m / rest1, v / rest2
            share = mean / (np.sqrt(square) + optimizer.epsilon)
            formula = (
                f"m = {say(rest1)} · {say(g)} = {say(m)}, v = {say(rest2)} · {say(abs(g))}² = "
                f"{say(v)}; m̂ = m / {say(rest1)} = {say(mean)}, v̂ = v / {say(rest2)} = "
                f"{say(square)}; {name} − rate · m̂ / (√v̂ + {optimizer.epsilon:g})"
            )
            return formula, f"−rate · m̂ / √v̂: −{rate} × {say(share)}"
        return f"{name} − rate · g", f"−rate · g: −{rate} × {say(g)}"
