"""Distortions: other pictures of the same digits, drawn anew for every image in every epoch.

A digit that is turned a little, leans, is wider, sits elsewhere or was written with a shaking hand
is the same digit. A network that never sees an image twice has nothing to learn by heart.

The new image takes each of its pixels from another place of the old one. For the pixel in row y
and column x, counted from the middle of the image, that place is ::

    (v, u) = M (y, x) + shift + field(y, x)

What is here draws the matrix M, the shift and the field; `warp` (in `nn.ops.images`) looks up
the pixels.

**Affine.** M is a rotation by an angle θ, times a horizontal shear by an angle φ, times a scale for
each axis::

    M = [ cos θ  -sin θ ]   [ 1       0 ]   [ s_y   0  ]
        [ sin θ   cos θ ] · [ tan φ   1 ] · [ 0    s_x ]

θ and φ are uniform within ± the given angles, s_y and s_x within 1 ± scale, the shift in each
direction within ± so many pixels. (Cireşan, Meier, Gambardella and Schmidhuber 2010, "Deep, big,
simple neural nets excel on handwritten digit recognition", section 2. They rotate and shear a 1 and
a 7 only half as far, since one may become the other.)

**Elastic.** Every pixel is displaced at random, and the displacements are smoothed so that
neighbours move together. (Simard, Steinkraus and Platt 2003, "Best practices for convolutional
neural networks applied to visual document analysis", section 2.) With noise N uniform in ± alpha
and the Gaussian of width sigma as a matrix G for each axis, in each direction ::

    field = G_y · N · G_xᵀ        G_ij = exp(-(i - j)² / 2 sigma²) / (sigma · sqrt(2 π))

Smoothing leaves little of the noise: only slow waves. The singular vectors of the two G are the
waves, and the products of their singular values say how strong each is; `elastic_patterns` keeps
those that have all but a thousandth of the variance. So a field is drawn as a mixture of some
twenty patterns instead of 784 displacements, at a tenth of the price. (A mixture of
independent normal numbers with the same covariance. The smoothed noise is a sum of hundreds of
uniform numbers, which is normal too.)
"""

from __future__ import annotations

from collections.abc import Sequence
from math import pi, sqrt

import numpy as np
from numpy.typing import NDArray

from inknet.errors import InputError

SHARE_KEPT = 0.999
"""Of the variance of an elastic field, the part that its patterns have."""

GENTLE = 0.5
"""How far, of the whole way, images of gentle classes are rotated and sheared."""

LARGEST_SIDE = 1024
LARGEST_PATTERNS = 1 << 26
"""Limits of elastic fields: pixels of an image's side, and numbers in all patterns together."""

Single = NDArray[np.float32]


