"""Ensembles: networks that differ only in their seed, and predict together.

The prediction is the mean of their probabilities. It is reported separately from that of one
network, because an ensemble of N costs N trainings, and N times as much for every prediction. Its
folder has a run for each member, ``seed-0`` and so on, and ``ensemble.json``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from inknet.data import Dataset
from inknet.data.digest import source_digest
from inknet.errors import InputError
from inknet.files import refuse_link_out_of, write_text_whole
from inknet.recipes import DataRecipe, Recipe, check_readable
from inknet.report.evaluation import evaluate
from inknet.runs.folder import Run
from inknet.runs.other_data import evaluation_part
from inknet.runs.prepare import load_source, with_absolute_source
from inknet.runs.unfinished import Unfinished
from inknet.training.temperature import to_probabilities

FILE = "ensemble.json"
FORMAT = 1


def train_ensemble(
    recipe: Recipe,
    folder: Path,
    n_members: int,
    train: Callable[[Recipe, Path], Run],
    resume: Callable[[Path], Run],
    warn: Callable[[str], object] = lambda line: None,
) -> dict[str, Any]:
    """Train the members that are missing, and evaluate all together.

    Parameters
    ----------
    recipe
        The recipe of all members; the first has its seed, the others have the seeds after it.
    folder
        Where the members' runs go.
    n_members
        How many.
    train, resume
        Make the run of one member, from scratch or from its last checkpoint.
    warn
        Called with one line for each member that does not say which data it was trained on.

    Returns
    -------
    dict
        The content of ``ensemble.json``.

    Raises
    ------
    InputError
        If the source has no official test set, so that test samples of one member would be
        training samples of another; if the folder holds foreign files; or if a member, finished
        or not, is of another recipe or other data. Nothing is trained then.
    """
    recipe = with_absolute_source(recipe)
    source = recipe.data.source
    dataset = load_source(recipe.data)
    if not (recipe.data.official_test and dataset.n_official_test):
        raise InputError(
            f"{source}: has no official test set, so each seed would draw a different one; an "
            "ensemble needs one that all members share"
        )
    members = [
        recipe.model_copy(update={"seed": recipe.seed + number}) for number in range(n_members)
    ]
    _refuse_foreign_files(folder, members)
    digest = source_digest(dataset)
    for member in members:
        check_readable(member)  # the last seed may be too large, though the first is not
        _check_member(folder / f"seed-{member.seed}", member, digest, warn)
    runs = []
    for member in members:
        place = folder / f"seed-{member.seed}"
        if (place / "metrics.json").exists():
            runs.append(Run.open(place))
        elif Unfinished(place).has_checkpoint:
            runs.append(resume(place))
        else:
            runs.append(train(member, place))
        _refuse_other_data(place, runs[-1].data_digest, digest, source)
    figures = _evaluate(runs, evaluation_part(dataset))
    write_text_whole(folder / FILE, json.dumps(figures, indent=2) + "\n")
    return figures


def _refuse_foreign_files(folder: Path, members: list[Recipe]) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise InputError(f"{folder}: exists and is not a folder")
    if (folder / FILE).is_dir():
        raise InputError(f"{folder / FILE}: a folder, where a file of the ensemble belongs")
    for path in sorted(folder.iterdir()):
        if path.name != FILE and not path.name.startswith("seed-"):
            raise InputError(f"{folder}: holds {path.name}, which does not belong to an ensemble")
    for member in members:
        refuse_link_out_of(folder, folder / f"seed-{member.seed}")


def _check_member(place: Path, member: Recipe, digest: str, warn: Callable[[str], object]) -> None:
    """Refuse what is in the folder of a member, unless it is of its recipe and of these data."""
    if (place / "metrics.json").exists():
        run = Run.open(place)
        found, trained_on = run.recipe, run.data_digest
    elif (unfinished := Unfinished(place)).has_checkpoint:
        found, trained_on = unfinished.recipe(), unfinished.source_digest()
    else:
        return
    _refuse_other_data(place, trained_on, digest, member.data.source)
    if trained_on is None:
        warn(f"{place}: does not say which data it was trained on; they cannot be compared")
    else:  # the same data may have been in another place
        found = found.model_copy(update={"data": _with_source_of(found, member)})
    if found != member:
        raise InputError(f"{place}: holds a run of another recipe; choose another folder")


def _with_source_of(recipe: Recipe, other: Recipe) -> DataRecipe:
    return recipe.data.model_copy(update={"source": other.data.source})


def _refuse_other_data(place: Path, trained_on: str | None, digest: str, source: str) -> None:
    if trained_on not in (None, digest):
        raise InputError(
            f"{place}: was trained on other data than {source} has now; choose another folder"
        )


def _evaluate(runs: list[Run], test: Dataset) -> dict[str, Any]:
    """Evaluate the mean of the members' probabilities on the test data they share."""
    mean = np.zeros((len(test), test.n_classes))
    for run in runs:
        model = run.model()
        probabilities = model.logits_on(test).astype(np.float64)
        to_probabilities(probabilities, model.facts.temperature)
        mean += probabilities / len(runs)
    with np.errstate(divide="ignore"):
        together = evaluate(np.log(mean), test.targets, test.class_names)
    return {
        "format": FORMAT,
        "recipe": runs[0].recipe.name,
        "seeds": [run.recipe.seed for run in runs],
        "samples": together.n_samples,
        "errors_of_each": [run.metrics["test"]["errors"] for run in runs],
        "errors_together": together.n_errors,
        "accuracy_together": together.accuracy,
    }
