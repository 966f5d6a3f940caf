"""Open a picture of any kind: its colours, upright, not larger than needed.

A photo has many more pixels than a digit needs. Averaging blocks of them also removes noise.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inknet.data.images import EXIF_ORIENTATION, open_image
from inknet.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

Picture = NDArray[np.uint8]

LONGEST = 640
"""Pictures are reduced by a whole factor so that their longest side is about this long."""
BLOCK = 1 << 20
"""Pixels converted at once: some modes need many times the memory of the picture."""
MOSTLY_OPAQUE = 0.6
"""Where more than this is opaque, paper was drawn too; otherwise only the ink is opaque."""


def open_picture(path: Path, longest: int = LONGEST) -> Picture:
    """Read a picture as colours ``(height, width, 3)`` uint8, turned upright and reduced.

    Behind transparent pixels is the paper: white or black, whichever differs more from the ink.

    Raises
    ------
    InputError
        If the file is missing, damaged, not an image of a known format, or too large; see
        `inknet.data.images.read_image`.
    """
    return open_with_shape(path, longest)[0]


def open_with_shape(path: Path, longest: int = LONGEST) -> tuple[Picture, tuple[int, int]]:
    """Read a picture as `open_picture` does; return also its height and width in the file."""
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    with open_image(path) as image:
        width, height = image.size
        if image.format == "JPEG":  # decoding a smaller picture takes much less time
            share = longest / max(image.size)
            image.draft(None, (int(share * width), int(share * height)))
            image.load()
        else:
            image.load()
            width, height = image.size
        orientation = image.getexif().get(EXIF_ORIENTATION, 1)  # TIFF is upright once it is loaded
        turn = turns.get(orientation)
        colours = _reduced(image, max(1, round(max(image.size) / longest)))
    picture = on_paper(np.asarray(colours if turn is None else colours.transpose(turn)))
    return picture, (width, height) if turn is not None and orientation >= 5 else (height, width)


def picture_of(pixels: NDArray[Any], longest: int = LONGEST) -> Picture:
    """Return a picture of an array as `open_picture` does of a file.

    Parameters
    ----------
    pixels : (height, width), or (height, width, 3 or 4) uint8
        Grey levels or colours, perhaps with opacity.
    """
    image = as_image(pixels)
    return on_paper(np.asarray(_reduced(image, max(1, round(max(image.size) / longest)))))


def as_image(pixels: NDArray[Any]) -> Image:
    """Return pixels as an image of Pillow.

    Raises
    ------
    InputError
        If they are no picture, see `picture_of`.
    """
    from PIL import Image

    expected = "expected a picture, (height, width) or (height, width, 3 or 4) of type uint8"
    is_flat = pixels.ndim == 2
    if not is_flat and not (pixels.ndim == 3 and pixels.shape[2] in (3, 4)):
        raise InputError(f"the picture is an array of shape {pixels.shape}; {expected}")
    if pixels.size == 0:
        raise InputError(f"the picture is empty, of shape {pixels.shape}; {expected}")
    if isinstance(pixels, np.ma.MaskedArray):
        raise InputError("the picture is a masked array; fill in what is masked")
    if pixels.dtype != np.uint8:
        raise InputError(f"the picture is of type {pixels.dtype}; {expected}: {_remedy(pixels)}")
    return Image.fromarray(np.ascontiguousarray(pixels))


def _remedy(pixels: NDArray[Any]) -> str:
    """Return how pixels of another type become uint8."""
    if pixels.dtype == bool:
        return "pass 255 * picture.astype(np.uint8)"
    if pixels.dtype.kind == "f":
        if not np.isfinite(pixels).all():
            return "it has values that are not finite"
        return "pass (255 * picture).astype(np.uint8) if it is from 0 to 1"
    return "bring it to 0 to 255 and pass picture.astype(np.uint8)"


def on_paper(colours: Picture) -> Picture:
    """Return a picture ``(height, width, 3)`` of one ``(height, width, 3 or 4)``.

    Where paper was drawn too, it goes on behind the transparent pixels.
    """
    if colours.shape[2] == 3:
        return colours
    opacity = colours[:, :, 3:] / np.float32(255)
    ink = colours[:, :, :3] * opacity
    alpha = colours[:, :, 3:].astype(np.int64)
    if alpha.mean() > MOSTLY_OPAQUE * 255:
        paper = np.median(colours[opacity[:, :, 0] > 0.5, :3], axis=0).astype(np.float32)
    else:
        is_dark = int((alpha * colours[:, :, :3]).sum()) < 128 * 3 * max(int(alpha.sum()), 1)
        paper = np.full(3, 255 if is_dark else 0, np.float32)
    picture: Picture = np.rint(ink + (1 - opacity) * paper).astype(np.uint8)
    return picture


def _range(image: Image) -> tuple[float, float]:
    """Return the values that become 0 and 255; files with more than 8 bits use any range."""
    if not (image.mode.startswith("I") or image.mode == "F"):
        return 0.0, 255.0
    low, high = image.getextrema()
    if not (isinstance(low, int | float) and isinstance(high, int | float)):
        raise ValueError("its pixels are of an unknown kind")
    if not np.isfinite(high - low):
        raise ValueError("its pixels are not finite")
    return float(low), float(high)


def _reduced(image: Image, factor: int) -> Image:
    """Return an image of mode RGB or RGBA, each pixel the mean of ``factor`` × ``factor``."""
    from PIL import Image as PillowImage

    mode = "RGBA" if image.has_transparency_data else "RGB"
    size = tuple(-(-side // factor) for side in image.size)
    result = PillowImage.new(mode, (size[0], size[1]))
    low, high = _range(image)
    n_columns = -(-min(image.width, BLOCK // factor) // factor) * factor
    n_rows = max(1, BLOCK // n_columns // factor) * factor
    for top, left in product(range(0, image.height, n_rows), range(0, image.width, n_columns)):
        right, bottom = min(left + n_columns, image.width), min(top + n_rows, image.height)
        block = image.crop((left, top, right, bottom))
        if block.mode.startswith("I") or block.mode == "F":
            values = (np.asarray(block, np.float64) - low) * (255 / max(high - low, 1e-300))
            block = PillowImage.fromarray(values.clip(0, 255).round().astype(np.uint8))
        block = block.convert(mode)
        place = (left // factor, top // factor)
        result.paste(block.reduce(factor) if factor > 1 else block, place)
    return result
