"""Measure how real handwriting is read, and write docs/handwriting.md.

``make handwriting`` measures what is missing in ``docs/handwriting.json`` and writes the page from
it; ``ARGS="degradations speed"`` measures these sections again. The pictures of the folder
``INKNET_PHOTOS_DIR`` with its ``truth.tsv`` (columns: file, truth, medium, kind) are neither for
training nor for choosing settings: for that there are the pictures that
``tests/photo/degradations.py`` makes of MNIST. Every look at them is counted.
``--wrong`` lists the pictures that were misread.

A section is a function that measures and one that writes; `SECTIONS` lists them.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]  # the first for the pictures that tests make

from handwriting_peers import PEERS, MissingError  # noqa: E402
from inknet import MLP  # noqa: E402
from inknet.data import Dataset, load  # noqa: E402
from inknet.experiments.machine import in_words  # noqa: E402
from inknet.experiments.measured import Entry, MeasuredFile, measured  # noqa: E402
from inknet.files import write_text_whole  # noqa: E402
from inknet.photo import open_picture, prepare  # noqa: E402
from inknet.recipes import load_recipe  # noqa: E402
from inknet.runs import train_run  # noqa: E402
from inknet.runs.other_data import evaluation_part  # noqa: E402
from record import digest  # noqa: E402
from tests.photo import degradations  # noqa: E402
from tests.photo import others as things  # noqa: E402
from tests.photo.sheets import sheet  # noqa: E402

DOCS, RUNS = ROOT / "docs", ROOT / "runs" / "handwriting"
RESULTS, PAGE = DOCS / "handwriting.json", DOCS / "handwriting.md"
MODELS = ("handwriting", "quick", "digits")
EARLIER_LOOKS = {"one": 50, "several": 29}
"""How often the photos had been scored, about, before this page counted it."""
N_DEGRADED = 300
N_TIMED = 15
N_THINGS = 100
MOST_TAKEN = {
    "blank sheets": "0",
    "photographs of other things": "≤ 2%",
    "doodles": "≤ 20%",
    "Latin letters": "≤ 20%",
    "Greek letters": "≤ 20%",
}
MOST_LOST = 2.0
"""Points of accuracy that a degradation may cost the model `handwriting`."""

Truth = dict[str, str]
Picture = NDArray[np.uint8]


@dataclass
class Bench:
    """What sections measure with: models, pictures, and how many digits are degraded."""

    names: Sequence[str] = MODELS
    n_degraded: int = N_DEGRADED
    wrong: bool = False
    looks: dict[str, int] = field(default_factory=lambda: {"one": 0, "several": 0})

    @cached_property
    def models(self) -> dict[str, MLP]:
        """The model in the package, and those of other recipes, trained once."""
        models = {}
        for name in self.names:
            if name == MODELS[0]:
                models[name] = MLP.pretrained()
                continue
            if not (RUNS / name / "metrics.json").exists():
                train_run(load_recipe(name), RUNS / name)
            models[name] = MLP.load(RUNS / name)
        return models

    @cached_property
    def test(self) -> Dataset:
        """MNIST's official test images."""
        return evaluation_part(load("mnist"))

    @cached_property
    def _truth(self) -> list[Truth]:
        with (self.photos / "truth.tsv").open(newline="") as file:
            return list(csv.DictReader(file, delimiter="\t"))

    @cached_property
    def photos(self) -> Path:
        """The folder of the real pictures."""
        if not os.environ.get("INKNET_PHOTOS_DIR"):
            sys.exit("handwriting: set INKNET_PHOTOS_DIR to the folder of pictures and truth.tsv")
        return Path(os.environ["INKNET_PHOTOS_DIR"])

    def rows(self, several: bool) -> list[Truth]:
        """Return what is known of the pictures of one or of several digits."""
        self.looks["several" if several else "one"] += 1
        return [row for row in self._truth if (row["kind"] == "several") == several]

    @cached_property
    def opened(self) -> dict[str, Picture]:
        """The pictures of one digit by file, upright."""
        rows = [row for row in self._truth if row["kind"] != "several"]
        return {row["file"]: open_picture(self.photos / row["file"]) for row in rows}

    def tell(self, model: str, row: Truth, found: str) -> None:
        """Print what was misread, if that is asked for."""
        if self.wrong and found != row["truth"]:
            print(f"  {model}: {row['file']}: {row['truth']} read as {found or 'nothing'}")


