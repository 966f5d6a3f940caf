"""``inknet predict``: what is written in pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inknet.cli.console import EXIT_BAD_INPUT, complain, print_json, say
from inknet.errors import InputError

if TYPE_CHECKING:
    from inknet.mlp import MLP
    from inknet.photo.answer import Reading

MODEL_SUFFIX = ".safetensors"


def predict(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="[RUN] IMAGE",
            help="Pictures; before them, the run folder or .safetensors file of the model that is "
            "to read them. Without it, the model in the package does.",
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Read what is written in pictures: photographs, scans or drawings, of one digit or many.

    Ink is found whatever the light and the colours are, without ruled lines and frames, and made
    like the digits of MNIST (`inknet.photo`). For a model of other images than those, a picture is
    one character; it is cropped, or resized whole if the training images had no clear background or
    no margins.

    Each picture gets a verdict. `unsure` says which digit is not clear; `blank` and `not a digit`
    are answers too, so the exit code is 0, and scripts look at `verdict` in the JSON. A picture
    that cannot be read is named, and the others are answered; the exit code is then 2.
    """
    model, images = _model_and_images(paths)
    model.picture_reader()  # refuses once, not for each picture
    answers: list[dict[str, Any]] = []
    for path in images:
        try:
            reading = model.read(path)
        except InputError as error:
            complain(error)
            answers.append({"image": str(path), "error": str(error)})
            continue
        answers.append(reading.to_dict())
        if not as_json:
            say(f"{path}: {in_a_line(reading)}")
    if as_json:
        print_json(answers)
    if any("error" in answer for answer in answers):
        raise typer.Exit(EXIT_BAD_INPUT)


def _model_and_images(paths: list[Path]) -> tuple[MLP, list[Path]]:
    """Return the model that is to read, and the pictures."""
    from inknet.mlp import MLP

    first, *others = paths
    if first.is_dir() or first.suffix == MODEL_SUFFIX:
        if not others:
            raise InputError(f"{first}: no IMAGE to read is named after the model")
        return MLP.load(first), others
    if others and not first.suffix and not first.exists():  # a run whose name is misspelt
        raise InputError(f"{first}: no such run folder, model file or picture")
    return MLP.pretrained(), paths


def in_a_line(reading: Reading) -> str:
    """Return the verdict and what was read, in a line."""
    sure = reading.digits, percent(reading.confidence)
    if reading.is_sure:
        return "{} ({})".format(*sure)
    if not reading.digits:
        return reading.verdict if not reading.characters else f"{reading.verdict}: {reading.reason}"
    read = [one for one in reading.characters if one.verdict == reading.verdict]
    if not read:  # what was read is clear, but not all was read
        return "{}, perhaps {} ({}): {}".format(reading.verdict, *sure, reading.reason)
    worst = min(read, key=lambda one: one.confidence)
    either = " or ".join(f"{name} ({percent(p)})" for name, p in reading.likeliest(worst))
    if len(reading.characters) == 1:
        return f"{reading.verdict}, {either}"
    number = next(n for n, one in enumerate(reading.characters, 1) if one is worst)
    return "{}, perhaps {} ({}): number {} is {}".format(reading.verdict, *sure, number, either)


def percent(share: float) -> str:
    """Return a share as text; rounding must not show 100 % for less."""
    return "> 99.9%" if 0.9995 <= share < 1 else f"{share:.1%}"
