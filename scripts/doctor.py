"""Measure how often the doctor is right, and write docs/doctor.md.

``make doctor`` trains all broken and all sound trainings of ``benchmarks/doctor_cases.py``, and the
recipes and the rows of the published studies on the sample. A third of each, by the digest of its
name, is kept out: rules and thresholds were chosen on the others, which ``ARGS="--open"`` prints
without touching that third. Every look at it is counted.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]

from benchmarks.doctor_cases import (  # noqa: E402
    BASE,
    FIGURES,
    KEPT_OUT,
    KINDS,
    NETWORK_KEYS,
    Trial,
    broken_trials,
    sound_trials,
)
from inknet.doctor.doctor import Doctor  # noqa: E402
from inknet.doctor.wording import value_of  # noqa: E402
from inknet.errors import InputError  # noqa: E402
from inknet.experiments.catalogue import load_studies  # noqa: E402
from inknet.experiments.machine import describe_machine, in_words  # noqa: E402
from inknet.files import write_text_whole  # noqa: E402
from inknet.nn.ops import VARIABLE  # noqa: E402
from inknet.recipes import load_recipe  # noqa: E402
from inknet.runs.prepare import prepare  # noqa: E402
from inknet.training.findings import Finding  # noqa: E402
from inknet.training.history import History  # noqa: E402

RESULTS, PAGE = ROOT / "docs" / "doctor.json", ROOT / "docs" / "doctor.md"
RECIPES = ("digits", "final", "quick")
SEEDS = (0,)
ENOUGH = 0.95
"""A training is broken if it reaches less than this share of its sound twin's accuracy, and mended
if it reaches as much."""


@dataclass
class Result:
    """What one training gave.

    Attributes
    ----------
    name, kind, source : str
    kept_out : bool
    reached, expected : float
        Its validation accuracy, and that of its sound twin (of a sound training, its figure).
    counts : bool
        Whether it is what it should be: broken, or sound.
    alarms, first : list of str
        Identifiers of its faults, and of its first two findings that are faults.
    named : bool
        Whether one of the first two is the cause.
    mended : bool or None
        Whether the settings of that finding mend it; None without settings.
    """

    name: str
    kind: str
    source: str
    kept_out: bool
    reached: float
    expected: float
    counts: bool
    alarms: list[str]
    first: list[str]
    named: bool = False
    mended: bool | None = None


def reached(history: History) -> float:
    """Return the validation accuracy of the network as it is used; 0 if it has none."""
    if not len(history):
        return 0.0
    record = history[-1 if history.best_epoch is None else history.best_epoch - 1]
    return float(record.val_accuracy or 0.0)


def judged(history: History) -> tuple[list[str], list[str]]:
    """Return the identifiers of all faults, and of those among the first two findings."""
    alarms = [finding.identifier for finding in history.findings if finding.is_alarm]
    return alarms, [one.identifier for one in history.findings[:2] if one.is_alarm]


def mend(trial: Trial, finding: Finding) -> Trial:
    """Return the training with the settings of a finding, as they are printed."""
    network, training = dict(trial.network), dict(trial.training)
    mended = trial
    for setting in finding.settings:
        key, value = value_of(setting)
        table, _, name = key.partition(".")
        if table == "augment":
            training["augment"] = {**training.get("augment", {}), name: value}
            continue
        if key == "data.stratified":
            mended = _in_shares(mended)
            continue
        name = {"epochs": "num_epochs", "activations": "activation", "keep_probs": "keep"}.get(
            name, name
        )
        (network if name in NETWORK_KEYS else training)[name] = value
        if name == "initializer":
            mended = replace(mended, change=None)  # the weights are drawn again
    return replace(mended, network=network, training=training)


def _in_shares(trial: Trial) -> Trial:
    """Return the training with parts that each have their share of every class."""
    X, y = np.concatenate([trial.X, trial.X_val]), np.concatenate([trial.y, trial.y_val])
    order = np.random.default_rng(0).permutation(len(y))
    n = len(trial.y)
    train, rest = order[:n], order[n:]
    return replace(trial, X=X[train], y=y[train], X_val=X[rest], y_val=y[rest])


class Bench:
    """Runs trainings, and remembers what sound twins reach."""

    def __init__(self) -> None:
        self.twins: dict[str, float] = {}

    def twin(self, trial: Trial) -> float:
        """Return what the sound twin of a broken training reaches."""
        assert trial.twin is not None
        key = f"{trial.twin.name} {trial.twin.network} {trial.twin.training}"
        if key not in self.twins:
            self.twins[key] = reached(trial.twin.train(doctor=False)[1])
        return self.twins[key]

    def broken(self, trial: Trial) -> Result:
        """Train a broken training; if it is named rightly, train it again as the finding says."""
        _, history = trial.train()
        alarms, first = judged(history)
        accuracy, expected = reached(history), self.twin(trial)
        counts = not trial.harms or accuracy < ENOUGH * expected
        right = [one for one in history.findings[:2] if one.identifier in trial.causes]
        named = any(one.is_alarm for one in right)
        mended = None
        if counts and named and right[0].settings:
            again, better = mend(trial, right[0]).train()
            del again
            mended = reached(better) >= ENOUGH * expected
        return Result(
            trial.name, trial.kind, trial.source, trial.is_kept_out, accuracy, expected, counts,
            alarms, first, named, mended,
        )  # fmt: skip

    def sound(self, trial: Trial) -> Result:
        """Train a sound training."""
        _, history = trial.train()
        figure = FIGURES[trial.name.split()[1]]
        accuracy = reached(history)
        return Result(
            trial.name, "drawn at random", "", trial.is_kept_out, accuracy, figure,
            accuracy >= figure, *judged(history),
        )  # fmt: skip


def recipe_results() -> Iterator[Result]:
    """Train recipes and the rows of the published studies on the sample."""
    tasks: list[tuple[str, str, list[str]]] = [
        (f"recipe {name} {seed}", name, [f"seed={seed}"]) for name in RECIPES for seed in SEEDS
    ]
    for study in load_studies(["published"]):
        for row in study.rows:
            values = {**study.set, **row.set, "data.limit": None}
            changes = [f"{key}={_toml(value)}" for key, value in values.items()]
            tasks.append((f"study {study.name}, {row.name}", study.recipe, changes))
    for name, recipe, changes in tasks:
        # what an epoch of the whole of MNIST is, in steps, is about nine of the sample's
        try:
            prepared = prepare(load_recipe(recipe, changes, source="sample"))
            history = prepared.train([Doctor(augment=prepared.recipe.augment)])
        except InputError as error:
            print(f"{name}: {error}", file=sys.stderr)
            continue
        accuracy, figure = reached(history), FIGURES["sample"]
        yield Result(
            name, "recipe or study", "", zlib.crc32(name.encode()) % KEPT_OUT == 0, accuracy,
            figure, accuracy >= figure, *judged(history),
        )  # fmt: skip


def _toml(value: Any) -> str:
    return "none" if value is None else json.dumps(value)


def measured(*, kept_out: bool | None) -> tuple[list[Result], list[Result]]:
    """Return the results of broken and of sound trainings; of one part, or of both."""
    bench = Bench()

    def wanted(trial: Trial) -> bool:
        return kept_out is None or trial.is_kept_out == kept_out

    os.environ.setdefault(VARIABLE, "numpy")  # trainings of a second
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        broken = [bench.broken(trial) for trial in broken_trials() if wanted(trial)]
        sound = [bench.sound(trial) for trial in sound_trials() if wanted(trial)]
        sound += [one for one in recipe_results() if kept_out in (None, one.kept_out)]
    return broken, sound


# -- the page --------------------------------------------------------------------------------------


@dataclass
class Score:
    """Figures over some results."""

    broken: int
    noticed: int
    named: int
    with_setting: int
    mended: int
    sound: int
    alarmed: int


def score(broken: Sequence[Result], sound: Sequence[Result]) -> Score:
    """Count over the trainings that are what they should be."""
    broken, sound = [one for one in broken if one.counts], [one for one in sound if one.counts]
    return Score(
        broken=len(broken),
        noticed=sum(bool(one.alarms) for one in broken),
        named=sum(one.named for one in broken),
        with_setting=sum(one.named and one.mended is not None for one in broken),
        mended=sum(one.mended is True for one in broken),
        sound=len(sound),
        alarmed=sum(bool(one.alarms) for one in sound),
    )


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({part / whole:.1%})" if whole else "–"


def _mended(tried: Sequence[Result]) -> str:
    return f"{sum(one.mended is True for one in tried)} / {len(tried)}" if tried else "–"


def page(results: dict[str, Any]) -> str:
    """Return docs/doctor.md from what was measured."""
    broken = [Result(**one) for one in results["broken"]]
    sound = [Result(**one) for one in results["sound"]]
    scores = [
        score([b for b in broken if b.kept_out == kept], [s for s in sound if s.kept_out == kept])
        for kept in (False, True)
    ]
    rows = [
        ("broken trainings noticed", "≥ 95 %", [_share(s.noticed, s.broken) for s in scores]),
        ("named rightly: the cause is the first or second finding", "≥ 80 %",
         [_share(s.named, s.broken) for s in scores]),
        ("its settings, as printed, mend the training; of those named that have settings",
         "≥ 75 %", [_share(s.mended, s.with_setting) for s in scores]),
        ("… of all that are named", "≥ 75 %", [_share(s.mended, s.named) for s in scores]),
        ("sound trainings with a warning", "≤ 2 %", [_share(s.alarmed, s.sound) for s in scores]),
    ]  # fmt: skip
    table = "\n".join(
        f"| {name} | {asked} | {chosen} | {kept} |" for name, asked, (chosen, kept) in rows
    )
    kinds = []
    for kind, causes, source, *_ in KINDS:
        some = [one for one in broken if one.kind == kind and one.counts]
        if not some:
            continue
        tried = [one for one in some if one.mended is not None]
        kinds.append(
            f"| {kind} | {source} | {', '.join(f'`{cause}`' for cause in causes)} | "
            f"{sum(bool(one.alarms) for one in some)} / {sum(one.named for one in some)} / "
            f"{len(some)} | {_mended(tried)} |"
        )
    missed = [one for one in broken if one.counts and not one.named]
    false = [one for one in sound if one.counts and one.alarms]
    confused = Counter((one.kind, ", ".join(one.first) or "nothing") for one in missed)
    return TEXT.format(
        table=table,
        kinds="\n".join(kinds),
        n_kinds=len(KINDS),
        n_broken=sum(s.broken for s in scores),
        n_harmless=sum(not one.counts for one in broken),
        n_sound=sum(s.sound for s in scores),
        n_not_sound=sum(not one.counts for one in sound),
        n_data=len(BASE),
        missed="\n".join(
            f"- {kind}: {said}{f' ({times} times)' if times > 1 else ''}"
            for (kind, said), times in confused.items()
        )
        or "None.",
        false="\n".join(f"- {one.name}: {', '.join(one.alarms)}" for one in false) or "None.",
        looks="once" if results["looks"] == 1 else f"{results['looks']} times",
        machine=results["machine"],
        seconds=results["seconds"],
    )


TEXT = """\
# The doctor, measured

