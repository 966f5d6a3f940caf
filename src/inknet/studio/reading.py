"""Answers about pictures and numbers that a request brings."""

from __future__ import annotations

import binascii
from base64 import b64decode
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inknet.errors import InputError
from inknet.mlp import MLP
from inknet.photo.opening import on_paper

MOST_PIXELS = 40_000_000
LONGEST_SIDE = 100_000
MOST_NUMBERS = 1_000_000
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
NOT_A_PICTURE = (
    "This is not a picture that inknet can open; it reads PNG, JPEG, WebP, GIF, BMP and TIFF."
)


def answer_picture(model: MLP, content: bytes) -> dict[str, Any]:
    """Return what a model reads in the file of a picture, as ``inknet predict --json`` prints it.

    Raises
    ------
    InputError
        If it is no picture, is damaged or has too many pixels.
    """
    return model.read(pixels_in(content)).to_dict()


def pixels_in(content: bytes) -> NDArray[np.uint8]:
    """Return the pixels of a picture's file, upright: ``(height, width)``, or with colours."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    if not content:
        raise InputError("There is no picture in this request.")
    try:
        with Image.open(BytesIO(content), formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS or max(image.size) > LONGEST_SIDE:
                raise InputError(
                    f"This picture has {image.width:,} × {image.height:,} pixels; the studio reads "
                    f"at most {MOST_PIXELS // 1_000_000} million."
                )
            image.load()
            ImageOps.exif_transpose(image, in_place=True)
            if image.mode in ("L", "RGB"):
                return np.asarray(image)
            mode = "RGBA" if image.has_transparency_data else "RGB"
            return on_paper(np.asarray(_eight_bits(image).convert(mode)))
    except InputError:
        raise
    except UnidentifiedImageError:
        raise InputError(NOT_A_PICTURE) from None
    except Exception:  # Pillow's decoders raise a dozen types of error on damaged files
        raise InputError("This picture is damaged or cut off.") from None


def _eight_bits(image: Any) -> Any:
    """Return an image of more than 8 bits a pixel with its range as 0 to 255."""
    from PIL import Image

    if not (image.mode.startswith("I") or image.mode == "F"):
        return image
    values = np.asarray(image, np.float64)
    low, high = float(values.min()), float(values.max())
    if not np.isfinite(high - low):
        raise InputError("This picture has values that are no numbers.")
    levels = (values - low) * (255 / max(high - low, 1e-300))
    return Image.fromarray(levels.round().astype(np.uint8))


def image_in(text: object, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Return the image ``(height, width)`` that is written as base64 of its bytes."""
    content = bytes_in(text)
    if len(content) != shape[0] * shape[1]:
        raise InputError(
            f"The image has {len(content):,} bytes; expected {shape[0]} × {shape[1]}, one a pixel."
        )
    return np.frombuffer(content, np.uint8).reshape(shape)


def bytes_in(text: object) -> bytes:
    """Return the bytes that are written as base64."""
    try:
        if not isinstance(text, str):
            raise TypeError
        return b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise InputError("The image is not base64.") from None


def answer_json(model: MLP, request: object) -> dict[str, Any]:
    """Return the answer about ``{"image": base64}`` or ``{"features": [[…]]}``.

    An image is the file of a picture, or the bytes of an image as the network sees it.
    """
    if not isinstance(request, dict) or not {"image", "features"} & set(request):
        raise InputError('Expected a picture, or JSON with "image" or "features".')
    if "features" in request:
        return _answer_features(model, request["features"])
    content, shape = bytes_in(request["image"]), model.facts.image_shape
    if shape is not None and len(content) == shape[0] * shape[1]:
        return model.read(np.frombuffer(content, np.uint8).reshape(shape)).to_dict()
    return answer_picture(model, content)


def _answer_features(model: MLP, features: object) -> dict[str, Any]:
    try:
        X = np.array(features, np.float64)
    except (TypeError, ValueError, OverflowError):
        raise InputError("The features are not rows of numbers of one length.") from None
    if X.ndim == 1:
        X = X[None]
    if X.size > MOST_NUMBERS:
        raise InputError(f"At most {MOST_NUMBERS:,} numbers in one request.")
    probabilities = model.predict_proba(X)
    names = model.facts.class_names
    return {
        "labels": [names[int(row.argmax())] for row in probabilities],
        "probabilities": [dict(zip(names, row.tolist(), strict=True)) for row in probabilities],
    }
