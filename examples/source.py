"""A new source of data: a function that returns a `Dataset`, under a name of its own.

Three spirals wind around each other; which one is a point on?
"""

import numpy as np

from inknet.data import Dataset
from inknet.data.sources import NAMED
from inknet.recipes import load_recipe
from inknet.runs.prepare import prepare


def spirals(n: int = 600) -> Dataset:
    """Return n points of each spiral, with a little noise."""
    generator = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), n)
    radius = np.tile(np.linspace(0.1, 1, n), 3)
    angle = 2 * np.pi * (labels / 3 + radius) + generator.normal(0, 0.15, 3 * n)
    points = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    names = ("red", "green", "blue")
    return Dataset(points, labels, names, None, "spirals", feature_names=("x", "y"))


NAMED["spirals"] = spirals  # from now on, it is a source like mnist
changes = ["training.epochs=30", "training.learning_rate=0.01", "network.hidden=[64, 32]"]
prepared = prepare(load_recipe("digits", changes, source="spirals"))
history = prepared.train()
print(f"loss {history[-1].val_loss:.3f} after {len(history)} epochs")
print(f"accuracy on the test part: {prepared.model.evaluate_on(prepared.parts.test).accuracy:.2%}")

# where each class is, as the network has it
x, y = np.meshgrid(np.linspace(-1, 1, 60), np.linspace(1, -1, 24))
classes = prepared.model.predict(np.column_stack([x.ravel(), y.ravel()])).reshape(x.shape)
print("\n".join("".join(" ░█"[k] for k in row) for row in classes))
