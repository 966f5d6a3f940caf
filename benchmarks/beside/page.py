"""``docs/beside.md``: every figure in it comes from ``docs/beside.json``."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from statistics import mean, median
from typing import Any

from benchmarks.beside.counting import count_lines
from benchmarks.beside.ways import WAYS
from benchmarks.conductor import ROOT
from benchmarks.page import table
from inknet.experiments.machine import in_words

Results = dict[str, Any]
"""What ``docs/beside.json`` holds: the figures of each way, by its name."""

PAGE = ROOT / "docs" / "beside.md"
TARGET = 98.0
COLOURS = {
    "nielsen": "#a05fd0",
    "micrograd": "#808080",
    "scikit-learn": "#2f9e5b",
    "keras": "#e0484d",
    "pytorch": "#3b82d6",
    "inknet": "#d9730d",
    "inknet-fast": "#d9730d",
}
TICKS = (1, 2, 5, 10, 20, 50, 100, 200)
DASHED = ("inknet-fast",)

HEAD = """\
<!-- Written by `make beside` from beside.json. Nothing here is by hand. -->

# Beside the others

The same task in other ways: train on MNIST until 98 % of the validation images are right, show the
curve, test once, save, load, and read a picture. Each program is written as a person would write it
who knows that way. All are ours; those in the style of Michael Nielsen's book and of Andrej
Karpathy's micrograd share the idea with these, and no line. `make beside` installs, runs and
measures all of them, and writes this page; [beside.json](beside.json) has the raw figures."""

HOW = """\
## How this was measured

- *Lines*: those of the program that are neither blank, nor only a comment, nor part of a
  docstring. A statement on three lines counts three times. All are formatted by the same rules.
  To read MNIST's files is one import and one call in each, `load_arrays` for inknet. For the
  others it is [`mnist.py`](../benchmarks/beside/programs/mnist.py), which is not counted: it
  stands for the loaders of their libraries.
- *Packages* and *MB*: what pip installs into an empty virtual environment when it is asked for
  what the program imports, without compiled bytecode. PyTorch is the build for the CPU alone, as
  in [performance](performance.md); the usual one on Linux contains CUDA and is several times as
  large.
- *Seconds to 98 %*: from the start of the process until the program says that 98 % are right. *To
  the end*: until the curve is drawn, the test done, the model saved and loaded, its predictions
  compared, and the first picture read. Both are medians. Each run is a new process, and only one
  runs at a time. The number of threads is what each library chooses.
- *Test accuracy*: of the network at the end of the training, on the 10,000 official test images,
  which are used once in a run; the mean of the runs.
- A seed decides which 10,000 of the 60,000 training images are for validation, the first weights
  and the order. The network is 784-512-10 with ReLU, in batches of 128 images. In Nielsen's style
  it has sigmoids and batches of 32; in micrograd's style it is smaller. Learning rates were tried
  with another seed, and the one that reached 98 % first was taken. Keras, PyTorch and inknet
  lower the rate along a cosine, in at most ten epochs. The others keep theirs, and stop after
  thirty epochs; scikit-learn has no schedule for Adam. micrograd's style has a minute.
