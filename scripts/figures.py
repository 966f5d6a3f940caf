"""Measure what inknet promises, and write it where it is claimed.

``make figures`` trains every recipe as a user would, one process a seed, and writes the table in
``README.md`` and the pictures in ``docs/pictures``. It ends with code 1 if a promise is not kept.
It needs Linux, where a process reports its peak memory in KiB, MNIST and Fashion-MNIST.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

from inknet.experiments.machine import describe_machine, in_words

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
INKNET = Path(sys.executable).with_name("inknet")


@dataclass(frozen=True)
class Row:
    """One promise and what was measured."""

    what: str
    promised: str
    measured: str
    kept: bool


@dataclass(frozen=True)
class Training:
    """One training in a process of its own."""

    accuracy: float
    errors: int
    seconds: float
    peak_megabytes: float


def train(folder: Path, recipe: str, source: str, seed: int, ops: str = "numpy") -> Training:
    """Run ``inknet train`` and return what it reached and what it cost."""
    command: list[str | Path] = [INKNET, "train", "--recipe", recipe, "--data", source]
    command += ["--seed", str(seed), "--out", folder]
    environment = {**os.environ, "INKNET_OPS": ops}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{recipe} on {source}, seed {seed}, {ops}: exit code {process.returncode}")
    metrics = json.loads((folder / "metrics.json").read_text("utf-8"))
    if metrics["data"]["source"] != source:
        sys.exit(f"these figures need {source}: set INKNET_DATA_DIR, or run `inknet data fetch`")
    result = Training(
        accuracy=metrics["test"]["accuracy"],
        errors=metrics["test"]["errors"],
        seconds=metrics["training"]["seconds"],
        peak_megabytes=usage.ru_maxrss * 1024 / 1e6,  # Linux counts in KiB
    )
    print(f"{recipe} on {source}, seed {seed}, {ops}: {result}", flush=True)
    return result


def import_cost(statement: str, repetitions: int = 15) -> float:
    """Return the milliseconds that an import takes once NumPy is there, as a median."""
    script = (
        f"import numpy, time; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
    )
    command = [sys.executable, "-c", script]
    return 1000 * median(float(subprocess.check_output(command)) for _ in range(repetitions))


def accuracy_row(what: str, trainings: list[Training], promised: float) -> Row:
    """Hold the mean accuracy against the promised one."""
    reached = mean(training.accuracy for training in trainings)
    errors = ", ".join(f"{training.errors:,}" for training in trainings)
    return Row(what, f"≥ {promised:.1%}", f"{reached:.2%} ({errors} errors)", reached >= promised)


def limit_row(what: str, values: list[float], limit: float, unit: str, digits: int = 1) -> Row:
    """Hold the largest value against a limit."""
    worst = max(values)
    return Row(what, f"≤ {limit:g} {unit}", f"{worst:.{digits}f} {unit}", worst <= limit)


def measure(work: Path) -> list[Row]:
    """Measure every promise."""
    digits = [train(work / f"digits-{seed}", "digits", "mnist", seed) for seed in range(3)]
    fast = [train(work / f"fast-{seed}", "digits", "mnist", seed, "numba") for seed in range(3)]
    final = [train(work / f"final-{seed}", "final", "mnist", seed) for seed in range(3)]
    fashion, clothes = (
        [train(work / f"{name}-on-{seed}", name, "fashion", seed, "numba") for seed in range(3)]
        for name in ("digits", "clothes")
    )
    sample = [train(work / f"sample-{seed}", "digits", "sample", seed) for seed in range(5)]
    mnist = "`digits` on MNIST"
    on_fashion = "on Fashion-MNIST, with the extra `fast`"
    on_sample = "`digits` on the sample of 5,000 alone"
    return [
        accuracy_row(
            f"{mnist}: accuracy on the official test set, mean of seeds 0–2", digits, 0.984
        ),
        limit_row(f"{mnist}: training time", [t.seconds for t in digits], 30, "s"),
        limit_row(f"{mnist}: peak memory", [t.peak_megabytes for t in digits], 450, "MB", 0),
        accuracy_row(f"{mnist}, with the extra `fast`: accuracy", fast, 0.984),
        limit_row(
            f"{mnist}, with the extra `fast`: training time", [t.seconds for t in fast], 30, "s"
        ),
        accuracy_row(f"`digits` {on_fashion}: accuracy", fashion, 0.895),
        accuracy_row(f"`clothes` {on_fashion}: accuracy", clothes, 0.91),
        limit_row(f"`clothes` {on_fashion}: training time", [t.seconds for t in clothes], 240, "s"),
        accuracy_row("`final`: accuracy on its 4,200 test images, mean of seeds 0–2", final, 0.96),
        accuracy_row(f"{on_sample}: accuracy on its test part, mean of seeds 0–4", sample, 0.95),
        limit_row(f"{on_sample}: training time", [t.seconds for t in sample], 10, "s"),
        limit_row("`import inknet` over `import numpy`", [import_cost("import inknet")], 20, "ms"),
        Row(
            "`from inknet import MLP` over `import numpy`",
            "–",
            f"{import_cost('from inknet import MLP'):.1f} ms",
            True,
        ),
    ]


def table(rows: list[Row]) -> str:
    """Return the rows as a Markdown table with a line on where they come from."""
    lines = ["| what | promised | measured |", "|---|---|---|"]
    lines += [
        f"| {row.what} | {row.promised} | {row.measured}{'' if row.kept else ' (**missed**)'} |"
        for row in rows
    ]
    machine = in_words(describe_machine())
    lines += [
        "",
        f"Measured by `make figures` on {machine}; times and memory are the largest seen.",
    ]
    return "\n".join(lines)


def write(rows: list[Row], pictures: Path) -> None:
    """Write the table to the README, and copy the pictures of a run."""
    markdown = table(rows)
    readme = ROOT / "README.md"
    before, rest = readme.read_text("utf-8").split("<!-- figures: begin -->")
    _, after = rest.split("<!-- figures: end -->")
    readme.write_text(
        f"{before}<!-- figures: begin -->\n{markdown}\n<!-- figures: end -->{after}", "utf-8"
    )
    (DOCS / "pictures").mkdir(exist_ok=True)
    for picture in sorted(pictures.glob("*.png")):
        if f"pictures/{picture.name})" in after:  # shown in the README
            shutil.copy(picture, DOCS / "pictures" / picture.name)


def main() -> None:
    with tempfile.TemporaryDirectory() as work:
        rows = measure(Path(work))
        write(rows, Path(work) / "digits-0")
    print(table(rows))
    sys.exit(not all(row.kept for row in rows))


if __name__ == "__main__":
    main()
