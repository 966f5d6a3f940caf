"""The doctor asked about a run, about data and a recipe, or about two runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from inknet.doctor.case import Case
from inknet.doctor.checkup import checkup
from inknet.doctor.comparing import comparison
from inknet.doctor.diagnosis import diagnose
from inknet.doctor.doctor import add_opinion, add_samples
from inknet.errors import InputError
from inknet.files import as_path, refuse_link_out_of
from inknet.mlp import MLP
from inknet.recipes import Recipe
from inknet.runs.folder import Run
from inknet.runs.prepare import load_splits, prepare
from inknet.runs.unfinished import Unfinished
from inknet.seeds import Streams
from inknet.training.checkpoint import NEWEST, PREVIOUS, Checkpoint
from inknet.training.ending import EARLY_STOPPING, Ending
from inknet.training.findings import Finding, ranked
from inknet.training.history import History
from inknet.training.state import checked_values
from inknet.training.temperature import to_probabilities

SURE, HARDLY = 0.99, 0.01
MOST_LISTED = 20


def findings_of_run(folder: str | Path) -> list[Finding]:
    """Return what the doctor says of a finished or an unfinished run.

    Of a finished run these are the findings of its training, and the surest mistakes of its model
    on what it learned from. For one that was trained without a doctor, the rules that need no more
    than history, recipe and samples are asked now.

    Raises
    ------
    InputError
        If the folder holds no run, or the run no history.
    """
    folder = as_path(folder)
    if folder.is_file():
        raise InputError(
            f"{folder}: a model file alone does not say how it was trained; expected a run folder"
        )
    if Unfinished(folder).has_checkpoint and not (folder / "metrics.json").is_file():
        return _of_unfinished(folder)
    run = Run.open(folder)
    if not (folder / "history.csv").is_file():
        raise InputError(f"{folder}: has no history.csv, so it is not known how it was trained")
    recipe, metrics, history = run.recipe, run.metrics, run.history
    history.best_epoch = metrics["training"].get("best_epoch")
    history.ending = _ending(metrics["training"]["stopped"])
    history.rollbacks = metrics["training"].get("rollbacks", 0)
    saved = run.findings if "findings" in metrics else None
    model = run.model()
    try:
        parts = load_splits(recipe, Streams.from_seed(recipe.seed))
    except InputError as error:
        if saved is None:
            raise InputError(f"{folder}: cannot be examined without its data: {error}") from None
        return saved
    train, validation = model.scaled(parts.train), model.scaled(parts.validation)
    if saved is None:
        case = _case(recipe, model, history)
        add_samples(case, train, validation)
        case.is_over = True
        add_opinion(case)
        saved = diagnose(case)
    mistakes = _surest_mistakes(model, train)
    known = {finding.identifier for finding in saved}
    more = [] if mistakes is None or mistakes.identifier in known else [mistakes]
    return ranked([*saved, *more])


def changed_by_doctor(folder: str | Path | None) -> list[str]:
    """Return what ``--doctor fix`` changed in the recipe of a finished run, a line each."""
    if folder is None or not (as_path(folder) / "metrics.json").is_file():
        return []
    return [str(change) for change in Run.open(folder).metrics.get("changes", [])]


def examine(recipe: Recipe) -> tuple[list[Finding], list[str]]:
    """Return what is wrong with data and recipe before a training, and what was checked."""
    from inknet.training.arguments import on_one_scale
    from inknet.training.standardizing import Standardizing

    prepared = prepare(recipe)
    model, parts = prepared.model, prepared.parts
    dtype = model.network.dtype
    train, validation, _ = on_one_scale(
        parts.train, parts.validation, model.facts, dtype, recipe.training.deslant
    )
    present = np.unique(train.targets)
    if len(present) < 2:
        name = train.class_names[int(present[0])]
        raise InputError(
            f"{recipe.data.source}: all training samples are of the class {name}; expected two or "
            "more classes"
        )
    if recipe.training.standardize:
        standardizing = Standardizing(model.network, train)
        train = standardizing.apply(train)
        validation = validation and standardizing.apply(validation)
    return checkup(model.network, train, validation, recipe.training, recipe.augment)


def compared(folder: str | Path, other: str | Path) -> Finding:
    """Say whether two runs on the same test data differ by more than chance.

    Raises
    ------
    InputError
        If one is not a finished run, or they were judged on different samples.
    """
    runs = [Run.open(folder), Run.open(other)]
    digests = [run.metrics["data"].get("test_digest") for run in runs]
    if None in digests or digests[0] != digests[1]:
        raise InputError(f"{folder} and {other}: were judged on different test samples")
    test = runs[0].test_data()
    answers = [run.model().logits_on(test).argmax(axis=1) for run in runs]
    right = [one == test.targets for one in answers]
    return comparison(str(folder), str(other), right[0], right[1])


def _of_unfinished(folder: Path) -> list[Finding]:
    unfinished = Unfinished(folder)
    recipe = unfinished.recipe()
    path = unfinished.folder / NEWEST
    path = path if path.exists() else unfinished.folder / PREVIOUS
    refuse_link_out_of(folder, path)
    values = checked_values(Checkpoint.load(path).values)
    history = History(
        records=list(values.history.records),
        best_epoch=values.history.best_epoch,
        rollbacks=values.history.rollbacks,
        findings=list(values.history.findings),
    )
    prepared = prepare(recipe)
    case = _case(recipe, prepared.model, history)
    add_samples(case, prepared.parts.train, prepared.parts.validation)
    return diagnose(case, history.findings)


def _case(recipe: Recipe, model: MLP, history: History) -> Case:
    network = model.network
    return Case(
        recipe.training, network.architecture, history, network.n_parameters, augment=recipe.augment
    )


def _ending(text: str) -> Ending:
    return EARLY_STOPPING if text == EARLY_STOPPING else Ending(text)


def _surest_mistakes(model: MLP, train: Any) -> Finding | None:
    """Return the training samples whose label the finished model finds next to impossible.

    Northcutt, Jiang and Chuang 2021, "Confident learning", find wrong labels in this way; here the
    samples were learned from, so those that are listed are few and sure.
    """
    probabilities = model.logits_on(train)
    to_probabilities(probabilities, model.facts.temperature)
    targets = train.targets
    own = probabilities[np.arange(len(targets)), targets]
    best = probabilities.max(axis=1)
    found = np.flatnonzero((own < HARDLY) & (best > SURE))
    if not len(found):
        return None
    found = found[np.argsort(own[found], kind="stable")]
    stored = found if train.rows is None else train.rows[found]
    names, answers = train.class_names, probabilities.argmax(axis=1)
    listed = ", ".join(
        f"row {row} ({names[targets[i]]}, looks like {names[answers[i]]})"
        for i, row in list(zip(found.tolist(), stored.tolist(), strict=True))[:5]
    )
    return Finding(
        "surest-mistakes",
        "note",
        "training samples that the model finds next to impossible",
        f"{len(found):,} of {len(targets):,}, the surest first: {listed}",
        "a label that a good model contradicts after it was told so often is probably wrong",
        "look at them, each by inknet data show SOURCE --number ROW, and correct the labels",
        rows=tuple(int(row) for row in stored[:MOST_LISTED]),
    )
