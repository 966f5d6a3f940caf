"""Read a picture from a file, and scale and centre it as a network expects."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inknet.data.warning_filter import warning_filter
from inknet.errors import InputError, InputWarning, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")  # PPM is PGM and PBM too
PAGED = ("GIF", "TIFF", "WEBP")  # may have more than one picture
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
AVIF_BRANDS = (b"avif", b"avis")
EXIF_ORIENTATION = 0x0112
TIFF_SIDES = (0x0100, 0x0101)  # width and height
TIFF_TILE = (0x0142, 0x0143)  # width and height
MOST_PIXELS = 50_000_000  # as many as the cameras of phones take
LONGEST_SIDE = 100_000  # pixels; decoders and conversions keep several copies of a row
STRIP = 1 << 20  # pixels converted to grey levels at once
FAINTEST_INK = 16  # grey levels; a picture with less contrast than this counts as blank
SIDE_LOOKED_AT = 1024  # pixels, for the colour behind transparent ones
MOSTLY_OPAQUE = 0.6  # of a picture; otherwise only the ink is opaque
PLAIN = 32  # grey levels around their median in which most of the pixels of a plain border are


def read_image(path: Path) -> NDArray[np.uint8]:
    """Read a picture as grey levels, turned upright.

    Behind transparent pixels is white, or black if the ink is light.

    Returns
    -------
    (height, width) uint8
        0 is black, 255 is white.

    Raises
    ------
    InputError
        If the file is missing, damaged, not a PNG, JPEG, BMP, GIF, TIFF, WebP, PGM, PPM, HEIC or
        AVIF image, or too large (above 50 megapixels, or 25 for WebP, HEIC, AVIF and progressive
        JPEG, or 100,000 pixels on a side).
    """
    from PIL import ImageOps

    with open_image(path) as image:
        image.load()  # TIFF is upright once it is loaded
        ImageOps.exif_transpose(image, in_place=True)
        return grey_levels(image)


def read_image_shape(path: Path) -> tuple[int, int]:
    """Return the ``(height, width)`` that `read_image` would give, from the header only.

    Raises
    ------
    InputError
        As `read_image`, except that damaged pixels are not noticed.
    """
    with open_image(path) as image:
        tags: Any = image.getexif()
        width, height = image.size
        if image.format == "TIFF":  # not every version of Pillow turns these sides already
            width, height = tags.get(TIFF_SIDES[0], width), tags.get(TIFF_SIDES[1], height)
        on_its_side = tags.get(EXIF_ORIENTATION, 1) >= 5
        return (width, height) if on_its_side else (height, width)


@contextmanager
def open_image(path: Path) -> Iterator[Image]:
    """Open a picture, or the first of several in a file, with a warning.

    Every error while it is open becomes an `InputError` of one line.
    """
    from PIL import Image, UnidentifiedImageError

    if path.exists() and not path.is_file():
        raise InputError(f"{path}: not a file, expected an image")
    try:
        # Pillow warns of odd metadata, which is not used
        with warning_filter("ignore"), Image.open(path, formats=_formats(path)) as image:
            _check_size(path, image)
            yield image
            has_more = _has_more_pages(path, image)
    except InputError:
        raise
    except UnidentifiedImageError as error:
        names = ", ".join((*FORMATS, "HEIC", "AVIF"))
        raise InputError(f"{path}: not an image, expected one of {names}") from error
    except Image.DecompressionBombError as error:
        raise InputError(f"{path}: too many pixels ({error})") from error
    except Exception as error:  # Pillow's decoders raise a dozen types of error on damaged files
        reason = quoted(getattr(error, "strerror", None) or error)
        raise InputError(f"{path}: cannot be read as an image ({reason})") from error
    if has_more:
        more = f"{path}: has more than one page or frame; only the first is read"
        warnings.warn(more, InputWarning, stacklevel=2)


def _has_more_pages(path: Path, image: Image) -> bool:
    """Return whether the file of a picture has pages or frames after the first."""
    from PIL import Image as PillowImage

    if image.format not in PAGED:
        return False
    try:
        with PillowImage.open(path, formats=(image.format,)) as again:
            again.seek(1)
    except Exception:  # there is none, or it is damaged
        return False
    return True


def _formats(path: Path) -> tuple[str, ...]:
    """Return the formats of Pillow that a file may have.

    Those of the family of HEIF are known by their header, and need a decoder that may be missing.
    """
    with path.open("rb") as file:
        header = file.read(12)
    if header[4:8] != b"ftyp":
        return FORMATS
    if header[8:12] in AVIF_BRANDS:
        from PIL import features

        if not features.check("avif"):
            raise InputError(
                f"{path}: an AVIF picture, which needs Pillow 11.3; or convert it to JPEG"
            )
        return ("AVIF",)
    if header[8:12] not in HEIC_BRANDS:
        return FORMATS
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        raise InputError(
            f"{path}: a HEIC picture needs the package pillow-heif; install it with: "
            "pip install 'inknet[heic]', or convert the picture to JPEG"
        ) from None
    register_heif_opener()
    return ("HEIF",)


def _check_size(path: Path, image: Image) -> None:
    """Refuse a picture that would take half a gigabyte of memory, before it is decoded."""
    most = MOST_PIXELS
    if image.format in ("WEBP", "HEIF", "AVIF") or "progressive" in image.info:
        most //= 2  # their decoders keep several copies of the picture
    width, height = image.size
    if image.format == "TIFF":  # tiles are decoded whole, however small the picture is
        tags: Any = image.getexif()
        width, height = (
            max(width, tags.get(TIFF_TILE[0], 0)),
            max(height, tags.get(TIFF_TILE[1], 0)),
        )
    if width * height > most:
        raise InputError(
            f"{path}: {width:,}×{height:,} are too many pixels, "
            f"expected at most {most // 1_000_000} million"
        )
    if max(width, height) > LONGEST_SIDE:
        raise InputError(
            f"{path}: {width:,}×{height:,} pixels, expected at most {LONGEST_SIDE:,} on a side"
        )


def grey_levels(image: Image) -> NDArray[np.uint8]:
    """Convert a picture in any of Pillow's modes to ``(height, width)`` uint8 grey levels.

    It is converted in strips, because some modes need many times the memory of the picture.
    """
    image.load()
    grey = np.empty((image.height, image.width), np.uint8)
    n_rows = max(1, STRIP // image.width)
    strips = [slice(top, top + n_rows) for top in range(0, image.height, n_rows)]
    low, high = 0.0, 255.0
    paper = _paper_behind(image)
    if image.mode in ("I", "F"):  # files with 32 bits use any range of values: stretch it to 0–255
        ranges = [
            (values.min(), values.max()) for values in (_values(image, s, paper) for s in strips)
        ]
        low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
        if not all(np.isfinite(ends).all() for ends in ranges) or not np.isfinite(high - low):
            raise ValueError("its pixels are not finite")
    for strip in strips:
        values = _values(image, strip, paper)
        if values.dtype != np.uint8:
            values = _rounded((values - low) * (255 / max(high - low, 1e-300)))
        grey[strip] = values
    return grey


def _paper_behind(image: Image) -> str:
    """Return the colour behind transparent pixels: that from which the ink differs more.

    Where most is opaque, paper was drawn too, and goes on behind the rest.
    """
    from PIL import Image as PillowImage

    if not image.has_transparency_data:
        return "white"
    size = min(image.width, SIDE_LOOKED_AT), min(image.height, SIDE_LOOKED_AT)
    some = image if size == image.size else image.resize(size, PillowImage.Resampling.NEAREST)
    colours = np.asarray(some.convert("RGBA").convert("LA"), np.float32)
    lightness, opacity = colours[:, :, 0], colours[:, :, 1]
    is_light = bool((lightness * opacity).sum() > 127 * opacity.sum() > 0)
    has_paper = bool(opacity.mean() > MOSTLY_OPAQUE * 255)
    return "white" if is_light == has_paper else "black"


def _values(image: Image, rows: slice, paper: str) -> NDArray[Any]:
    """Return rows of a picture as grey levels, ``(k, width)``: uint8, or float64 for 32 bits."""
    from PIL import Image as PillowImage

    strip = image.crop((0, rows.start, image.width, min(rows.stop, image.height)))
    if strip.mode.startswith("I;16"):
        return (np.asarray(strip) >> 8).astype(np.uint8)
    if strip.mode in ("I", "F"):
        return np.asarray(strip, np.float64)
    if strip.has_transparency_data:
        strip = strip.convert("RGBA")
        strip = PillowImage.alpha_composite(PillowImage.new("RGBA", strip.size, paper), strip)
    return np.asarray(strip.convert("L"))


def _rounded(values: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Round to the nearest grey level."""
    return values.clip(0, 255).round().astype(np.uint8)


