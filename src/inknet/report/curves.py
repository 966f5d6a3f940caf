"""Small curves for the report: what a finding was seen in, over the epochs, as SVG."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inknet.training.findings import Finding
from inknet.training.history import History

WIDTH, HEIGHT = 240, 64
OF_GRADIENTS = ("vanishing-gradients", "exploding-gradients", "wrong-initializer")
OF_ACTIVITY = ("dead-neurons",)
OF_ACCURACY = ("bottleneck", "underfitting", "dropout-too-strong", "validation-better")


@dataclass(frozen=True)
class Line:
    """One line of a small curve.

    Attributes
    ----------
    name : str
        What it shows.
    points : str
        For an SVG polyline, within `WIDTH` and `HEIGHT`.
    """

    name: str
    points: str


@dataclass(frozen=True)
class Curve:
    """A small curve: its lines, and the values at its lower and upper edge."""

    lines: list[Line]
    low: str
    high: str


def curve_of(finding: Finding, history: History) -> Curve | None:
    """Return what shows a finding over the epochs; None if nothing was measured, or once."""
    if len(history) < 2 or finding.identifier in ("small-part", "constant-columns"):
        return None
    if finding.identifier in OF_GRADIENTS and history[0].gradient_norms:
        norms = np.array([record.gradient_norms for record in history])
        values = {"first layer": norms[:, 0], "last layer": norms[:, -1]}
        return _curve(
            {name: np.log10(np.maximum(v, 1e-30)) for name, v in values.items()}, power=True
        )
    if finding.identifier in OF_ACTIVITY and history[0].active_fractions:
        active = np.array([record.active_fractions for record in history])
        return _curve({f"layer {i + 1}": row for i, row in enumerate(active.T[:4])})
    name = "accuracy" if finding.identifier in OF_ACCURACY else "loss"
    lines = {"training": np.array(history.column(f"train_{name}"))}
    if history[0].val_loss is not None:
        lines["validation"] = np.array(history.column(f"val_{name}"))
    return _curve({f"{part} {name}": values for part, values in lines.items()})


def _curve(lines: dict[str, np.ndarray], *, power: bool = False) -> Curve | None:
    whole = np.concatenate(list(lines.values()))
    if not np.isfinite(whole).all():
        return None
    low, high = float(whole.min()), float(whole.max())
    size = high - low or 1.0
    drawn = []
    for name, values in lines.items():
        x = np.linspace(2, WIDTH - 2, len(values))
        y = HEIGHT - 2 - (values - low) / size * (HEIGHT - 4)
        drawn.append(Line(name, " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))))
    texts = [f"{10**edge:.2g}" if power else f"{edge:.3g}" for edge in (low, high)]
    return Curve(drawn, *texts)