class Distorter:
    """Draws how images are distorted.

    Parameters
    ----------
    image_shape : (height, width)
        In pixels.
    rotation, shear
        The largest angles, in degrees.
    scale
        The largest change of height and width, as a fraction of them.
    shift
        The furthest way in each direction, in pixels.
    elastic_alpha
        The largest displacement before smoothing, in pixels; 0 for no elastic field.
    elastic_sigma
        How far smoothing reaches, in pixels.
    gentle
        The labels of classes that are rotated and sheared half as far.
    """

    def __init__(
        self,
        image_shape: tuple[int, int],
        *,
        rotation: float = 0.0,
        shear: float = 0.0,
        scale: float = 0.0,
        shift: float = 0.0,
        elastic_alpha: float = 0.0,
        elastic_sigma: float = 5.5,
        gentle: Sequence[int] = (),
    ) -> None:
        self.image_shape = image_shape
        self.rotation, self.shear, self.scale, self.shift = rotation, shear, scale, shift
        self.gentle = np.array(gentle, np.intp)
        self._patterns = np.empty((0, image_shape[0] * image_shape[1]), np.float32)
        if elastic_alpha:
            self._patterns = elastic_patterns(image_shape, elastic_alpha, elastic_sigma)

    def draw(
        self, generator: np.random.Generator, labels: NDArray[np.integer], strength: float = 1.0
    ) -> tuple[Single, Single]:
        """Draw a distortion for each of n images.

        Parameters
        ----------
        generator
            The source of all that is random.
        labels : (n,)
            The class of each image.
        strength
            How far to go, of the whole way, with each of them; 0 leaves the images as they are.

        Returns
        -------
        matrices : (n, 2, 3) float32
            ``[M | t]``, for rows and columns counted from the upper left corner.
        fields : (n, 2, height, width) float32
            The displacements of each pixel, downwards and to the right.
        """
        n, (height, width) = len(labels), self.image_shape
        # one row for each of rotation, shear, the two scales and the two shifts
        rotation, shear, *others = strength * generator.uniform(-1, 1, (6, n))
        share = np.where(np.isin(labels, self.gentle), GENTLE, 1.0)
        linear = self._linear(share * rotation, share * shear, others[0], others[1])
        middle = np.array([(height - 1) / 2, (width - 1) / 2])
        shift = self.shift * np.stack(others[2:], axis=1)
        matrices = np.empty((n, 2, 3), np.float32)
        matrices[:, :, :2] = linear
        matrices[:, :, 2] = middle + shift - linear @ middle
        mixture = generator.standard_normal((2 * n, len(self._patterns)), np.float32)
        mixture *= np.float32(strength)
        return matrices, (mixture @ self._patterns).reshape(n, 2, height, width)

    def _linear(
        self,
        rotation: NDArray[np.float64],
        shear: NDArray[np.float64],
        scale_y: NDArray[np.float64],
        scale_x: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Return M ``(n, 2, 2)``, given how far to go of each, from -1 to 1."""
        angle = np.radians(self.rotation) * rotation
        slope = np.tan(np.radians(self.shear) * shear)
        cos, sin = np.cos(angle), np.sin(angle)
        tall, wide = 1 + self.scale * scale_y, 1 + self.scale * scale_x
        rows = [
            [(cos - sin * slope) * tall, -sin * wide],
            [(sin + cos * slope) * tall, cos * wide],
        ]
        return np.moveaxis(np.array(rows), -1, 0)


def elastic_patterns(image_shape: tuple[int, int], alpha: float, sigma: float) -> Single:
    """Return patterns ``(k, height · width)`` whose mixtures are smoothed uniform noise.

    With ``G = U S Vᵀ`` for each axis, and a noise N of independent numbers of one variance, so is
    ``Z = V_yᵀ N V_x``, and ``G_y N G_xᵀ = sum_ij Z_ij · (s_i u_i) (s_j u_j)ᵀ``: one pattern for
    each pair of waves. Uniform noise in ± alpha has the variance ``alpha² / 3``.

    Raises
    ------
    InputError
        If the patterns would not fit in memory: for large images, and waves that are short.
    """
    height, width = image_shape
    if max(image_shape) > LARGEST_SIDE:
        raise InputError(
            f"elastic distortions of images of {height}×{width}; expected at most "
            f"{LARGEST_SIDE}×{LARGEST_SIDE}"
        )
    (waves_y, size_y), (waves_x, size_x) = (_waves(n, sigma) for n in image_shape)
    size = np.outer(size_y, size_x)
    order = np.argsort(-size, axis=None, kind="stable")
    variance = np.cumsum(size.ravel()[order] ** 2)
    n_kept = 1 + int(np.searchsorted(variance, SHARE_KEPT * variance[-1]))
    if n_kept * height * width > LARGEST_PATTERNS:
        raise InputError(
            f"elastic_sigma is {sigma:g}; for images of {height}×{width} expected more, fields "
            f"would be mixtures of {n_kept:,} patterns"
        )
    i, j = np.unravel_index(order[:n_kept], size.shape)
    factors = alpha / sqrt(3) * size[i, j]
    patterns = np.einsum("k,yk,xk->kyx", factors, waves_y[:, i], waves_x[:, j])
    single: Single = patterns.reshape(n_kept, -1).astype(np.float32)
    return single


def _waves(n: int, sigma: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the left singular vectors and the singular values of smoothing n pixels in a row."""
    distance = np.subtract.outer(np.arange(n), np.arange(n))
    smoothing = np.exp(-(distance**2) / (2 * sigma**2)) / (sigma * sqrt(2 * pi))
    waves, sizes, _ = np.linalg.svd(smoothing)
    return waves, sizes