def border_pixels(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the pixels along the four edges of a ``(height, width)`` picture, ``(n,)``."""
    return np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])


def has_light_background(border: NDArray[np.uint8]) -> bool:
    """Return whether the background is light, by the pixels along the edges, where ink is rare."""
    return bool(np.median(border) > 127)


def has_plain_border(grey: NDArray[np.uint8]) -> bool:
    """Return whether three quarters of the pixels along the edges are of nearly the same grey.

    So it is on paper, whatever the light; in photographs of other things it is rare.
    """
    border = border_pixels(grey).astype(np.int16)
    return bool(np.mean(np.abs(border - np.median(border)) <= PLAIN) >= 0.75)


def fit_image(
    grey: NDArray[np.uint8],
    shape: tuple[int, int] = (28, 28),
    light_background: bool | None = False,
    crop: bool | None = None,
) -> NDArray[np.uint8]:
    """Make a picture like those that a network was trained on.

    One of a character is scaled and centred, so that it looks like those of MNIST.

    As the authors of MNIST did (LeCun et al. 1998, Gradient-based learning applied to document
    recognition, section III.A), the ink is scaled to fit a box of 20/28 of the picture and placed
    with its centre of mass in the middle. A picture that already has the shape, on a black or white
    background, is only inverted, and only if the other background is wanted.

    Parameters
    ----------
    grey : (height, width) uint8
        The picture, at least one pixel; dark ink on light or light ink on dark.
    shape
        The height and width of the result.
    light_background
        Whether the network was trained on dark ink on a light background. None if it was trained on
        pictures without a clear background; a picture of the right shape is then left unchanged.
    crop
        Whether to crop to the ink. If not, the picture is resized whole: on a background it is
        first extended to the proportions of the shape, otherwise what is too long is cut off at
        both ends. None crops if there is a clear background.

    Returns
    -------
    ``shape`` uint8
        Background only, if the picture is blank.
    """
    border = border_pixels(grey)
    light = has_light_background(border)
    background = float(np.median(border))
    if grey.shape == shape and light_background is None:
        return grey
    if grey.shape == shape and min(background, 255 - background) < FAINTEST_INK:
        return grey if light == light_background else 255 - grey
    if not (light_background is not None if crop is None else crop):
        inverts = light_background is not None and light != light_background
        return _resized(255 - grey if inverts else grey, shape, extend=light_background is not None)
    ink = _ink(255 - grey if light else grey, shape)
    fitted = _centred(_scaled(_cropped(ink), shape), shape)
    return 255 - fitted if light_background else fitted


def _resized(grey: NDArray[np.uint8], shape: tuple[int, int], *, extend: bool) -> NDArray[np.uint8]:
    """Resize a picture without changing its proportions: extend its border, or cut off its ends."""
    from PIL import Image

    height, width = grey.shape
    scales = shape[0] / height, shape[1] / width
    if extend:
        size = max(1, round(height * min(scales))), max(1, round(width * min(scales)))
    else:
        size = shape
        height, width = (max(1, round(to / max(scales))) for to in shape)  # of what is kept
        top, left = (grey.shape[0] - height) // 2, (grey.shape[1] - width) // 2
        grey = grey[top : top + height, left : left + width]
    small = Image.fromarray(grey).resize((size[1], size[0]), Image.Resampling.LANCZOS)
    resized = np.full(shape, np.median(border_pixels(grey)), np.uint8)
    top, left = (shape[0] - size[0]) // 2, (shape[1] - size[1]) // 2
    resized[top : top + size[0], left : left + size[1]] = np.asarray(small)
    return resized


def _ink(grey: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Stretch light ink on a dark background: background becomes 0, the strongest ink 255."""
    from PIL import Image

    # A photo has more pixels than needed. Averaging blocks of them also removes noise.
    factor = max(grey.shape) // (32 * max(shape))
    if factor > 1:
        grey = np.asarray(Image.fromarray(grey).reduce(factor))
    background = float(np.median(border_pixels(grey)))
    contrast = float(grey.max()) - background
    if contrast < FAINTEST_INK:
        return np.zeros_like(grey)
    return _rounded((grey - np.float32(background)) * np.float32(255 / contrast))


def _cropped(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Crop to the box that holds the ink; return the whole picture if it has none."""
    # Grain and shadows of the paper are fainter than this. Strokes are stronger, except at edges.
    strong = ink > 64
    rows, columns = np.flatnonzero(strong.any(axis=1)), np.flatnonzero(strong.any(axis=0))
    if len(rows) == 0:
        return ink
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _scaled(ink: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Scale the ink with antialiasing, so that it just fits 20/28 of the shape."""
    from PIL import Image

    height, width = ink.shape
    scale = 20 / 28 * min(shape[0] / height, shape[1] / width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    scaled = np.asarray(Image.fromarray(ink).resize(size, Image.Resampling.LANCZOS))
    # Thin lines become faint when they are scaled down. Bring them back to full ink.
    return _rounded(scaled * (255 / max(int(scaled.max()), 1)))


def _centred(ink: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Place the ink on an empty background with its centre of mass in the middle.

    If some of the ink would be cut off there, it is moved back until all of it fits.
    """
    centred = np.zeros(shape, np.uint8)
    weight = max(float(ink.sum()), 1.0)
    corner = []
    for axis, length in enumerate(shape):
        profile = ink.sum(axis=1 - axis)
        centre = float(profile @ np.arange(len(profile))) / weight
        corner.append(int(np.clip(round(length / 2 - centre), 0, length - len(profile))))
    top, left = corner
    centred[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return centred
