"""The pictures of the page, each legible at 800 pixels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.claims import NOT_PEERS, Results, best_of, families
from benchmarks.statistics import spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = {
    "inknet numba": "#c1440e",
    "inknet NumPy": "#e9a178",
    "floor": "#222222",
    "PyTorch": "#5b7ba3",
    "ONNX Runtime": "#4f9d80",
    "scikit-learn": "#a08ab8",
}
LABELS = {
    "inknet numba": "inknet, numba ops",
    "inknet NumPy": "inknet, NumPy ops",
    "floor": "matrix products alone",
}
PEER = "#9aa7b5"
CUT = 8
"""A bar that is this many times as long as the shortest is cut, so that the others can be seen."""
DPI = 100  # 8 inches are 800 pixels


def draw_all(results: Results, folder: Path) -> list[Path]:
    """Draw what was measured; return the files that were written."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams.update(
        {
            "font.size": 11,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "figure.constrained_layout.w_pad": 0.1,
        }
    )
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for name, draw in (("epoch", draw_epoch), ("scaling", draw_scaling), ("predict", draw_predict)):
        if name in results:
            path = folder / f"performance-{name}.png"
            draw(results[name], path)
            drawn.append(path)
    return drawn


def draw_epoch(study: Results, path: Path) -> None:
    """Draw a bar for the fastest of each library, and a line at the matrix products alone."""
    from matplotlib import pyplot

    names = {family: best_of(study, family) for family in families(study) if family != "floor"}
    spreads = {family: spread(study["seconds"][name]) for family, name in names.items()}
    order = sorted(spreads, key=lambda family: -spreads[family].median)
    figure, axes = pyplot.subplots(figsize=(8, 0.55 * len(order) + 1.4), layout="constrained")
    widths = [spreads[family].median for family in order]
    errors = [
        [spreads[family].median - spreads[family].low for family in order],
        [spreads[family].high - spreads[family].median for family in order],
    ]
    colours = [COLOURS[family] if family in NOT_PEERS else PEER for family in order]
    labels = [LABELS.get(family, names[family]) for family in order]
    axes.barh(labels, widths, xerr=errors, color=colours, height=0.65, capsize=3, ecolor="#444444")
    edge = 1.15 * min(max(s.high for s in spreads.values()), CUT * min(widths))
    for position, family in enumerate(order):
        text, end = f"  {spreads[family].median:.3f} s", spreads[family].high
        if end < edge:
            axes.text(end, position, text, va="center")
        else:
            axes.text(edge, position, f"{text} → ", va="center", ha="right", color="white")
    if "floor" in study["families"].values():
        floor = spread(study["seconds"][best_of(study, "floor")]).median
        axes.axvline(floor, color=COLOURS["floor"], linestyle="--", linewidth=1.2)
        axes.annotate(
            f"matrix products alone: {floor:.3f} s",
            (floor, 1),
            xycoords=("data", "axes fraction"),
            xytext=(4, 4),
            textcoords="offset points",
            va="bottom",
            fontsize=10,
        )
    axes.set_xlim(0, edge)
    axes.set_xlabel("seconds an epoch: median, and the quartiles (less is better)")
    figure.savefig(path, dpi=DPI)
    pyplot.close(figure)


def draw_scaling(study: Results, path: Path) -> None:
    """Draw time an image over the width of the layers, and over the size of the batches."""
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(8, 3.9), layout="constrained")
    _draw_series(left, study["widths"])
    _draw_series(right, study["batch_sizes"])
    left.set_xlabel("width of both hidden layers")
    right.set_xlabel("batch size")
    left.set_ylabel("µs an image (less is better)")
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, frameon=False, fontsize=10)
    figure.savefig(path, dpi=DPI)
    pyplot.close(figure)


def _draw_series(axes: Axes, studies: list[dict[str, Any]]) -> None:
    x = [study["value"] for study in studies]
    for family in families(studies[0]):
        y = [
            1e6
            * spread(study["seconds"][best_of(study, family)]).median
            / study["task"]["n_images"]
            for study in studies
        ]
        style = "--" if family == "floor" else "-"
        label = LABELS.get(family, family)
        axes.plot(x, y, style, marker="o", markersize=4, color=COLOURS[family], label=label)
    _log_axes(axes, x)


def _log_axes(axes: Axes, ticks: list[int]) -> None:
    from matplotlib.ticker import LogLocator

    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks], fontsize=9)
    axes.minorticks_off()
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.15g}")
    axes.grid(axis="y", color="#dddddd")


def draw_predict(study: Results, path: Path) -> None:
    """Draw how many images a second each predicts, over the size of the batches."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 4), layout="constrained")
    sizes = [int(n) for n in study["throughput"]]
    for family in families(study):
        y = [best_throughput(study, family, n) for n in sizes]
        label, colour = LABELS.get(family, family), COLOURS.get(family, PEER)
        axes.plot(sizes, y, marker="o", markersize=4, color=colour, label=label)
    _log_axes(axes, sizes)
    axes.set_xlabel("batch size")
    axes.set_ylabel("images a second (more is better)")
    axes.legend(frameon=False, fontsize=10)
    figure.savefig(path, dpi=DPI)
    pyplot.close(figure)


def best_throughput(study: Results, family: str, batch_size: int) -> float:
    """Return the highest median of images a second that a family reaches."""
    values = study["throughput"][str(batch_size)]
    return max(
        spread(values[name]).median for name, its in study["families"].items() if its == family
    )