def by_group(rows: Sequence[Truth], is_right: Iterable[bool]) -> dict[str, list[int]]:
    """Return errors and number of pictures: all, by medium and by kind."""
    groups: dict[str, list[int]] = {}
    for row, right in zip(rows, is_right, strict=True):
        for group in ("all", row["medium"], row["kind"]):
            errors, n = groups.get(group, [0, 0])
            groups[group] = [errors + (not right), n + 1]
    return groups


# -- one digit -------------------------------------------------------------------------------------


def measure_one(bench: Bench) -> Entry:
    """Read every picture of one digit with each model."""
    rows = bench.rows(several=False)
    images = np.stack([prepare(bench.opened[row["file"]]) for row in rows])
    found = {}
    for name, model in bench.models.items():
        answers = list(map(str, model.predict(images)))
        for row, answer in zip(rows, answers, strict=True):
            bench.tell(name, row, answer)
        right = [answer == row["truth"] for row, answer in zip(rows, answers, strict=True)]
        found[name] = by_group(rows, right)
    return {"models": found}


def write_one(entry: Entry) -> str:
    n = entry["models"]["handwriting"]["all"][1]
    return f"""\
## One digit

{n} pictures of one digit, asked for the digit (`MLP.read_images`). `handwriting` is the model in
the package (`MLP.pretrained()`); the others are recipes, trained on MNIST with seed 0.

{groups_table(entry["models"])}
"""


# -- several digits --------------------------------------------------------------------------------


def measure_several(bench: Bench) -> Entry:
    """Read every picture of several digits; right is what is wholly right, rows included."""
    rows = bench.rows(several=True)
    found = {}
    for name, model in bench.models.items():
        answers = [model.read(bench.photos / row["file"]).digits for row in rows]
        for row, answer in zip(rows, answers, strict=True):
            bench.tell(name, row, answer)
        right = [answer == row["truth"] for row, answer in zip(rows, answers, strict=True)]
        found[name] = by_group(rows, right)
    return {"models": found}


def write_several(entry: Entry) -> str:
    models = {
        name: {group: values for group, values in groups.items() if group != "several"}
        for name, groups in entry["models"].items()
    }
    n = models["handwriting"]["all"][1]
    return f"""\
## Several digits

{n} pictures of several digits, up to whole sheets. A picture counts as read only if every digit of
it is right, and in its row.

{groups_table(models)}
"""


# -- verdicts --------------------------------------------------------------------------------------


def measure_verdicts(bench: Bench) -> Entry:
    """Count the verdicts of `MLP.read` on pictures of one digit, and what is wrong among them."""
    rows = bench.rows(several=False)
    found: dict[str, dict[str, list[int]]] = {}
    for name, model in bench.models.items():
        verdicts = found[name] = {}
        for row in rows:
            reading = model.read(bench.opened[row["file"]])
            wrong, n = verdicts.get(reading.verdict, [0, 0])
            verdicts[reading.verdict] = [wrong + (reading.digits != row["truth"]), n + 1]
            if reading.verdict == "digit":
                bench.tell(f"{name}, verdict digit", row, reading.digits)
    return {"models": found}


