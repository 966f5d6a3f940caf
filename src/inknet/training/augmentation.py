"""Augmentation: a dataset's images, distorted on their way into a batch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from inknet.data.augment import Distorter
from inknet.data.dataset import Dataset
from inknet.data.layout import as_images
from inknet.data.pens import Pens
from inknet.errors import InputError
from inknet.nn.ops import NumpyOps
from inknet.nn.ops.images import warp_for

if TYPE_CHECKING:
    from inknet.recipes import AugmentRecipe

N_OTHERS = 240
"""How many other images are in the batch from which versions of one image are drawn."""


class Draw(NamedTuple):
    """What decides how a batch is distorted, together with its images.

    Attributes
    ----------
    key : int
        The key of the epoch, or of the copies.
    number : int
        The number of the batch in the epoch.
    strength : float
        How far the distortions go, from 0 (not at all) to 1.
    """

    key: int
    number: int = 0
    strength: float = 1.0


class Augmentation:
    """Distorts images of one dataset.

    The result depends only on the images of the batch and on a `Draw`, not on earlier batches. So a
    training that resumes in the middle of an epoch gets the same images.

    Parameters
    ----------
    settings
        Which distortions.
    dataset
        Whose images they are for.
    ops
        The operations that warp the images.

    Raises
    ------
    InputError
        If the samples are not images of uint8 pixels.
    """

    def __init__(self, settings: AugmentRecipe, dataset: Dataset, ops: NumpyOps) -> None:
        images = as_images(dataset)
        if images.image_shape is None or dataset.features.dtype != np.uint8:
            raise InputError(
                f"{dataset.name}: augment distorts only images of uint8 pixels, and these are "
                "features of another kind; images may be given as (n, height, width)"
            )
        self._settings = settings
        keys = settings.model_dump(exclude={"swap", "fade"})
        pens = {key: keys.pop(key) for key in ("stroke", "blur", "habits", "forms")}
        self._distorter = Distorter(images.image_shape, **keys)
        self._pens = Pens(images.image_shape, **pens)
        self._background = 255 if images.light_background else 0
        self._are_digits = dataset.class_names[:10] == tuple("0123456789")
        self._ops = ops

    def versions(self, dataset: Dataset, position: int, n: int, key: int) -> NDArray[np.uint8]:
        """Return ``n`` versions of the image at a position, ``(n, height, width)``, for drawing.

        They are made in one batch with images from all over the dataset. As in a training, pixels
        are then swapped with those of other images, not with those of the same one.
        """
        others = np.linspace(0, len(dataset) - 1, N_OTHERS).astype(np.intp)
        batch = dataset.subset(np.concatenate([np.full(n, position), others]))
        rows = batch.stored()
        out = np.empty_like(rows)
        self.distort(rows, np.arange(len(rows)), Draw(key), out, batch.targets)
        return out[:n].reshape(n, *self._distorter.image_shape)

    def strength(self, n_left: int, n_epochs: int) -> float:
        """Return how far distortions go in an epoch that is followed by ``n_left`` epochs."""
        n_fading = self._settings.fade * n_epochs
        return min(1.0, n_left / n_fading) if n_fading else 1.0

    def distort(
        self,
        features: NDArray[np.uint8],
        rows: NDArray[np.intp],
        draw: Draw,
        out: NDArray[np.uint8],
        labels: NDArray[np.integer] | None = None,
    ) -> None:
        """Write distorted versions of rows of the features to ``out``.

        Parameters
        ----------
        features : (n_stored, n_features)
        rows : (n,)
            Which of them are the images of the batch.
        labels : (n,)
            Their classes, for changes that depend on them. Without labels there are no such
            changes: evaluation must not know them.
        draw
            Which distortions.
        out : (n, n_features)
        """
        sequence = np.random.SeedSequence(draw.key, spawn_key=(draw.number,))
        generator = np.random.Generator(np.random.SFC64(sequence))
        is_rewritten = self._settings.habits or self._settings.forms
        if is_rewritten and labels is not None and self._are_digits:
            features, rows = np.take(features, rows, axis=0), np.arange(len(rows))
            with self._light_ink(features):
                self._pens.write(features, labels, draw.strength, generator)
        if self._settings.moves_pixels:
            matrices, fields = self._distorter.draw(generator, len(rows), draw.strength)
            warp_for(self._ops)(features, rows, matrices, fields, self._background, out)
        else:
            np.take(features, rows, axis=0, out=out)
        if self._settings.stroke or self._settings.blur:
            with self._light_ink(out):
                self._pens.finish(out, draw.strength, generator)
        if self._settings.swap:
            swap_pixels(out, draw.strength * self._settings.swap, generator)

    @contextmanager
    def _light_ink(self, rows: NDArray[np.uint8]) -> Iterator[None]:
        """Make images have light ink on a background of 0 for a while, in place."""
        if self._background:
            np.subtract(255, rows, out=rows)
        yield
        if self._background:
            np.subtract(255, rows, out=rows)


def swap_pixels(
    images: NDArray[np.uint8], probability: float, generator: np.random.Generator
) -> None:
    """Replace pixels of images ``(n, d)``, at random, by the same pixel of another image.

    So every pixel keeps its distribution, and the network learns not to depend on any single one.
    It is like dropout of the inputs, but images do not become fainter. ``probability`` is rounded
    to 1/256.
    """
    others = images[generator.permutation(len(images))]
    bytes_ = np.frombuffer(generator.bytes(images.size), np.uint8).reshape(images.shape)
    # a masked copy takes pixels one by one; exclusive or takes many at a time
    mask = np.negative((bytes_ < round(256 * probability)).view(np.uint8))
    others ^= images
    others &= mask
    images ^= others
