"""How ``inknet explain`` prints a walk, part by part."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np
from rich.text import Text

import inknet
from inknet.cli.paper import (
    MORE,
    QUIET,
    RIGHT,
    WIDTH,
    WRONG,
    Paper,
    bar,
    digits,
    fixed,
    signed,
    tidy,
    verdict_on,
)
from inknet.explain.checking import LIMIT, Check
from inknet.explain.explaining import Sum, say
from inknet.explain.learning import Change, Learned
from inknet.explain.walk import Gradient, Station, Walk
from inknet.nn.layers import Dense

N_NUMBERS = 7
"""So many numbers of a row are printed."""
N_CLASSES = 10
"""So many classes have a line, if there are more."""


class Page(Paper):
    """Prints the parts of a walk.

    Parameters
    ----------
    walk
    """

    def __init__(self, walk: Walk) -> None:
        super().__init__()
        self.walk, self.subject, self.facts = walk, walk.subject, walk.subject.model.facts
        self.network, self.n = walk.step.network, len(walk.step.labels)

    # -- parts ------------------------------------------------------------------------------------

    def opening(self) -> None:
        """Print whose network it is, the sample, and what the network answers."""
        subject, architecture = self.subject, self.network.architecture
        widths = "-".join(map(str, architecture.layer_dims))
        self.line((subject.name, "bold"), f": {widths}, {self.network.n_parameters:,} parameters")
        self.line()
        picture = self._picture()
        beside = self._answer(16 if picture else 40)
        if picture and picture[0].cell_len + 46 > WIDTH:
            for row in picture:
                self.line("  ", row)
            picture = []
        blank = " " * picture[0].cell_len if picture else ""
        height = max(len(picture), len(beside))
        for i in range(height):
            row = picture[i] if i < len(picture) else Text(blank)
            self.line("  ", row, "   " if picture else "", *(beside[i] if i < len(beside) else ()))

    def _answer(self, room: int) -> list[tuple[str | tuple[str, str] | Text, ...]]:
        """Return the lines beside the picture, with room for so many letters of a name."""
        subject, names = self.subject, self.facts.class_names
        p = self.walk.answer.probabilities[0]
        sure = np.argsort(-p, kind="stable")[:3]
        right = names[subject.label]
        lines: list[tuple[str | tuple[str, str] | Text, ...]] = [
            *[(line,) for line in wrap(subject.sample, 42)],
            (f"{subject.x.shape[1]:,} numbers{self._range()}",),
            ("of the image, deslanted" if self.facts.deslant else "",),
            ("The network answers",),
        ]
        widest = min(room, max(len(names[k]) for k in sure))
        lines += [
            (f"  {names[k][:widest]:{widest}} {p[k]:8.2%} ", (bar(p[k], 16), MORE)) for k in sure
        ]
        if subject.is_known:
            verdict = "which is right" if sure[0] == subject.label else f"but it is {right}"
        else:
            verdict = "taken as right here (--true says what is)"
        lines += [(verdict[:42],)]
        return lines

    def _range(self) -> str:
        x = self.subject.x
        return f", {digits(float(x.min()), 3).strip()} to {digits(float(x.max()), 3).strip()}"

    def _picture(self) -> list[Text]:
        """Return the image in lines of half blocks, two pixels each; none for tables."""
        shape, scale = self.facts.image_shape, self.facts.scale
        if shape is None or scale is None or shape[1] > WIDTH - 4:
            return []
        levels = np.rint(255 * self.subject.x.reshape(shape).clip(0, 1)).astype(int)
        if shape[0] % 2:
            levels = np.vstack([levels, np.zeros((1, shape[1]), int)])
        is_coloured = self.terminal.color_system is not None
        lines = []
        for top, bottom in zip(levels[::2], levels[1::2], strict=True):
            line = Text()
            for a, b in zip(top.tolist(), bottom.tolist(), strict=True):
                if is_coloured:
                    line.append("▀", f"rgb({a},{a},{a}) on rgb({b},{b},{b})")
                else:
                    line.append(" ▄▀█"[2 * (a > 127) + (b > 127)])
            lines.append(line)
        return lines

    def forward(self) -> None:
        """Print the way to the logits."""
        self.title("Forward: from the input to the logits")
        right = self.facts.class_names[self.subject.label]
        about = f"Of each layer one number is followed, the one that counts most for {right}."
        if self.n > 1:
            about += (
                " Batch normalization takes mean and variance of a batch, as in training: so "
                f"{self.n - 1} training samples go along."
            )
        self.words(about, 2)
        self._numbers("x", self.walk.step.values[0][0])
        for station in self.walk.stations:
            self._station_forward(station)

    def _station_forward(self, station: Station) -> None:
        number, layer = station.number, station.layer
        values, found = self.walk.step.values[number + 1], station.forward
        before = self.walk.step.values[number].shape
        self.line()
        shapes = f"{before} → {values.shape}"
        if isinstance(layer, Dense):
            shapes = f"{before} @ {layer.weight.shape} + {layer.bias.shape} → {values.shape}"
        self._heading(number, shapes)
        self._numbers("y", values[0])
        self.line("    ", (found.title[:60], "bold"), " = ", signed(found.value))
        self.words(tidy(found.formula), 6)
        if isinstance(layer, Dense):
            self.sum(found)
        self.sources(found.sources, 6)

    def _heading(self, number: int, shapes: str) -> None:
        words = f" layer {self._block(number)}: {self.network.layers[number]!r}"
        self.line((f"{words:<{WIDTH - len(shapes)}}", "bold"), (shapes, QUIET))

    def _block(self, number: int) -> int:
        """Return the number of a layer, from 1: a matrix and what follows it."""
        return sum(isinstance(one, Dense) for one in self.network.layers[: number + 1])

    def _numbers(self, name: str, values: Any) -> None:
        """Print some numbers of a row, from the first that is not 0, and how many are positive."""
        positive = f"{int((values > 0).sum())} of {len(values)} are above 0"
        nonzero = np.flatnonzero(values)
        first = min(int(nonzero[0]) if len(nonzero) else 0, max(0, len(values) - N_NUMBERS))
        texts = [say(float(f"{value:.3g}")) for value in values[first : first + N_NUMBERS]]
        before = f"    {name} = " + ("… " if first else "")
        while len(before) + sum(map(len, texts)) + len(texts) + 4 + len(positive) > WIDTH:
            texts.pop()
        numbers = [
            signed(float(value), f"{text} ")
            for value, text in zip(values[first:], texts, strict=False)
        ]
        after = "… " if first + len(texts) < len(values) else ""
        self.line(before, *numbers, after, (f"  {positive}", QUIET))

    def loss(self) -> None:
        """Print what softmax and cross-entropy make of the logits."""
        step, found, names = self.walk.step, self.walk.loss, self.facts.class_names
        self.title("The loss")
        p, logits, t = step.probabilities[0], step.values[-1][0], step.targets[0]
        shown = np.argsort(-p, kind="stable")[:N_CLASSES]
        if len(names) <= N_CLASSES:
            shown = np.arange(len(names))
        elif self.subject.label not in shown:
            shown = np.append(shown[:-1], self.subject.label)
        widest = min(20, max(5, *(len(names[k]) for k in shown)))
        self.line((f"    {'class':{widest}} {'logit z':>9} {'p':>9} {'t':>4} {'p − t':>9}", QUIET))
        for k in shown:
            style = "bold" if k == self.subject.label else ""
            self.line(
                (f"    {names[k][:widest]:{widest}} {digits(logits[k], 4):>9}", style),
                f" {p[k]:9.6f} {t[k]:4.0f} ",
                signed(p[k] - t[k], f"{fixed(p[k] - t[k], 6):>9}"),
                "  ",
                (bar(p[k], 20), MORE),
            )
        if len(names) > len(shown):
            self.line((f"    and {len(names) - len(shown):,} more classes", QUIET))
        right = names[self.subject.label]
        self.words("p = softmax(z) = exp(z) / Σ exp(z)", 2)
        self.sources(("softmax",), 4)
        self.words(
            f"loss = − log p({right}) = − log {say(float(p[self.subject.label]))} = "
            f"{say(found.value)}",
            2,
            "bold",
        )
        if self.n > 1:
            self.words(
                f"J = mean of the losses of all {self.n} samples = {say(step.loss)}", 2, "bold"
            )
        self.sources(found.sources, 4)

    def backward(self) -> None:
        """Print the way back, with the checks."""
        self.title("Backward: from the loss to the input")
        self.words(
            "dJ/dx says how much the loss J grows if x grows by a little. The chain rule takes it "
            "back through every layer. Each gradient is found twice: by back-propagation, and by "
            "moving the number a little to both sides and going forward again.",
            2,
        )
        self.line()
        gradient = self.walk.at_logits
        shape = f"dJ/dz {self.walk.step.gradients[-1].shape}"
        self.line((f"{' softmax and loss':<{WIDTH - len(shape)}}", "bold"), (shape, QUIET))
        self.words(tidy(gradient.sum.formula), 4)
        self.sources(gradient.sum.sources, 6)
        self.head_of_checks()
        self._check(gradient, "dJ/dz")
        for station in reversed(self.walk.stations):
            self._station_backward(station)

    def _station_backward(self, station: Station) -> None:
        step, number = self.walk.step, station.number
        self.line()
        shapes = f"dJ/dy {step.gradients[number + 1].shape} → dJ/dx {step.gradients[number].shape}"
        self._heading(number, shapes)
        for one in station.gradients:
            if one.name == "x":
                self.words(tidy(one.sum.formula), 4)
                if isinstance(station.layer, Dense):
                    self.sum(one.sum)
            else:
                self.words(self._own(one.sum), 4)
            self.sources(one.sum.sources, 6)
        self.head_of_checks()
        for one in station.gradients:
            self._check(one, f"dJ/d{one.name}")

    def _own(self, found: Sum) -> str:
        """Return the rule of the gradient of a learned number, with the numbers of the sample."""
        rule = " ".join(found.formula.replace("Σ over the images of", "Σ").split())
        (_, text, _), *others = found.terms
        numbers = text.partition(": ")[2]
        if not others:
            return f"{rule.replace('Σ ', '')} = {numbers}"
        return f"{rule}; of the {len(found.terms)} samples this one gives {numbers}"

    def _check(self, one: Gradient, name: str) -> None:
        index = one.index[1:] if one.name == "x" else one.index
        check = one.check
        self.check_row(f"{name}[{', '.join(map(str, index))}]", check)
        if len(check.places) > 1:
            self.line(
                (f"    {f'and {len(check.places) - 1} other numbers of it':30}{'':32}", QUIET),
                *verdict_on(check),
            )

    # -- a step of training -----------------------------------------------------------------------

    def step(self, taken: Learned) -> None:
        """Print what a step of training does."""
        step = taken.step
        self.title("One step of training")
        n = len(step.labels)
        self.words(
            f"A batch of {n}: this sample and {n - 1} training samples, with the settings of the "
            f"recipe {self.subject.recipe.name}: {self._settings(taken)}.",
            2,
        )
        if self.subject.recipe.training.standardize:
            self.words(
                "The run standardized its features while it trained. Here they are as they are, so "
                "this is no step of that training, and its rate may be too high for it.",
                2,
            )
        self.words(tidy(taken.loss.formula), 2, "bold")
        self.head_of_checks()
        for change in taken.changes:
            self.check_row(self._named(change), change.check)
        for words, group in groupby(taken.changes, key=lambda change: change.update.sources):
            change = next(group)
            self.line()
            self.line("    ", (self._named(change), "bold"))
            gradient = change.gradient
            self.words(f"gradient: {self._own(gradient)}", 4)
            for name, value, _ in gradient.ends:
                self.term(name, value)
            self.term("all samples together", gradient.value)
            self.sources(gradient.sources, 6)
            if change.clipped is not None:
                clipped = change.clipped
                self.words(f"clipping: {tidy(clipped.formula)} = {say(clipped.value)}", 4)
                self.sources(clipped.sources, 6)
            self.words(f"update: {tidy(change.update.formula)}", 4)
            for _, text, product in change.update.terms:
                self.term(text.partition(" before: ")[0], product)
            for name, value, _ in change.update.ends:
                self.term(name, value)
            self.term("after the step", change.after)
            self.sources(words, 6)
        self.line()
        self.line((f"    {'':30}{'before':>17}{'after':>15}{'change':>14}", QUIET))
        for change in taken.changes:
            moved = change.after - change.before
            self.line(
                f"    {self._named(change):30}",
                f"{digits(change.before, 6):>17}{digits(change.after, 6):>15}",
                signed(moved, f"{digits(moved, 2):>14}"),
            )
        right = self.facts.class_names[self.subject.label]
        before = float(self.walk.answer.probabilities[0, self.subject.label])
        after = float(taken.answer.probabilities[0, self.subject.label])
        rows = [
            ("J of the batch", step.loss, taken.loss_after),
            (f"p({right}) in use", before, after),
        ]
        for name, old, new in rows:
            self.line(
                (f"    {name:30}{digits(old, 6):>17}{digits(new, 6):>15}", "bold"),
                signed(new - old, f"{digits(new - old, 2):>14}"),
            )

    def _settings(self, taken: Learned) -> str:
        """Return the settings that decide a step, in words."""
        s = taken.step.settings
        parts = [f"{s.optimizer.replace('_', ' ')} at its highest rate {say(s.learning_rate)}"]
        if any(keep_prob < 1 for keep_prob in taken.step.network.architecture.keep_probs):
            parts.append("dropout")
        if s.label_smoothing:
            parts.append(f"label smoothing {say(s.label_smoothing)}")
        if s.adversarial:
            parts.append("virtual adversarial training, which is left out of this step")
        if s.l2_lambda:
            parts.append(f"L2 {say(s.l2_lambda)}")
        if s.weight_decay:
            parts.append(f"weight decay {say(s.weight_decay)}")
        if s.clip_value is not None:
            parts.append(f"gradients cut to ±{say(s.clip_value)}")
        if s.clip_norm is not None:
            parts.append(f"gradients of norm {say(s.clip_norm)} at most")
        if s.max_norm is not None:
            parts.append(f"weights of norm {say(s.max_norm)} at most")
        return ", ".join(parts)

    def _named(self, change: Change) -> str:
        place = ", ".join(map(str, change.index))
        return f"{change.name}[{place}] of layer {self._block(change.number)}"

    def verdict(self, checks: Sequence[Check]) -> bool:
        """Print and return whether all gradients agree with the finite differences."""
        self.line()
        n = sum(len(check.places) for check in checks)
        printed = [(check.first, check) for check in checks]
        n_wrong = sum(not all(one.is_right for one in both) for both in printed)
        is_rounding = any(one.is_rounding for both in printed for one in both)
        self.line((f"the lines of code are those in {Path(inknet.__file__).parent}", QUIET))
        if is_rounding:
            self.line(("rounding: both agree as far as float64 shows it", QUIET))
        if not n_wrong:
            self.line(
                ("✓ ", RIGHT),
                f"{n:,} gradients agree with finite differences, within {LIMIT:g} of their size",
            )
        else:
            self.line(
                ("✗ ", WRONG),
                f"{n_wrong} of {len(checks)} arrays differ from their finite differences by more "
                f"than {LIMIT:g}",
            )
        return n_wrong == 0