def write_verdicts(entry: Entry) -> str:
    lines = [
        "| model | `digit` | wrong among these | `unsure` | right among these | `not a digit` "
        "| `blank` | refused |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, verdicts in entry["models"].items():
        of = {
            verdict: verdicts.get(verdict, [0, 0])
            for verdict in ("digit", "unsure", "not a digit", "blank")
        }
        n = sum(count for _, count in verdicts.values())
        wrong, accepted = of["digit"]
        wrong_unsure, unsure = of["unsure"]
        lines.append(
            f"| `{name}` | {accepted} | {wrong} ({wrong / max(accepted, 1):.2%}) | {unsure} "
            f"| {unsure - wrong_unsure} | {of['not a digit'][1]} | {of['blank'][1]} "
            f"| {(n - accepted) / n:.1%} |"
        )
    return """\
## Verdicts

The same pictures of one digit, but nobody says that there is one: `MLP.read` finds what is written,
and says whether it is sure. Refused is everything but `digit`. Asked are at most 5% refused, and at
most 0.3% wrong among those that are accepted, for `handwriting`.

""" + "\n".join([*lines, ""])


# -- other things ----------------------------------------------------------------------------------


def measure_things(bench: Bench) -> Entry:
    """Count the verdicts of the model with a guard on pictures that hold no digit."""
    model, draw = bench.models["handwriting"], np.random.default_rng(0)
    pictures: dict[str, Iterable[Picture]] = {
        "blank sheets": things.blank_sheets(N_THINGS, draw),
        "photographs of other things": things.photographs(N_THINGS, draw),
        "doodles": things.doodles(N_THINGS, draw),
        "Latin letters": (picture for _, picture in things.latin_letters()),
        "Greek letters": (picture for _, picture in things.greek_letters()),
    }
    found: dict[str, dict[str, int]] = {}
    for kind, some in pictures.items():
        verdicts = found[kind] = {}
        for picture in some:
            verdict = model.read(picture).verdict
            verdicts[verdict] = verdicts.get(verdict, 0) + 1
    return {"kinds": found}


def write_things(entry: Entry) -> str:
    lines = [
        "| pictures | n | taken for a digit | asked | `unsure` | `not a digit` | `blank` |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind, verdicts in entry["kinds"].items():
        n = sum(verdicts.values())
        lines.append(
            f"| {kind} | {n} | {verdicts.get('digit', 0) / n:.1%} | {MOST_TAKEN[kind]} "
            f"| {verdicts.get('unsure', 0)} | {verdicts.get('not a digit', 0)} "
            f"| {verdicts.get('blank', 0)} |"
        )
    return """\
## Other things

Pictures that hold no digit, made by `tests/photo/others.py`: empty paper in any light; parts of the
two photographs that scikit-learn has; shapes, faces and scribbles; the 52 letters of the font in
Pillow, and the Greek ones as Matplotlib writes formulas. The guard did not learn from these fonts
and photographs. Of the Latin letters, eight (O, o, I, l, S, s, Z, z) are written like a digit.

""" + "\n".join([*lines, ""])


# -- degradations ----------------------------------------------------------------------------------


def measure_degradations(bench: Bench) -> Entry:
    """Read the same MNIST test digits under each degradation, and as they are."""
    chosen = np.random.default_rng(0).permutation(len(bench.test))[: bench.n_degraded]
    digits = bench.test.subset(chosen)
    images, truth = digits.stored().reshape(-1, 28, 28), digits.targets
    errors = {}

    def count(name: str, prepared: Picture) -> None:
        errors[name] = {
            model: int((found.predict(prepared) != truth).sum())
            for model, found in bench.models.items()
        }
        print(f"  {name}: {errors[name]}", flush=True)

    count("mnist", images)
    for degrade in degradations.ALL:
        pictures = (degrade(image, np.random.default_rng(i)) for i, image in enumerate(images))
        count(degrade.__name__, np.stack([prepare(picture) for picture in pictures]))
    return {"n": len(truth), "errors": errors}


def write_degradations(entry: Entry) -> str:
    n, errors = entry["n"], entry["errors"]
    clean = errors["mnist"]
    doc = {degrade.__name__: in_words_of(degrade) for degrade in degradations.ALL}
    models = list(clean)
    lines = [f"| picture | {names(models)} | lost by `handwriting` |"]
    lines.append("|---" * (len(models) + 2) + "|")
    lost = {}
    for name, counts in errors.items():
        lost[name] = 100 * (counts["handwriting"] - clean["handwriting"]) / n
        cells = " | ".join(f"{1 - counts[model] / n:.1%}" for model in models)
        what = "as it is in MNIST" if name == "mnist" else doc.get(name, name)
        cell = "" if name == "mnist" else f"{lost[name]:.1f}"
        lines.append(f"| {what} | {cells} | {cell} |")
    too_many = [doc.get(name, name) for name in lost if lost[name] > MOST_LOST]
    verdict = (
        f"More is lost by: {'; '.join(too_many)}." if too_many else "All of them keep to that."
    )
    return f"""\
## Degradations

{n:,} of MNIST's test digits, the same for each line, drawn as larger pictures by
`tests/photo/degradations.py` and read as one digit. Asked is that each costs `handwriting` at most
{MOST_LOST:g} points of accuracy. {verdict}

{chr(10).join(lines)}
"""


def in_words_of(degrade: Callable[..., Any]) -> str:
    """Return what a degradation does: the first line of its documentation, or its name."""
    if degrade.__doc__:
        first = degrade.__doc__.splitlines()[0].rstrip(".")
        return first[0].lower() + first[1:]
    return degrade.__name__.replace("_", " ")


# -- confidence ------------------------------------------------------------------------------------


def measure_confidence(bench: Bench) -> Entry:
    """Measure how far the confidence of each model can be trusted, on MNIST's test images."""
    found = {}
    for name, model in bench.models.items():
        calibration = model.evaluate_on(bench.test).calibration
        assert calibration is not None
        found[name] = calibration.to_dict()
    return {"models": found}


def write_confidence(entry: Entry) -> str:
    lines = [
        "| model | temperature | expected calibration error | without the temperature |",
        "|---|---|---|---|",
    ]
    for name, values in entry["models"].items():
        lines.append(
            f"| `{name}` | {values['temperature']:.3f} | {values['ece']:.2%} "
            f"| {values['ece_before']:.2%} |"
        )
    return """\
## Confidence

On MNIST's 10,000 test images. The expected calibration error is the mean difference between
confidence and accuracy, in 15 bins of equal width (Naeini 2015, Guo 2017). The temperature, by
which logits are divided, was fitted to validation images. Asked is at most 0.5% for `digits`.

""" + "\n".join([*lines, ""])


# -- speed -----------------------------------------------------------------------------------------


def measure_speed(bench: Bench) -> Entry:
    """Time `MLP.read` on pixels in memory, a digit on paper, as a median."""
    model = bench.models["handwriting"]
    milliseconds: dict[str, list[list[float]]] = {}
    digit = bench.test.stored()[0].reshape(28, 28)
    for name, shape in (("1", (866, 1155)), ("12", (3000, 4000))):
        picture = on_canvas(digit, shape)
        assert model.read(picture).digits == str(bench.test.targets[0])
        milliseconds[name] = [timed(model, picture) for _ in range(N_TIMED)]
    return {"milliseconds": milliseconds}


def on_canvas(digit: Picture, shape: tuple[int, int]) -> Picture:
    """Return a photo-like picture of a digit, with light that fades and noise."""
    rng = np.random.default_rng(0)
    covered = degradations.ink_on_canvas(digit, rng, side=min(shape), share=0.6)
    canvas = np.zeros(shape)
    left = (shape[1] - covered.shape[1]) // 2
    canvas[:, left : left + covered.shape[1]] = covered
    picture = degradations.painted(canvas) * np.linspace(1, 0.7, shape[1])[None, :, None]
    return degradations.rounded(picture + rng.normal(0, 5, picture.shape))


def timed(model: MLP, picture: Picture) -> list[float]:
    """Return the milliseconds that passed, and those that the processor worked for it."""
    start, worked = perf_counter(), process_time()
    model.read(picture)
    return [round(1000 * (perf_counter() - start), 2), round(1000 * (process_time() - worked), 2)]


def write_speed(entry: Entry) -> str:
    limits = {"1": 20, "12": 150}
    lines = [
        "| picture | median | fastest | processor time, median | asked |",
        "|---|---|---|---|---|",
    ]
    for name, times in entry["milliseconds"].items():
        passed, worked = zip(*times, strict=True)
        lines.append(
            f"| {name} megapixel{'s' * (name != '1')} | {median(passed):.1f} ms "
            f"| {min(passed):.1f} ms | {median(worked):.1f} ms | ≤ {limits[name]} ms |"
        )
    return f"""\
## Speed

`MLP.read` of pixels in memory, photo to answer, {N_TIMED} times in one process, on
{in_words(entry["machine"])}. The load by other programs
was {entry["load_before"]:g}: where that is more than the number of cores, processor time is what to
look at.

{chr(10).join(lines)}
"""


# -- others ----------------------------------------------------------------------------------------


def measure_others(bench: Bench) -> Entry:
    """Let others read the same pictures of one digit."""
    rows = bench.rows(several=False)
    pictures = [bench.opened[row["file"]] for row in rows]
    found: dict[str, Any] = {}
    RUNS.mkdir(parents=True, exist_ok=True)
    for name, (_, make) in PEERS.items():
        try:
            read, accuracy = make(RUNS)
        except MissingError as reason:
            found[name] = {"missing": str(reason)}
            continue
        answers = read(pictures)
        right = [answer == row["truth"] for row, answer in zip(rows, answers, strict=True)]
        found[name] = {"groups": by_group(rows, right), "mnist": accuracy}
        print(f"  {name}: {found[name]}", flush=True)
    return {"peers": found}


def write_others(entry: Entry) -> str:
    groups, absent = {}, []
    for name, values in entry["peers"].items():
        if "missing" in values:
            absent.append(values["missing"])
            continue
        title, accuracy = PEERS[name][0], values["mnist"]
        on_mnist = "" if accuracy is None else f" ({accuracy:.1%} on MNIST's test set)"
        groups[title + on_mnist] = values["groups"]
    left_out = f"\nLeft out: {' '.join(absent)}\n" if absent else ""
    packages = ("scikit-learn", "keras", "jax")
    return f"""\
## What others read

The same pictures of one digit. Tesseract reads one character (`--psm 10`) of the digits alone, as
Debian installs it. `MLPClassifier` has its defaults (20 epochs, pixels divided by 255); the convnet
is that of [keras.io's example](https://keras.io/examples/vision/mnist_convnet/). Both get what
tutorials do with a picture: grey, `resize((28, 28))`, inverted if it is mostly light, divided by
255. Measured with {in_words(entry["machine"], packages)}.

{groups_table(groups, quoted=False)}
{left_out}"""


# -- the page --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Section:
    """A part of the page: how it is measured, and how it is written."""

    name: str
    measure: Callable[[Bench], Entry]
    write: Callable[[Entry], str]


SECTIONS = [
    Section("one", measure_one, write_one),
    Section("several", measure_several, write_several),
    Section("verdicts", measure_verdicts, write_verdicts),
    Section("things", measure_things, write_things),
    Section("degradations", measure_degradations, write_degradations),
    Section("confidence", measure_confidence, write_confidence),
    Section("speed", measure_speed, write_speed),
    Section("others", measure_others, write_others),
]
"""In the order of the page."""


def groups_table(models: Mapping[str, Mapping[str, list[int]]], *, quoted: bool = True) -> str:
    """Return accuracy and errors of each model as a table, a line for each group of pictures."""
    first = next(iter(models.values()))
    titles = {
        "photo": "photographs of paper",
        "scan": "scans",
        "tablet": "tablets",
        "paint": "paint programs",
        "single-28px": "exactly 28 × 28 pixels",
        "single-large": "larger",
    }
    order = ["all", *(group for group in titles if group in first)]
    lines = [f"| pictures | n | {names(models) if quoted else ' | '.join(models)} |"]
    lines.append("|---" * (len(models) + 2) + "|")
    for group in order:
        cells = [
            f"{1 - errors / n:.1%} ({errors} wrong)"
            for errors, n in (groups[group] for groups in models.values())
        ]
        lines.append(f"| {titles.get(group, group)} | {first[group][1]} | {' | '.join(cells)} |")
    return "\n".join(lines)


def names(models: Iterable[str]) -> str:
    return " | ".join(f"`{model}`" for model in models)


def page(entries: Mapping[str, Entry]) -> str:
    """Return docs/handwriting.md."""
    looks = {
        kind: n + sum(entry.get("looks", {}).get(kind, 0) for entry in entries.values())
        for kind, n in EARLIER_LOOKS.items()
    }
    earlier = f"{EARLIER_LOOKS['one']} and {EARLIER_LOOKS['several']}"
    parts = [
        section.write(entries[section.name]) for section in SECTIONS if section.name in entries
    ]
    return f"""\
<!-- Written by `make handwriting` from handwriting.json. Nothing here is by hand. -->

# Real handwriting

How inknet reads digits that were not made for it: photographs of paper, scans, drawings of paint
programs and tablets, by people who tried "my own digit" with some program. `make handwriting`
measured and wrote everything on this page; [handwriting.json](handwriting.json) has the counts.

The pictures are from public repositories and belong to their authors, so they are not in this
repository, and nothing was trained on them. Who looks at a test often learns it by heart without
wanting to: those of one digit were scored about {looks["one"]} times in all, those of several about
{looks["several"]} times, {earlier} of these before this page counted.
{changed_since(entries)}
{chr(10).join(parts)}"""


def changed_since(entries: Mapping[str, Entry]) -> str:
    """Return a sentence about recipes that are no longer those that were measured, or nothing."""
    now = recipe_digests()
    changed = sorted(
        {
            name
            for entry in entries.values()
            for name, digest_then in entry.get("recipes", {}).items()
            if name in now and digest_then != now[name]
        }
    )
    if not changed:
        return ""
    listed = ", ".join(f"`{name}`" for name in changed)
    return f"\nRecipes that were changed since these figures were measured: {listed}.\n"


def recipe_digests() -> dict[str, str]:
    """Return the digests of the recipes whose models are compared."""
    return {name: digest(name) for name in MODELS[1:]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    known = [section.name for section in SECTIONS]
    parser.add_argument("sections", nargs="*", choices=[*known, []], help="measure these again")
    parser.add_argument("--write", action="store_true", help="measure nothing, write the page")
    parser.add_argument("--wrong", action="store_true", help="list what was misread")
    options = parser.parse_args()
    kept = MeasuredFile(RESULTS)
    bench = Bench(wrong=options.wrong)
    for section in SECTIONS:
        before = kept.entries().get(section.name)
        if options.write or (before is not None and section.name not in options.sections):
            continue
        print(section.name, flush=True)
        bench.looks = dict((before or {}).get("looks", {"one": 0, "several": 0}))
        entry = measured(partial(section.measure, bench))
        kept.put(section.name, {**entry, "looks": bench.looks, "recipes": recipe_digests()})
    write_text_whole(PAGE, page(kept.entries()))
    if not options.write:
        draw_example(DOCS / "pictures" / "reading.png")


def draw_example(path: Path) -> None:
    """Draw how the model in the package reads a sheet of digits from the sample, for the README."""
    sample, draw = load("sample"), np.random.default_rng(5)
    numbers = [2, 0, 2, 6, 1, 1, 2, 7]
    rows = [int(draw.choice(np.flatnonzero(sample.targets == number))) for number in numbers]
    digits = [image.reshape(28, 28) for image in sample.stored()[rows]]
    picture, text = sheet(digits, numbers, np.random.default_rng(1))
    reading = MLP.pretrained().read(picture)
    assert (reading.verdict, reading.digits) == ("digit", text)
    reading.plot(path)


if __name__ == "__main__":
    main()
