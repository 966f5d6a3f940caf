"""What others read: Tesseract, and the models of two tutorials with the preparation they teach.

Each reader is a function from pictures to what they say, ``""`` for nothing. One that is not
installed raises `MissingError` with a sentence.
"""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inknet.data import load

Picture: TypeAlias = NDArray[np.uint8]
Reader: TypeAlias = Callable[[Sequence[Picture]], list[str]]

TESSERACT = ("stdout", "--psm", "10", "-c", "tessedit_char_whitelist=0123456789", "tsv")
"""One character, and digits alone; as a table, whose lines say which picture they are of."""
HEIGHT = 100
"""Pixels that Tesseract is comfortable with."""


class MissingError(Exception):
    """A peer that is not installed; the text is a sentence."""


def tutorial_image(picture: Picture) -> Picture:
    """Return ``(28, 28)`` as tutorials make it: grey, resized, inverted if it is mostly light."""
    small = np.asarray(Image.fromarray(picture).convert("L").resize((28, 28)))
    return 255 - small if small.mean() > 127 else small


def _mnist() -> tuple[Picture, NDArray[np.intp], Picture, NDArray[np.intp]]:
    """Return training images, labels, test images and labels."""
    mnist = load("mnist")
    images, labels = mnist.stored().reshape(-1, 28, 28), mnist.targets
    n_train = len(mnist) - mnist.n_official_test
    return images[:n_train], labels[:n_train], images[n_train:], labels[n_train:]


def tesseract(folder: Path) -> tuple[Reader, float | None]:
    """Return Tesseract on the pictures as they are."""
    return _tesseract(lambda picture: picture), None


def tesseract_prepared(folder: Path) -> tuple[Reader, float | None]:
    """Return Tesseract on pictures of a size, polarity and margin that it is made for."""

    def prepared(picture: Picture) -> Picture:
        grey = Image.fromarray(picture).convert("L")
        share = HEIGHT / min(grey.size)
        size = (max(1, round(grey.width * share)), max(1, round(grey.height * share)))
        pixels = np.asarray(grey.resize(size, Image.Resampling.BICUBIC))
        ground = int(np.median(pixels))
        if ground < 128:
            pixels, ground = 255 - pixels, 255 - ground
        return np.pad(pixels, HEIGHT // 5, constant_values=ground)

    return _tesseract(prepared), None


def _tesseract(prepare: Callable[[Picture], Picture]) -> Reader:
    program = shutil.which("tesseract")
    if program is None:
        raise MissingError("Tesseract is not installed (Debian's `tesseract-ocr`).")

    def read(pictures: Sequence[Picture]) -> list[str]:
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder) / f"{number}.png" for number in range(len(pictures))]
            for path, picture in zip(paths, pictures, strict=True):
                Image.fromarray(prepare(picture)).save(path)
            listed = Path(folder) / "pictures.txt"  # read one after the other, by one process
            listed.write_text("".join(f"{path}\n" for path in paths), "utf-8")
            said = subprocess.run([program, listed, *TESSERACT], capture_output=True, check=True)
        texts = [""] * len(pictures)
        for line in said.stdout.decode("utf-8", "replace").splitlines()[1:]:
            cells = line.split("\t")  # the second is the number of the page, from 1
            texts[int(cells[1]) - 1] += "".join(cells[11:]).strip()
        return texts

    return read


def scikit_learn(folder: Path) -> tuple[Reader, float | None]:
    """Return scikit-learn's classifier with its defaults, and its accuracy on the test images."""
    try:
        neural_network = importlib.import_module("sklearn.neural_network")
    except ImportError:
        raise MissingError("scikit-learn is not installed (`pip install scikit-learn`).") from None
    x, y, x_test, y_test = _mnist()
    classifier = neural_network.MLPClassifier(max_iter=20, random_state=0)
    classifier.fit(x.reshape(len(x), -1) / 255.0, y)
    accuracy = float(classifier.score(x_test.reshape(len(x_test), -1) / 255.0, y_test))

    def read(pictures: Sequence[Picture]) -> list[str]:
        images = np.stack([tutorial_image(picture) for picture in pictures])
        return list(map(str, classifier.predict(images.reshape(len(images), -1) / 255.0)))

    return read, accuracy


def keras_convnet(folder: Path) -> tuple[Reader, float | None]:
    """Return the convolutional network of keras.io's first example, and its accuracy.

    https://keras.io/examples/vision/mnist_convnet/; its weights are kept in the folder.
    """
    os.environ.setdefault("KERAS_BACKEND", "jax")
    try:
        keras: Any = importlib.import_module("keras")
    except ImportError:
        raise MissingError("Keras is not installed (`pip install keras jax`).") from None
    layers = keras.layers
    x, y, x_test, y_test = _mnist()
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input(shape=(28, 28, 1)),
            layers.Conv2D(32, kernel_size=(3, 3), activation="relu"),
            layers.MaxPooling2D(pool_size=(2, 2)),
            layers.Conv2D(64, kernel_size=(3, 3), activation="relu"),
            layers.MaxPooling2D(pool_size=(2, 2)),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])

    def scaled(images: Picture) -> NDArray[np.float32]:
        return images.astype(np.float32)[..., None] / np.float32(255)

    weights = folder / "keras.weights.h5"
    if weights.exists():
        model.load_weights(weights)
    else:
        targets = keras.utils.to_categorical(y, 10)
        model.fit(scaled(x), targets, batch_size=128, epochs=15, validation_split=0.1, verbose=2)
        model.save_weights(weights)
    accuracy = float((model.predict(scaled(x_test), verbose=0).argmax(axis=1) == y_test).mean())

    def read(pictures: Sequence[Picture]) -> list[str]:
        images = np.stack([tutorial_image(picture) for picture in pictures])
        return list(map(str, model.predict(scaled(images), verbose=0).argmax(axis=1)))

    return read, accuracy


PEERS: dict[str, tuple[str, Callable[[Path], tuple[Reader, float | None]]]] = {
    "tesseract": ("Tesseract, the picture as it is", tesseract),
    "tesseract prepared": (
        "Tesseract, 100 pixels high, dark on light, with margins",
        tesseract_prepared,
    ),
    "scikit-learn": ("scikit-learn's `MLPClassifier`", scikit_learn),
    "keras": ("the convnet of keras.io", keras_convnet),
}