`make doctor` writes this page. What the doctor is, and how to read a finding: [reading a
finding](howto/reading-a-finding.md); every finding and how it is decided:
[findings](reference/findings.md).

{n_broken} broken trainings of {n_kinds} kinds on {n_data} sets of data are recreated, in inknet's
own terms, from published collections of faults: DeepFD (Cao and others, ICSE 2022), AutoTrainer
(Zhang and others, ICSE 2021), TheDeepChecker (Ben Braiek and Khomh, TOSEM 2023), UMLAUT (Schoop
and others, CHI 2021), Defects4ML (Morovati and others, EMSE 2023), and from the study that inknet
grew out of. Each kind is trained with the usual network of its data and with another one that is
drawn at random. A training counts as broken if it reaches less than 95 % of its sound twin's
validation accuracy; {n_harmless} more that were meant to be broken reach as much, and are left
out. Faults of the data that make a figure meaningless instead of low count always.

{n_sound} sound trainings are drawn at random from reasonable settings, or are recipes and rows of
the published studies on the sample. Each reaches the figure that is set for its data;
{n_not_sound} that do not are left out.

A third of both, by the digest of its name (`KEPT_OUT` in `benchmarks/doctor_cases.py`), was kept
out while rules and thresholds were chosen. It was judged {looks}.

