"""Mending: a training whose faults with one safe remedy are mended as they are found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from inknet.doctor.remedy import MOST_ROUNDS, safe_remedy
from inknet.errors import DivergedError
from inknet.recipes import Recipe
from inknet.recipes.reading import changed
from inknet.runs.doctoring import examine
from inknet.runs.folder import Run, check_folder
from inknet.runs.lifecycle import train_run
from inknet.training.findings import Finding


def mend_and_train(
    recipe: Recipe,
    folder: Path,
    callbacks: Callable[[Recipe], Any],
    tell: Callable[[str], object],
    *,
    force: bool = False,
    **options: Any,
) -> Run:
    """Train; apply what the doctor's findings ask for, if that is safe, and train again.

    Before the first step the samples are examined. After a training, or when it diverges, the
    first remedy that is safe is applied, up to `MOST_ROUNDS` times. The run tells what was changed.

    Parameters
    ----------
    recipe, folder, force
        As for `train_run`.
    callbacks
        Returns the callbacks of a training.
    tell
        Called with one line about each change.
    **options
        Those of `train_run`.
    """
    check_folder(folder, force)
    changes: list[str] = []
    for _ in range(MOST_ROUNDS):
        findings = examine(recipe)[0]
        remedy = safe_remedy(findings, recipe, changes)
        if remedy is None:
            break
        recipe = _apply(remedy, recipe, changes, tell)
    for _ in range(MOST_ROUNDS):
        try:
            run = train_run(
                recipe, folder, force=force, callbacks=callbacks(recipe), changes=changes, **options
            )
            findings = run.findings
        except DivergedError as error:
            findings = [_diverged(recipe, error)]
            if safe_remedy(findings, recipe, changes) is None:
                raise
        remedy = safe_remedy(findings, recipe, changes)
        if remedy is None:
            return run
        recipe, force = _apply(remedy, recipe, changes, tell), True
    return train_run(
        recipe, folder, force=force, callbacks=callbacks(recipe), changes=changes, **options
    )


def _apply(
    remedy: tuple[Finding, tuple[str, ...]],
    recipe: Recipe,
    changes: list[str],
    tell: Callable[[str], object],
) -> Recipe:
    """Return the recipe with the settings of a remedy; tell, and remember what was changed."""
    finding, settings = remedy
    tell(f"mending {finding.identifier}: {', '.join(settings)}")
    changes += [f"{setting} ({finding.identifier})" for setting in settings]
    return changed(recipe, settings)


def _diverged(recipe: Recipe, error: DivergedError) -> Finding:
    rate = recipe.training.learning_rate / 10
    return Finding(
        "diverged",
        "error",
        "the training diverged",
        str(error),
        "",
        "",
        (f"training.learning_rate={rate:g}", "training.clip_norm=1.0"),
    )
