"""What a network misreads, and which training images are most like another."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inknet.data import Dataset
from inknet.recipes import load_recipe
from inknet.runs import Run
from inknet.runs.prepare import load_splits
from inknet.seeds import Streams
from inknet.studio.folders import (
    PRETRAINED,
    Folders,
    Kept,
    TestPart,
    pixels_of,
    source_of_package,
)

MOST_COMPARED = 10_000
"""So many training images are compared with another."""


def mistakes(
    part: TestPart, true: int | None, predicted: int | None, offset: int, limit: int
) -> dict[str, Any]:
    """Return the test images that are misread, surest first, and how often each pair occurs.

    Parameters
    ----------
    part
    true, predicted
        Only images of this class, and only those that are taken for that one.
    offset, limit
        Which of them.
    """
    answers = part.probabilities.argmax(axis=1)
    wrong = np.flatnonzero(answers != part.labels)
    n = part.probabilities.shape[1]
    counts = np.bincount(part.labels[wrong] * n + answers[wrong], minlength=n * n).reshape(n, n)
    is_wanted = np.ones(len(wrong), bool)
    if true is not None:
        is_wanted &= part.labels[wrong] == true
    if predicted is not None:
        is_wanted &= answers[wrong] == predicted
    wrong = wrong[is_wanted]
    wrong = wrong[np.argsort(-part.probabilities[wrong, answers[wrong]], kind="stable")]
    return {
        "total": len(wrong),
        "n_samples": len(part.labels),
        "pairs": [
            {"true": int(row), "predicted": int(column), "n": int(counts[row, column])}
            for row, column in zip(*np.nonzero(counts), strict=True)
        ],
        "mistakes": [
            {
                **sample(part, int(row)),
                "true": int(part.labels[row]),
                "predicted": int(answers[row]),
                "probability": float(part.probabilities[row, answers[row]]),
                "probability_of_true": float(part.probabilities[row, part.labels[row]]),
            }
            for row in wrong[offset : offset + limit]
        ],
    }


def sample(part: TestPart, row: int) -> dict[str, Any]:
    """Return a test image, by its row in the test data."""
    image = b64encode(part.images[row]).decode("ascii")
    return {"row": row, "image": image, "label": int(part.labels[row])}


class Similar:
    """Finds the training images that are nearest to another.

    Parameters
    ----------
    folders
        The runs.
    """

    def __init__(self, folders: Folders) -> None:
        self._folders, self._images = folders, Kept(3)

    def to(self, run: str, image: NDArray[np.uint8], n: int) -> list[dict[str, Any]]:
        """Return the n nearest training images, by the Euclidean distance of their pixels.

        Pixels count from 0 to 1. Of a large training part, some are compared.
        """
        images, labels, squares = self._images.get(
            self._folders.key(run), lambda: self._of_training(run)
        )
        other = image.reshape(-1) / np.float32(255)
        distances = np.sqrt(np.maximum(squares - 2 * (images @ other) + other @ other, 0))
        nearest = np.argsort(distances, kind="stable")[:n]
        return [
            {
                "image": b64encode(np.rint(255 * images[i]).astype(np.uint8)).decode("ascii"),
                "label": int(labels[i]),
                "distance": float(distances[i]),
                "row": int(i),
            }
            for i in nearest
        ]

    def _of_training(
        self, run: str
    ) -> tuple[NDArray[np.float32], NDArray[np.intp], NDArray[np.float32]]:
        part = training_part(self._folders, run)
        levels = pixels_of(self._folders.model(run), part)
        images = levels.astype(np.float32) / np.float32(255)
        return images, part.targets, (images**2).sum(axis=1)


def training_part(folders: Folders, run: str, most: int = MOST_COMPARED) -> Dataset:
    """Return training samples of a run, at most so many."""
    if run == PRETRAINED:
        recipe = load_recipe("digits", source=source_of_package())
    else:
        recipe = Run.open(folders.folder(run)).recipe
    train = load_splits(recipe, Streams.from_seed(recipe.seed)).train
    return train.subset(np.arange(min(most, len(train))))


def labelled(images: NDArray[np.uint8], labels: list[str]) -> list[dict[str, str]]:
    """Return images with their labels."""
    return [
        {"image": b64encode(image.tobytes()).decode("ascii"), "label": label}
        for image, label in zip(images, labels, strict=True)
    ]