| what | asked | chosen on (two thirds) | **kept out (one third)** |
|---|---|---|---|
{table}

Faults of the data, such as labels that belong to other rows or a leak, have no setting that mends
them: the finding says in words what to do, and is in the last row alone.

For comparison: of the 52 broken programs of the DeepFD collection, the best published tool names
the right kind of fault in 27. Those programs are others than these trainings, so the figures are
not of one scale.

A warning or an error is an alarm; a note is not. The kinds and data of the part that was kept out
are those of the other two thirds, with other combinations, networks and seeds; other kinds of
faults may be named worse.

## Kind by kind

| kind | collection | right names | noticed / named / trainings | mended / tried |
|---|---|---|---|---|
{kinds}

## What was not named

{missed}

## Sound trainings with a warning

{false}

{machine}; NumPy operations; all trainings together took {seconds:.0f} s. """


def main() -> int:
    """Measure, and write the page; or print the part that rules were chosen on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--open", action="store_true", help="leave out the part that is kept out")
    parser.add_argument("--page", action="store_true", help="write the page from what is measured")
    given = parser.parse_args()
    if given.page:
        write_text_whole(PAGE, page(json.loads(RESULTS.read_text("utf-8"))))
        return 0
    began = perf_counter()
    broken, sound = measured(kept_out=False if given.open else None)
    if given.open:
        for one in [*(b for b in broken if b.counts and not b.named),
                    *(b for b in broken if b.mended is False),
                    *(s for s in sound if s.counts and s.alarms)]:  # fmt: skip
            reached = f"{one.reached:.3f} of {one.expected:.3f}"
            print(f"{one.name}: {reached}, {one.first or one.alarms}, "
                  f"mended {one.mended}")  # fmt: skip
        print(score(broken, sound))
        return 0
    looks = json.loads(RESULTS.read_text("utf-8"))["looks"] if RESULTS.exists() else 0
    results = {
        "looks": looks + 1,
        "machine": in_words(describe_machine()),
        "seconds": perf_counter() - began,
        "broken": [asdict(one) for one in broken],
        "sound": [asdict(one) for one in sound],
    }
    write_text_whole(RESULTS, json.dumps(results, separators=(",", ":")) + "\n")
    write_text_whole(PAGE, page(results))
    print(score([b for b in broken if b.kept_out], [s for s in sound if s.kept_out]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
