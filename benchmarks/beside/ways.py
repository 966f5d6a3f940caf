"""The ways to do the task, and what each of them lacks."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.conductor import ROOT

PROGRAMS = Path(__file__).with_name("programs")
SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Way:
    """A way to do the task.

    Attributes
    ----------
    title : str
        As in the tables.
    program : str
        The name of its file in ``programs``.
    packages : tuple of str
        What pip is asked to install, all that the program imports.
    missing : tuple of str
        What a person who goes this way does without, or has to write: a sentence each.
    seeds : tuple of int
        One for each run.
    environment : dict
        Environment variables that the program is to have.
    """

    title: str
    program: str
    packages: tuple[str, ...]
    missing: tuple[str, ...]
    seeds: tuple[int, ...] = SEEDS
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """The file of the program."""
        return PROGRAMS / f"{self.program}.py"

    @property
    def source(self) -> str:
        """The text of the program."""
        return self.path.read_text("utf-8")

    def digest(self) -> str:
        """Return a short digest of the program."""
        return hashlib.sha256(self.source.encode()).hexdigest()[:12]


PICTURES_ALONE = (
    "Nothing prepares a photograph: a few lines expect white paper and a digit in the middle."
)
SCALE_OUTSIDE = "It does not know that pixels are divided by 255."

WAYS = {
    "nielsen": Way(
        "Nielsen's style",
        "nielsen",
        ("numpy", "matplotlib"),
        (
            "What is more than gradient descent must be written: momentum, Adam, dropout.",
            "Another activation, layer or loss is derived by hand, and nothing checks it.",
            "The file has the arrays alone, without the activations. " + SCALE_OUTSIDE,
            PICTURES_ALONE,
        ),
    ),
    "micrograd": Way(
        "micrograd's style",
        "micrograd",
        ("numpy", "matplotlib"),
        (
            "Speed: every product and every sum is an object of its own.",
            "Arrays: a layer is a list of neurons. So the network has 16 hidden neurons instead of "
            "512 here, and learns from one image at a time.",
            "The file has a list of numbers, without the sizes of the network. " + SCALE_OUTSIDE,
            PICTURES_ALONE,
        ),
        seeds=(0,),
    ),
    "scikit-learn": Way(
        "scikit-learn",
        "with_scikit_learn",
        ("scikit-learn", "matplotlib"),
        (
            "Dropout, batch normalization, distortions, an activation for each layer, and a "
            "schedule for Adam.",
            "A training on a GPU.",
            "The file is a pickle: loading it runs code, and another version need not read it. "
            + SCALE_OUTSIDE
            + " A pipeline would know it, but cannot be trained an epoch at a time.",
            PICTURES_ALONE,
        ),
    ),
    "keras": Way(
        "Keras, on JAX",
        "with_keras",
        ("keras", "jax", "matplotlib"),
        (
            "The computation is that of a backend, here JAX, which is chosen and installed "
            "separately.",
            "The derivatives are not there to read: the backend finds them.",
            "The file has the network. " + SCALE_OUTSIDE + " A layer `Rescaling` would know it.",
            PICTURES_ALONE,
        ),
        environment={"KERAS_BACKEND": "jax"},
    ),
    "pytorch": Way(
        "PyTorch",
        "with_pytorch",
        ("torch==2.13.0", "numpy", "matplotlib"),
        (
            "The loop over epochs and batches, the validation and the end of the training are "
            "written by oneself.",
            "The derivatives are not there to read: autograd finds them.",
            "The file of a state dict has the arrays alone: the same code must build the network "
            "first. " + SCALE_OUTSIDE,
            PICTURES_ALONE,
        ),
    ),
    "inknet": Way(
        "inknet",
        "with_inknet",
        (str(ROOT),),
        (
            "All but multi-layer perceptrons: convolution, recurrence, attention. The best "
            "accuracies on images are out of reach without them.",
            "Automatic differentiation: a new layer needs its backward pass written, which "
            "`inknet gradcheck` checks.",
            "A training on a GPU, or on several machines.",
            "Few packages: those for pictures, commands and data by name are always installed.",
            "Users, years of use, and models by others: inknet is new.",
        ),
    ),
    "inknet-fast": Way(
        "inknet with numba",
        "with_inknet",
        (f"{ROOT}[fast]",),
        (
            "As above; and the first training after the installation waits while numba compiles "
            "the loops.",
        ),
    ),
}
