"""What a user said that an image was: kept in a file, and learned from by a further training."""

from __future__ import annotations

import json
import threading
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inknet.data import Dataset, Splits
from inknet.data.npz import load_npz
from inknet.errors import InputError
from inknet.files import write_text_whole, write_whole
from inknet.mlp import MLP
from inknet.recipes import Recipe, load_recipe
from inknet.runs import Run, train_run
from inknet.runs.prepare import Prepared, load_splits
from inknet.seeds import Streams
from inknet.studio.folders import PRETRAINED, source_of_package
from inknet.training.callbacks import Callback

FILE, RESULT = "corrections.npz", "corrected.json"
MOST_CORRECTIONS = 10_000
EPOCHS = 3
RATE = 0.1
"""Of the rate of the first training: the network knows a lot already."""
MOST_OLD = 5_000
"""So many of the samples of the first training are repeated, so that they are not forgotten."""
SHARE = 0.05
"""The corrections are repeated until they are about this share of what is learned from."""
_CHANGING = threading.Lock()
"""A file is read, and written with one more or less: by one request at a time."""


def kept(path: Path, model: MLP) -> tuple[NDArray[np.uint8], list[str]]:
    """Return the images ``(n, height, width)`` of a file of corrections, and their labels."""
    height, width = shape_of(model)
    if not path.is_file():
        return np.empty((0, height, width), np.uint8), []
    dataset = load_npz(path)
    if dataset.image_shape != (height, width):
        raise InputError(f"{path.name} holds images of another size.")
    names = [dataset.class_names[label] for label in dataset.targets]
    return dataset.images(np.arange(len(dataset))), names


def keep(path: Path, model: MLP, image: NDArray[np.uint8], label: str) -> int:
    """Add a correction to a file; return how many there are."""
    if label not in model.facts.class_names:
        raise InputError(f"No class is called {label[:100]!r}.")
    with _CHANGING:
        images, labels = kept(path, model)
        if len(labels) >= MOST_CORRECTIONS:
            raise InputError(f"There are {MOST_CORRECTIONS:,} corrections already.")
        _write(path, np.concatenate([images, image[None]]), [*labels, label], model)
        return len(labels) + 1


def take_back(path: Path, model: MLP) -> int:
    """Remove the last correction from a file; return how many are left."""
    with _CHANGING:
        images, labels = kept(path, model)
        if len(labels) <= 1:
            path.unlink(missing_ok=True)
            return 0
        _write(path, images[:-1], labels[:-1], model)
        return len(labels) - 1


def shape_of(model: MLP) -> tuple[int, int]:
    """Return the height and width of a model's images."""
    if model.facts.image_shape is None:
        raise InputError("This run did not learn from images.")
    return model.facts.image_shape


def _write(path: Path, images: NDArray[np.uint8], labels: list[str], model: MLP) -> None:
    names = np.array(model.facts.class_names)
    content = BytesIO()
    np.savez_compressed(content, X=images, y=np.array(labels), class_names=names)
    write_whole(path, lambda file: file.write_bytes(content.getvalue()))


def learn_on(
    base: Path | None,
    corrections: Path,
    folder: Path,
    callbacks: Callable[[Recipe], list[Callback]],
    on_start: Callable[[Recipe, MLP, Splits], None],
    warn: Callable[[str], object],
) -> Run:
    """Train a model on with its corrections, and leave the result as a run.

    Parameters
    ----------
    base
        The folder of the run whose model it is; None for the model in the package.
    corrections
        The file of corrections.
    folder
        Where the new run goes.
    callbacks, on_start, warn
        As for `train_run`.
    """
    model = MLP.pretrained() if base is None else MLP.load(base)
    images, labels = kept(corrections, model)
    if not labels:
        raise InputError("There are no corrections to learn from.")
    before = _said(model, images)
    recipe = load_recipe("handwriting") if base is None else Run.open(base).recipe
    recipe = _milder(recipe, source_of_package() if base is None else recipe.data.source)

    def prepared(recipe: Recipe) -> Prepared:
        parts = load_splits(recipe, Streams.from_seed(recipe.seed))
        train = _with_corrections(parts.train, model, images, labels, recipe.seed)
        return Prepared(recipe, model, parts._replace(train=train), source=parts.train)

    run = train_run(
        recipe,
        folder,
        callbacks=callbacks(recipe),
        on_start=on_start,
        warn=warn,
        start_from=prepared,
    )
    after = _said(run.model(), images)
    changes = [
        {"image": b64encode(image).decode("ascii"), "label": label, "before": old, "after": new}
        for image, label, old, new in zip(images, labels, before, after, strict=True)
    ]
    origin = PRETRAINED if base is None else base.name
    result = {"corrected_from": origin, "changes": changes}
    write_text_whole(folder / RESULT, json.dumps(result) + "\n")
    return run


def result_of(folder: Path) -> dict[str, Any]:
    """Return what a further training changed, if the run in a folder was one; else nothing."""
    try:
        result = json.loads((folder / RESULT).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return (
        result if isinstance(result, dict) and {"corrected_from", "changes"} <= set(result) else {}
    )


def _milder(recipe: Recipe, source: str) -> Recipe:
    """Return the recipe of a further training: few epochs, at a low rate, without a guard."""
    training = recipe.training.model_copy(
        update={
            "epochs": EPOCHS,
            "learning_rate": RATE * recipe.training.learning_rate,
            "schedule": "cosine",
            "warmup": 0.0,
            "patience": None,
            "average_decay": 0.0,
        }
    )
    return recipe.model_copy(
        update={
            "name": f"{recipe.name.removesuffix('-corrected')}-corrected",
            "training": training,
            "guard": recipe.guard.model_copy(update={"epochs": 0}),
            "data": recipe.data.model_copy(update={"source": source}),
        }
    )


def _with_corrections(
    train: Dataset, model: MLP, images: NDArray[np.uint8], labels: list[str], seed: int
) -> Dataset:
    """Return some training samples, and the corrections as often as they are to count."""
    generator = np.random.default_rng(seed)
    n_old = min(MOST_OLD, len(train))
    old = train.subset(generator.permutation(len(train))[:n_old])
    stored = old.stored()
    times = max(1, round(SHARE * n_old / len(labels)))
    new = np.tile(images.reshape(len(images), -1), (times, 1))
    if stored.dtype != np.uint8:
        full = 1.0 if model.facts.scale is None else model.facts.scale.full
        new = (new * (full / 255)).astype(stored.dtype)
    number_of = {name: number for number, name in enumerate(train.class_names)}
    numbers = np.tile([number_of[label] for label in labels], times)
    return replace(
        old,
        features=np.concatenate([stored, new]),
        labels=np.concatenate([old.targets, numbers]),
        rows=None,
        n_official_test=0,
        groups=None,
        image_shape=train.image_shape or model.facts.image_shape,
    )


def _said(model: MLP, images: NDArray[np.uint8]) -> list[dict[str, Any]]:
    """Return the most probable class of each image, and how probable it is."""
    probabilities = model.predict_proba(images)
    names = model.facts.class_names
    return [
        {"label": names[int(row.argmax())], "probability": float(row.max())}
        for row in probabilities
    ]
