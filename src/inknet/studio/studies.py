"""What a training can be made of: recipes and sources; and the tables of studies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inknet.data.mnist import has_mnist
from inknet.data.public import PUBLISHED, is_present
from inknet.errors import InputError
from inknet.recipes import load_recipe, recipe_names
from inknet.recipes.keys import Key, about, described_keys
from inknet.studio.trainings import UNTOUCHED, Trainings


def recipes() -> list[dict[str, str]]:
    """Return the recipes of inknet, the default first."""
    names = sorted(recipe_names(), key=lambda name: (name != "digits", name))
    return [{"name": name, "about": about(name)} for name in names]


def sources() -> list[dict[str, Any]]:
    """Return the sources of data that have a name, and whether they are on this machine."""
    sample = {"name": "sample", "about": "5,000 digits of MNIST, in the package", "present": True}
    mnist = {"name": "mnist", "about": "MNIST: 70,000 digits", "present": has_mnist()}
    others = [
        {
            "name": name,
            "about": f"{one.title}: {sum(one.counts):,} images",
            "present": is_present(one),
        }
        for name, one in PUBLISHED.items()
    ]
    return [mnist, sample, *others] if mnist["present"] else [sample, mnist, *others]


def checked(trainings: Trainings, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return whether a request for a training is right, and all keys as it sets them."""
    error = None
    try:
        recipe = trainings.recipe(request)
    except InputError as problem:
        error = str(problem)
        name = request.get("recipe")
        recipe = load_recipe(str(name) if name in recipe_names() else "digits")
    keys = [key for key in described_keys(recipe) if key.name not in UNTOUCHED]
    return {"ok": error is None, "error": error, "recipe": [_plain(key) for key in keys]}


def _plain(key: Key) -> dict[str, Any]:
    choices = list(key.choices) or None
    return {
        "key": key.name,
        "value": key.value,
        "default": key.default,
        "allowed": key.allowed,
        "meaning": key.meaning,
        "choices": choices,
    }


def names(root: Path | None) -> list[dict[str, str]]:
    """Return the studies in a folder that can be read."""
    from inknet.experiments.results import study_folders

    found = []
    for folder in [] if root is None else study_folders(root):
        try:
            study = folder.study()
        except InputError:
            continue
        found.append({"name": folder.folder.name, "title": study.title})
    return found


def table(root: Path | None, name: str) -> dict[str, Any]:
    """Return a study as columns and rows."""
    from inknet.experiments.results import StudyFolder
    from inknet.experiments.summary import summarize
    from inknet.experiments.tables import cells, headings

    if root is None or name not in [one["name"] for one in names(root)]:
        raise InputError(f"There is no study called {name[:100]!r} here.")
    folder = StudyFolder(root / name)
    study = folder.study()
    summary = summarize(study, folder)
    return {"title": study.title, "columns": headings(summary), "rows": cells(summary)}