- *Notes* are the ten pictures that `inknet data example` draws, with one digit each: dark ink on
  grey paper, not in the middle. {photographs}The others read a picture with the usual lines:
  grey, 28 × 28 pixels, inverted, divided by 255. inknet's `read` finds the ink first. The
  difference is this preparation, not the network: with as much work, the others could do the
  same."""

PHOTOGRAPHS = """\
*Photographs* are real ones, of one digit on paper, from public
  repositories. They belong to their authors and are not part of inknet;
  [handwriting](handwriting.md) says more. """


def write_page(results: Results, page: Path = PAGE) -> None:
    """Write the page, and its picture into the folder next to it."""
    draw(results, page.parent / "pictures" / "beside.png")
    page.write_text(render(results), "utf-8")


def render(results: Results) -> str:
    """Return the page as Markdown."""
    ways = {name: results[name] for name in WAYS if "runs" in results.get(name, {})}
    kinds = {kind: None for one in ways.values() for kind in one["runs"][0]["read"]}
    parts = [
        HEAD,
        "\n".join(_table(ways, list(kinds))),
        *_left_out(results),
        "![The validation error of each way over the seconds since its start](pictures/beside.png)",
        "The error on the validation images over the seconds since the start, a line for each run. "
        "The grey line is the task: 2 %.",
        *_micrograd(ways),
        "## What is missing",
        "\n\n".join(_missing(name) for name in ways),
        HOW.format(photographs=PHOTOGRAPHS if "photographs" in kinds else ""),
        "\n".join(_machine(ways)),
        "## The programs",
        *_programs(ways),
    ]
    return "\n\n".join(parts) + "\n"


def _table(ways: Results, kinds: list[str]) -> list[str]:
    head = ["", "lines", "packages", "MB", "s to 98 %", "s to the end", "test accuracy"]
    rows = []
    for name, one in ways.items():
        runs = one["runs"]
        rows.append(
            (
                WAYS[name].title,
                str(count_lines(WAYS[name].source)),
                str(len(one["packages"])),
                f"{one['megabytes']:,.0f}",
                _until(runs),
                f"{median(run['done'] for run in runs):.1f}",
                f"{mean(run['test'] for run in runs):.2f} %",
                *(_share(runs, kind) for kind in kinds),
            )
        )
    first = next(iter(ways.values()))["runs"][0]
    return table([*head, *(f"{kind} read, of {first['read'][kind][1]}" for kind in kinds)], rows)


def reached(run: Results) -> float | None:
    """Return the seconds until 98 % of the validation images were right, if they ever were."""
    return next((seconds for seconds, accuracy, _ in run["curve"] if accuracy >= TARGET), None)


def _until(runs: list[Results]) -> str:
    """Return the median seconds to 98 %, or how far the best run came."""
    times = [seconds for seconds in map(reached, runs) if seconds is not None]
    if not times:
        best = max(accuracy for run in runs for _, accuracy, _ in run["curve"])
        return f"not reached ({best:.1f} %)"
    some = f" ({len(times)} of {len(runs)} runs)" if len(times) < len(runs) else ""
    return f"{median(times):.1f}{some}"


def _share(runs: list[Results], kind: str) -> str:
    """Return how many pictures of a kind were read, the mean of the runs."""
    return f"{mean(run['read'][kind][0] for run in runs):.0f}"


def _left_out(results: Results) -> list[str]:
    """Return a line for each way that could not be measured."""
    return [
        f"Left out: {WAYS[name].title} ({results[name]['left_out'].rstrip('.')})."
        for name in WAYS
        if "left_out" in results.get(name, {})
    ]


def images_a_second(run: Results) -> float:
    """Return how many images a run learned from in a second, where moments are counts of images."""
    (first, _, before), (last, _, after) = run["curve"][0], run["curve"][-1]
    images = int(after.split()[0]) - int(before.split()[0])
    return images / float(last - first)


def _micrograd(ways: Results) -> list[str]:
    """Return how long a number at a time would take for what a matrix at a time does."""
    if not {"micrograd", "nielsen"} <= set(ways):
        return []
    run = ways["micrograd"]["runs"][0]
    n, speed = int(run["curve"][-1][2].split()[0]), images_a_second(run)
    epochs = round(mean(len(one["curve"]) for one in ways["nielsen"]["runs"]))
    hours = epochs * 50_000 / speed / 3600
    larger = parameters(784, 512, 10) / parameters(784, 16, 10)
    return [
        "One number at a time, as in micrograd's style, is for understanding. In its minute it "
        f"learned from {n:,} images, {speed:.0f} a second, with 16 hidden neurons. As "
        f"many images as in Nielsen's style ({epochs} epochs) would take {hours:.1f} hours at this "
        f"speed; with 512 hidden neurons, {larger:.0f} times as many weights, about "
        f"{hours * larger / 24:.0f} days. That is computed, not measured."
    ]


def parameters(*layer_dims: int) -> int:
    """Return the number of weights and biases of a network."""
    return sum((m + 1) * n for m, n in pairwise(layer_dims))


def _missing(name: str) -> str:
    return "\n".join([f"**{WAYS[name].title}**", "", *(f"- {what}" for what in WAYS[name].missing)])


def _machine(ways: Results) -> list[str]:
    """Return what each way was measured on, with, and beside how much other work."""
    rows = [
        (
            WAYS[name].title,
            one["began"][:10],
            ", ".join(str(run["seed"]) for run in one["runs"]),
            f"{one['load_before']:g}",
            ", ".join(_versions(name, one["packages"])),
        )
        for name, one in ways.items()
    ]
    machines = dict.fromkeys(in_words(one["machine"], ()) for one in ways.values())
    return [
        f"On {'; '.join(machines)}. *Load* is the average load of the minute before the runs of a "
        "way began: of other work, and from the second way on of the way before too.",
        "",
        *_words(table(["", "measured", "seeds", "load", "versions"], rows)),
    ]


def _words(lines: list[str]) -> list[str]:
    """Return a table with its columns set to the left."""
    return [lines[0], lines[1].replace("---:", "---"), *lines[2:]]


def _versions(name: str, packages: dict[str, str]) -> list[str]:
    """Return the versions of the packages that compute in a way."""
    asked = {package.split("==")[0] for package in WAYS[name].packages} - {"matplotlib"}
    asked |= {"inknet", "numba", "numpy"}
    return [f"{p} {version}" for p, version in sorted(packages.items()) if p.lower() in asked]


def _programs(ways: Results) -> list[str]:
    """Return every program in full, folded; with the helper that loads."""
    texts = {WAYS[name].path: WAYS[name].title for name in reversed(ways)}
    shown = [(titled, path) for path, titled in reversed(texts.items())]
    helper = WAYS["nielsen"].path.with_name("mnist.py")
    return [
        "\n".join(
            [
                '<details class="answer">',
                f"<summary>{title}: {path.name}{lines}</summary>",
                "",
                "```python",
                path.read_text("utf-8").rstrip("\n"),
                "```",
                "",
                "</details>",
            ]
        )
        for title, path, lines in [
            *((t, p, f", {count_lines(p.read_text('utf-8'))} lines") for t, p in shown),
            ("The files of MNIST, for all but inknet", helper, ", not counted"),
        ]
    ]


def draw(results: Results, path: Path) -> None:
    """Draw the validation error of every run over its seconds."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot
    from matplotlib.ticker import FuncFormatter, NullFormatter

    path.parent.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context(fname=ROOT / "docs" / "_static" / "matplotlibrc"):
        figure, axes = pyplot.subplots(figsize=(5, 3.8))
        for name in WAYS:
            for number, run in enumerate(results.get(name, {}).get("runs", [])):
                seconds, errors = zip(*((s, 100 - a) for s, a, _ in run["curve"]), strict=True)
                axes.plot(
                    seconds,
                    errors,
                    ":" if name in DASHED else "-",
                    color=COLOURS[name],
                    linewidth=1.4,
                    label=None if number else WAYS[name].title,
                )
        axes.axhline(100 - TARGET, color="#808080", linestyle=(0, (1, 2)), linewidth=1)
        axes.set_xscale("log")
        axes.set_yscale("log")
        for axis in (axes.xaxis, axes.yaxis):
            low, high = axis.get_view_interval()
            axis.set_ticks([tick for tick in TICKS if low <= tick <= high])
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("seconds since the start")
        axes.set_ylabel("validation error, %")
        figure.legend(loc="outside upper center", ncols=3, fontsize=9)
        figure.savefig(path)
        pyplot.close(figure)
