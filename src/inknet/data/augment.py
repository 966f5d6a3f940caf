"""Random distortions of images, drawn again for every image in every epoch.

A digit stays the same digit if it is rotated a little, slanted, stretched, moved or written with a
shaky hand. A network that never sees the same image twice cannot memorize its images.

Each pixel of the new image is looked up at some position in the old image. For the pixel in row y
and column x, counted from the centre of the image, that position is ::

    (v, u) = M (y, x) + shift + field(y, x)

This module draws the matrix M, the shift and the field; `warp` (in `nn.ops.images`) looks up the
pixels.

**Affine.** M is a rotation by an angle θ, times a horizontal shear by an angle φ, times a scale for
each axis::

    M = [ cos θ  -sin θ ]   [ 1       0 ]   [ s_y   0  ]
        [ sin θ   cos θ ] · [ tan φ   1 ] · [ 0    s_x ]

θ and φ are uniform within ± the given angles, s_y and s_x within 1 ± scale, and the shift in each
direction within ± the given number of pixels. (Cireşan, Meier, Gambardella and Schmidhuber 2010,
"Deep, big, simple neural nets excel on handwritten digit recognition", section 2. They rotate and
shear the digits 1 and 7 only half as far, because one could be mistaken for the other; here that
made no difference.)

**Elastic.** Every pixel is displaced at random, and the displacements are smoothed so that
neighbours move together. (Simard, Steinkraus and Platt 2003, "Best practices for convolutional
neural networks applied to visual document analysis", section 2.) With noise N uniform in ± alpha
and the Gaussian of width sigma as a matrix G for each axis, in each direction ::

    field = G_y · N · G_xᵀ        G_ij = exp(-(i - j)² / 2 sigma²) / (sigma · sqrt(2 π))

Smoothing leaves only the slow waves of the noise. The waves are the singular vectors of the two
matrices G, and the products of their singular values say how strong each pattern is.
`elastic_patterns` keeps the patterns that have all but a thousandth of the variance. A field is
then drawn as a mixture of about twenty patterns instead of 784 displacements, at a tenth of the
cost. (The factors of the mixture are independent normal numbers, so its covariance is that of the
smoothed noise. The smoothed noise is a sum of hundreds of uniform numbers, so it is very nearly
normal as well.)
"""

from __future__ import annotations

from math import pi, sqrt

import numpy as np
from numpy.typing import NDArray

from inknet.errors import InputError

SHARE_KEPT = 0.999
"""The fraction of the variance of an elastic field that its patterns keep."""

LARGEST_SIDE = 1024
LARGEST_PATTERNS = 1 << 26
"""Limits of elastic fields: the side of an image in pixels, and the values in all patterns."""

Single = NDArray[np.float32]


class Distorter:
    """Draws random distortions of images.

    Parameters
    ----------
    image_shape : (height, width)
        In pixels.
    rotation, shear
        The largest angles, in degrees.
    scale
        The largest change of height and width, as a fraction of them.
    shift
        The largest shift in each direction, in pixels.
    elastic_alpha
        The largest displacement before smoothing, in pixels; 0 for no elastic field.
    elastic_sigma
        The standard deviation of the Gaussian that smooths the displacements, in pixels.
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
    ) -> None:
        self.image_shape = image_shape
        self.rotation, self.shear, self.scale, self.shift = rotation, shear, scale, shift
        self._patterns = np.empty((0, image_shape[0] * image_shape[1]), np.float32)
        if elastic_alpha:
            self._patterns = elastic_patterns(image_shape, elastic_alpha, elastic_sigma)

    def draw(
        self, generator: np.random.Generator, n: int, strength: float = 1.0
    ) -> tuple[Single, Single]:
        """Draw a distortion for each of n images.

        Parameters
        ----------
        generator
            The source of randomness.
        strength
            A factor on every distortion: 1 is the full strength, 0 leaves the images unchanged.

        Returns
        -------
        matrices : (n, 2, 3) float32
            ``[M | t]``, for rows and columns counted from the upper left corner.
        fields : (n, 2, height, width) float32
            The displacement of each pixel, downwards and to the right.
        """
        height, width = self.image_shape
        # six rows: rotation, shear, two scales, two shifts
        rotation, shear, *others = strength * generator.uniform(-1, 1, (6, n))
        linear = self._linear(rotation, shear, others[0], others[1])
        centre = np.array([(height - 1) / 2, (width - 1) / 2])
        shift = self.shift * np.stack(others[2:], axis=1)
        matrices = np.empty((n, 2, 3), np.float32)
        matrices[:, :, :2] = linear
        matrices[:, :, 2] = centre + shift - linear @ centre
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
        """Return M ``(n, 2, 2)``; each argument is a fraction of its maximum, from -1 to 1."""
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

    Take ``G = U S Vᵀ`` for each axis, and noise N of uncorrelated numbers with one variance. Then
    the numbers in ``Z = V_yᵀ N V_x`` are uncorrelated with the same variance, and
    ``G_y N G_xᵀ = sum_ij Z_ij · (s_i u_i) (s_j u_j)ᵀ``: one pattern for each pair of waves.
    Uniform noise in ± alpha has the variance ``alpha² / 3``.

    Raises
    ------
    InputError
        If the patterns would not fit in memory: the images are too large, or sigma too small.
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
            f"elastic_sigma is {sigma:g}, too small for images of {height}×{width}: each field "
            f"would be a mixture of {n_kept:,} patterns"
        )
    i, j = np.unravel_index(order[:n_kept], size.shape)
    factors = alpha / sqrt(3) * size[i, j]
    patterns = np.einsum("k,yk,xk->kyx", factors, waves_y[:, i], waves_x[:, j])
    single: Single = patterns.reshape(n_kept, -1).astype(np.float32)
    return single


def _waves(n: int, sigma: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return left singular vectors and singular values of the matrix that smooths n pixels."""
    distance = np.subtract.outer(np.arange(n), np.arange(n))
    smoothing = np.exp(-(distance**2) / (2 * sigma**2)) / (sigma * sqrt(2 * pi))
    waves, sizes, _ = np.linalg.svd(smoothing)
    return waves, sizes
