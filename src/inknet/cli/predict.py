"""``inknet predict``: what is written in pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inknet.cli.console import EXIT_BAD_INPUT, complain, print_json, say
from inknet.errors import InputError, quoted

if TYPE_CHECKING:
    from inknet.mlp import MLP
    from inknet.photo.reading import Reading

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
    show: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE_OR_FOLDER",
            help="Draw the steps from each photo to the images that the network gets, and its "
            "answers: a PNG, or a folder with NAME-steps.png for each.",
        ),
    ] = None,
    grid: Annotated[
        str | None,
        typer.Option(
            metavar="ROWSxCOLUMNS",
            help="Read sheets of squares with a digit in each or none, as 4x10; in what is "
            "printed, a full stop is a blank cell.",
        ),
    ] = None,
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
    shape = None if grid is None else _shape_of(grid)
    model, images = _model_and_images(paths)
    model.picture_reader()  # refuses once, not for each picture
    drawings = [None] * len(images) if show is None else _drawings(show, images)
    answers: list[dict[str, Any]] = []
    all_drawn = True
    for path, drawing in zip(images, drawings, strict=True):
        try:
            reading = model.read(path, grid=shape)
        except InputError as error:
            complain(error)
            answers.append(unreadable(path, error))
            continue
        answers.append(reading.to_dict())
        if not as_json:
            say(f"{path}: {reading.in_a_line()}")
        if drawing is not None:
            all_drawn &= _drawn(reading, drawing)
    if as_json:
        print_json(answers)
    if not all_drawn or any("error" in answer for answer in answers):
        raise typer.Exit(EXIT_BAD_INPUT)


def unreadable(path: Path, error: InputError) -> dict[str, Any]:
    """Return the answer about a picture that cannot be read, with the fields of all others."""
    empty = {"reason": str(error), "digits": "", "confidence": 0.0, "boxes": []}
    return {"image": str(path), "verdict": "unreadable", **empty, "error": str(error)}


def _model_and_images(paths: list[Path]) -> tuple[MLP, list[Path]]:
    """Return the model that is to read, and the pictures."""
    from inknet.mlp import MLP

    first, *others = paths
    if first.is_dir() and not (first / "model.safetensors").exists():
        raise InputError(
            f"{first}: a folder without a model; expected a run folder, or pictures, as {first}/*"
        )
    if first.is_dir() or first.suffix == MODEL_SUFFIX:
        if not others:
            raise InputError(f"{first}: no IMAGE to read is named after the model")
        return MLP.load(first), others
    if others and not first.suffix and not first.exists():  # a run whose name is misspelt
        raise InputError(f"{first}: no such run folder, model file or picture")
    return MLP.pretrained(), paths


def _shape_of(grid: str) -> tuple[int, int]:
    """Return the numbers of rows and columns that an option gives."""
    from inknet.photo.grid import MOST_CELLS, checked_shape

    numbers = grid.lower().replace("×", "x").split("x")
    if len(numbers) != 2 or not all(number.isascii() and number.isdigit() for number in numbers):
        raise InputError(f"--grid is {grid!r}; expected rows and columns, as 4x10")
    if max(map(len, numbers)) > 6:  # Python refuses to print very long ones
        raise InputError(f"--grid is {quoted(grid[:40])}; expected at most {MOST_CELLS} of each")
    rows, columns = map(int, numbers)
    return checked_shape((rows, columns))


def _drawn(reading: Reading, path: Path) -> bool:
    """Draw a reading; return whether that was possible."""
    try:
        reading.plot(path)
    except InputError as error:
        complain(error)
        return False
    return True


def _drawings(show: Path, images: list[Path]) -> list[Path]:
    """Return where the picture of each reading is written; make the folder, if it is one."""
    if show.suffix and not show.is_dir():
        if len(images) > 1:
            raise InputError(f"{show}: one file, expected a folder for {len(images)} pictures")
        drawings = [show]
    else:
        try:
            show.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = error.strerror or error
            raise InputError(f"{show}: cannot be made a folder ({reason})") from error
        names = [f"{image.stem}-steps" for image in images]
        numbers = [names[:place].count(name) for place, name in enumerate(names)]
        drawings = [
            show / (f"{name}-{number + 1}.png" if number else f"{name}.png")
            for name, number in zip(names, numbers, strict=True)
        ]
    for drawing in drawings:
        if any(drawing.exists() and image.exists() and drawing.samefile(image) for image in images):
            raise InputError(f"{drawing}: a picture that is read; expected another name for --show")
    return drawings
