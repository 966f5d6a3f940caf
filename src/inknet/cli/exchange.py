"""The commands ``inknet export`` and ``inknet import``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from inknet.cli.console import say
from inknet.errors import InputError


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder or a model file.")],
    onnx: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write an ONNX model (extra onnx).")
    ] = None,
    numpy: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write one Python file that needs only NumPy."),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write one page that draws and reads in any browser."),
    ] = None,
) -> None:
    """Write a trained network in a form that does not need inknet."""
    from inknet.exchange import export_html, export_numpy, export_onnx
    from inknet.files import refuse_other_format
    from inknet.mlp import MLP

    if onnx is None and numpy is None and html is None:
        raise InputError("export needs --onnx FILE, --numpy FILE or --html FILE")
    for path, suffix in ((onnx, ".onnx"), (numpy, ".py"), (html, ".html")):
        if path is not None:
            refuse_other_format(path, suffix)  # before the first of two is written
    model = MLP.load(run)
    for path, write in ((onnx, export_onnx), (numpy, export_numpy), (html, export_html)):
        if path is not None:
            write(model, path)
            say(f"{path}: {path.stat().st_size:,} bytes")


def import_(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A PyTorch state dict, as a safetensors file."),
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The model file to write.")] = Path(
        "model.safetensors"
    ),
    activation: Annotated[
        str,
        typer.Option(
            help="What follows each layer but the last: relu, leaky_relu, sigmoid, tanh, identity."
        ),
    ] = "relu",
    batch_norm: Annotated[
        str, typer.Option(help="Where batch normalization is: before or after the activation.")
    ] = "before",
    classes: Annotated[
        str | None, typer.Option(metavar="A,B,…", help="The names of the classes.")
    ] = None,
    image: Annotated[
        str | None,
        typer.Option(metavar="28x28", help="The inputs are uint8 images of this size, over 255."),
    ] = None,
    order: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,…", help="The layers from input to output, if names do not say it."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file in --out.")] = False,
) -> None:
    """Make a model file from weights that were trained elsewhere."""
    from inknet.exchange import read_state_dict

    if out.exists() and not force:
        raise InputError(f"{out}: exists already; give another --out, or --force")
    model = read_state_dict(
        file,
        activation=activation,
        batch_norm=batch_norm,
        class_names=None if classes is None else classes.split(","),
        pixels=image is not None,
        image_shape=None if image is None else _image_shape(image),
        order=None if order is None else [name.strip() for name in order.split(",")],
    )
    model.save(out)
    say(f"{out}: {model!r}")


def _image_shape(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([1-9]\d{0,8})[x×]([1-9]\d{0,8})", text)
    if match is None:
        raise InputError(f"--image is {text!r}; expected HEIGHTxWIDTH, such as 28x28")
    return int(match[1]), int(match[2])
