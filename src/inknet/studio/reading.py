"""Answers about pictures and numbers that a request brings."""

from __future__ import annotations

import binascii
import os
from base64 import b64decode
from io import BytesIO
from pathlib import Path
from tempfile import mkstemp
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inknet.data.images import FORMATS, LONGEST_SIDE
from inknet.data.warning_filter import warnings_ignored
from inknet.errors import InputError
from inknet.mlp import MLP
from inknet.photo.opening import LONGEST

MOST_PIXELS = 40_000_000
MOST_NUMBERS = 1_000_000
TOO_MANY_PIXELS = "This picture has too many pixels; the studio reads at most 40 million."
NO_FEATURES = "The features are not rows of numbers of one length."


def answer_picture(model: MLP, content: bytes) -> dict[str, Any]:
    """Return what a model reads in the file of a picture, as ``inknet predict --json`` prints it.

    Raises
    ------
    InputError
        If it is no picture, is damaged or has too many pixels.
    """
    if not content:
        raise InputError("There is no picture in this request.")
    model.picture_reader()  # refuses a model of other data
    pixels = _plain_pixels(content)
    if pixels is not None:
        return model.read(pixels).to_dict()
    number, name = mkstemp()
    path = Path(name)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(content)
        return {**model.read(path).to_dict(), "image": None}
    except InputError as error:
        reason = str(error).removeprefix(f"{path}: ")
        if reason.startswith("not an image"):
            formats = reason.partition("one of ")[2]
            raise InputError(
                f"This is not a picture that inknet can open; it reads {formats}."
            ) from None
        if reason.startswith("cannot be read as an image"):
            raise InputError("This picture is damaged or cut off.") from None
        raise InputError(f"This picture cannot be read: {reason}.") from None
    finally:
        path.unlink(missing_ok=True)


def _plain_pixels(content: bytes) -> NDArray[np.uint8] | None:
    """Return the pixels of a small PNG of grey levels or colours, perhaps with opacity.

    None for all other files. One of too many pixels is refused before any is decoded.
    """
    from PIL import Image

    try:
        with warnings_ignored(), Image.open(BytesIO(content), formats=FORMATS) as image:
            (width, height), mode = image.size, image.mode
            is_plain = image.format == "PNG" and mode in ("L", "RGB", "RGBA") and not image.info
            if is_plain and max(width, height) <= LONGEST and not image.getexif():
                return np.asarray(image)
    except Image.DecompressionBombError:
        raise InputError(TOO_MANY_PIXELS) from None
    except Exception:  # what it is, and why it cannot be read, is found when it is read
        return None
    if width * height > MOST_PIXELS or max(width, height) > LONGEST_SIDE:
        raise InputError(TOO_MANY_PIXELS)
    return None


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
        X = np.array(features)
    except (TypeError, ValueError, OverflowError, RecursionError):
        raise InputError(NO_FEATURES) from None
    if X.dtype.kind not in "iuf":  # text of numbers is no number
        raise InputError(NO_FEATURES)
    X = X.astype(np.float64)
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
