"""The plan: a study becomes a list of runs, each with a recipe of its own and a stable name."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

import inknet
from inknet.errors import InputError, quoted
from inknet.experiments.catalogue import Row, Study
from inknet.files import cut_to_bytes
from inknet.recipes import Recipe, load_recipe, refuse_overruled
from inknet.runs.prepare import with_absolute_source
from inknet.training.fastest import fastest_ops


@dataclass(frozen=True)
class Job:
    """All that a process needs in order to do one run, wherever it is.

    Attributes
    ----------
    study : str
        The study it belongs to.
    name : str
        What the run is called within its study, and its file.
    row, seed
        Which row of the study, and which seed.
    recipe : str
        TOML.
    ops, version : str
        What the hot loops run on and the version of inknet: the same for all runs of a study.
    """

    study: str
    name: str
    row: str
    seed: int
    recipe: str
    ops: str
    version: str


@dataclass(frozen=True)
class Plan:
    """A study and its runs."""

    study: Study
    jobs: list[Job]
    digest: str
    """Of all recipes: two plans with the same one have the same runs."""


def plan_study(study: Study, changes: Sequence[str] = ()) -> Plan:
    """Return the runs of a study, all recipes checked.

    Parameters
    ----------
    study
        What to plan.
    changes
        ``"table.key=value"`` each, for every run, after what the study itself sets.

    Raises
    ------
    InputError
        Naming the key that no recipe has, or its value.
    """
    by = {"seed": "--seeds gives"}
    if study.group == "own":
        by |= {key: "the study varies" for row in study.rows for key in row.set}
    refuse_overruled(changes, by)
    ops = fastest_ops().name
    jobs: list[Job] = []
    for row in study.rows:
        for seed in study.seeds:
            recipe = _recipe(study, row, changes, seed)
            jobs.append(
                Job(
                    study.name,
                    f"{_file_form(row.name)}.seed-{seed}",
                    row.name,
                    seed,
                    recipe.to_toml(),
                    ops,
                    inknet.__version__,
                )
            )
    if len({job.name for job in jobs}) < len(jobs):
        raise InputError(f"study {study.name}: two rows have names that make one file name")
    _refuse_same_trainings(jobs)
    whole = "\n".join(f"{job.name}\n{job.recipe}" for job in jobs)
    return Plan(study, jobs, hashlib.sha256(whole.encode()).hexdigest())


def _refuse_same_trainings(jobs: Sequence[Job]) -> None:
    """Raise `InputError` if two rows have one recipe: what they differ in is overruled."""
    known: dict[str, str] = {}
    for job in jobs:
        training = job.recipe.partition("\n")[2]  # without its name
        if (first := known.setdefault(training, job.row)) != job.row:
            raise InputError(
                f"study {job.study}: the rows {quoted(first)} and {quoted(job.row)} are the same "
                "training; --set or --seeds fixes what they differ in"
            )


def _recipe(study: Study, row: Row, changes: Sequence[str], seed: int) -> Recipe:
    settings = {**study.set, **row.set}
    try:
        recipe = load_recipe(study.recipe, changes, settings=settings, seed=seed)
    except InputError as error:
        raise InputError(f"study {study.name}, row {row.name}: {error}") from None
    return with_absolute_source(recipe.model_copy(update={"name": f"{study.name}: {row.name}"}))


def _file_form(name: str) -> str:
    return cut_to_bytes(re.sub(r"[^\w.+-]+", "-", name).strip("-."), 100) or "row"
