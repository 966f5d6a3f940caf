"""The search: trials with other settings of a recipe, proposed by Optuna, bad ones ended early.

A trial is evaluated by the best validation accuracy of its training, never by test data.
All trials are in a database, so a search resumes where it stopped, and several may share one.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import numpy as np

from inknet.data.digest import source_digest
from inknet.errors import DivergedError, InputError, StudyStopped, quoted, without_passwords
from inknet.experiments.catalogue import refuse_repeated, values_of
from inknet.files import as_path
from inknet.nn.ops.parallel import at_most
from inknet.recipes import Recipe, load_recipe, refuse_overruled
from inknet.runs.prepare import load_source, prepare
from inknet.training.callbacks import Callback
from inknet.training.ending import Ending
from inknet.training.interrupt import InterruptFlag

if TYPE_CHECKING:
    import optuna

    from inknet.training.session import Session

DEFAULT_SPACE = (
    "training.learning_rate=0.0003..0.1",
    "training.batch_size=32,64,128,256",
    "training.label_smoothing=0.0..0.2",
    "training.l2_lambda=0.001..1.0",
    "network.keep_probs=0.5..1.0",
)
"""What is searched where nothing is said."""
RANGE = re.compile(r"\s*([^.\s]*\.?[^.\s]+?)\s*\.\.\s*([^.\s]*\.?[^.\s]+?)\s*")
WIDE = 30
"""A range whose ends are more than so many times apart is searched by orders of magnitude."""
PRUNED = Ending("pruned")
"""Optuna ended the trial."""
DIVERGED = "diverged"
"""The attribute of a trial whose training diverged: in one line, how."""


@dataclass(frozen=True)
class Axis:
    """One key that the search varies: a range, or one of some values."""

    key: str
    low: float | int = 0
    high: float | int = 0
    choices: tuple[Any, ...] = ()

    def suggest(self, trial: optuna.Trial) -> Any:
        """Return the value that Optuna proposes."""
        if self.choices:
            texts = [json.dumps(choice) for choice in self.choices]  # a list is no category
            return json.loads(trial.suggest_categorical(self.key, texts))
        log = self.low > 0 and self.high / self.low > WIDE
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(self.key, self.low, self.high, log=log)
        return trial.suggest_float(self.key, self.low, self.high, log=log)


def axis_of(text: str) -> Axis:
    """Return what ``key=low..high`` or ``key=value,value`` says; raise `InputError` if nothing."""
    key, equals, listed = text.partition("=")
    key = key.strip()
    if not equals or not key or not listed.strip():
        raise InputError(
            f"--vary {quoted(text)}: expected key=low..high or key=value,value, "
            "such as training.learning_rate=0.001..0.1"
        )
    if (match := RANGE.fullmatch(listed)) is None:
        return Axis(key, choices=tuple(values_of(listed)))
    low, high = (values_of(end)[0] for end in match.groups())
    if not all(isinstance(end, (int, float)) and not isinstance(end, bool) for end in (low, high)):
        raise InputError(f"--vary {quoted(text)}: expected numbers on both sides of the dots")
    if not low < high:
        raise InputError(f"--vary {quoted(text)}: expected the lower end of the range first")
    return Axis(key, low, high)


class Pruner(Callback):
    """Tells Optuna the validation accuracy of each epoch; ends a training that is among the worst.

    Parameters
    ----------
    trial
        What the training is a trial of.
    """

    def __init__(self, trial: optuna.Trial) -> None:
        self.trial = trial
        self.best = 0.0

    def on_epoch_end(self, trainer: Session) -> None:
        """Report, and stop if Optuna says so."""
        record = trainer.history[-1]
        self.best = max(self.best, record.val_accuracy or 0.0)
        self.trial.report(self.best, record.epoch)
        if self.trial.should_prune():
            trainer.stop_reason = PRUNED


@dataclass(frozen=True)
class Search:
    """A search that is open.

    Attributes
    ----------
    recipe : str
        A recipe's name or file; `changes` are made to it, then those of a trial.
    changes : tuple of str
    axes : tuple of Axis
    seed : int
        Of every training.
    study : optuna.Study
    storage : str
        The URL of its database; it may hold a password.
    """

    recipe: str
    changes: tuple[str, ...]
    axes: tuple[Axis, ...]
    seed: int
    study: optuna.Study
    storage: str = field(repr=False)

    def run(self, n_trials: int, report: Callable[[optuna.trial.FrozenTrial], None]) -> None:
        """Make this many more trials.

        Raises
        ------
        InputError
            If a trial's settings cannot be trained with, or the data were changed since the first.
        StudyStopped
            After a signal; the trials so far are kept.
        """
        with _storage_errors(self.storage):
            if not any(axis.key == "data.source" for axis in self.axes):
                data = _with(self.recipe, self.changes, {}, self.seed).data
                self._check_same_data(data.source, source_digest(load_source(data)))
            self.study.optimize(
                self._objective,
                n_trials=n_trials,
                callbacks=[lambda study, trial: report(trial)],
            )

    def best_recipe(self) -> Recipe:
        """Return the recipe of the best trial.

        Raises
        ------
        InputError
            If no trial was finished, or the database does not have what it must have.
        """
        with _storage_errors(self.storage):
            trials = self.study.get_trials()
            states = Counter(trial.state.name.lower() for trial in trials)
            if states["complete"]:
                return self._recipe(self.study.best_trial)
        counts = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        problems = [t.user_attrs[DIVERGED] for t in trials if DIVERGED in t.user_attrs]
        why = f"; {len(problems)} diverged, the last: {problems[-1]}" if problems else ""
        raise InputError(
            f"search {quoted(self.study.study_name)}: no trial was finished, so there is no best "
            f"recipe ({counts or 'none was made'}{why})"
        )

    def _recipe(self, trial: Any) -> Recipe:
        """Return the recipe with the values of a trial."""
        settings = {
            axis.key: json.loads(trial.params[axis.key]) if axis.choices else trial.params[axis.key]
            for axis in self.axes
        }
        return _with(self.recipe, self.changes, settings, self.seed)

    def _objective(self, trial: optuna.Trial) -> float:
        import optuna

        settings = {axis.key: axis.suggest(trial) for axis in self.axes}
        prepared = prepare(_with(self.recipe, self.changes, settings, self.seed))
        self._check_same_data(prepared.recipe.data.source, prepared.digest)
        pruner = Pruner(trial)
        try:
            with at_most(1), InterruptFlag(deliver=False) as interrupt:
                history = prepared.train([pruner])
        except DivergedError as error:
            trial.set_user_attr(DIVERGED, str(error))
            raise optuna.TrialPruned(str(error)) from None
        if interrupt.reason is not None:
            raise StudyStopped(interrupt.reason.text)
        if history.ending == PRUNED:
            raise optuna.TrialPruned
        return pruner.best

    def _check_same_data(self, source: str, digest: str) -> None:
        """Refuse to compare trials with those on other data."""
        key = f"digest of {source}"
        known = self.study.user_attrs.get(key)
        if known is None:
            self.study.set_user_attr(key, digest)
        elif known != digest:
            raise InputError(
                f"{quoted(source)}: was changed since the search was begun; "
                "restore it, or choose another --name"
            )


def open_search(
    recipe: str,
    changes: Sequence[str],
    vary: Sequence[str],
    seed: int,
    *,
    name: str,
    storage: str,
) -> Search:
    """Begin a search, or open the one of that name to resume it.

    Parameters
    ----------
    recipe, changes
        What is trained, as for `inknet.recipes.load_recipe`.
    vary
        ``"key=low..high"`` or ``"key=value,value"`` each.
    seed
        Of the trainings and of the first proposals.
    name
        What the search is called in its database.
    storage
        Any database URL that Optuna takes.

    Raises
    ------
    InputError
        If Optuna is not installed, a key or value is not the recipe's, the database cannot be
        opened, or has a search of that name with another recipe or another range.
    """
    axes = tuple(axis_of(text) for text in vary or DEFAULT_SPACE)
    refuse_repeated("--vary", [axis.key for axis in axes])
    if any(axis.key == "seed" for axis in axes):
        raise InputError("--vary seed: all trainings of a search have the seed that --seed gives")
    varied = {axis.key: "the search varies" for axis in axes}
    refuse_overruled(changes, {"seed": "--seed gives", **varied})
    for axis in axes:  # the ends show whether the key is known, before anything is created
        for value in axis.choices or (axis.low, axis.high):
            _with(recipe, changes, {axis.key: value}, seed)
    base = _with(recipe, changes, {}, seed)
    sources = [source for axis in axes if axis.key == "data.source" for source in axis.choices]
    for source in sources or [base.data.source]:
        data = base.data.model_copy(update={"source": source})
        load_source(data)  # nothing is created for data that cannot be read
    described = "\n".join([base.to_toml(), *map(repr, axes)])
    digest = hashlib.sha256(described.encode()).hexdigest()
    with _storage_errors(storage):
        study = _open_study(name, storage, seed)
        known = study.user_attrs.get("recipe and ranges")
        if known not in (None, digest):
            raise InputError(
                f"{quoted(_shown(storage))}: has a search {name!r} with another recipe "
                "or other ranges; choose another --name"
            )
        if known is None:
            study.set_user_attr("recipe and ranges", digest)
    return Search(recipe, tuple(changes), axes, seed, study, storage)


@contextmanager
def _storage_errors(storage: str) -> Iterator[None]:
    """Turn the errors of a database into one line without its password.

    There are many databases, each with errors of its own.
    """
    try:
        yield
    except Exception as error:
        package = type(error).__module__.partition(".")[0]
        if isinstance(error, (InputError, OSError)) or package in ("builtins", "inknet", "numpy"):
            raise
        raise _unusable(storage, error) from None


def _unusable(storage: str, error: Exception) -> InputError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    for secret in _secrets(storage):
        reason = reason.replace(secret, "***")
    reason = quoted(without_passwords(reason))
    return InputError(f"--storage {quoted(_shown(storage))}: cannot be used: {reason}")


def _shown(storage: str) -> str:
    """Return a storage without its password, also where it is no URL but may have been meant so."""
    if "://" in storage:
        return without_passwords(storage)
    return re.sub(r":.*@", ":***@", storage, flags=re.DOTALL)


def _secrets(storage: str) -> list[str]:
    """Return what `_shown` hides, as it is written and as it is sent; longest first."""
    hidden = _shown(storage).split("***")
    if len(hidden) == 1:
        return []
    pattern = "(.*)".join(map(re.escape, hidden))
    match = re.fullmatch(pattern, storage, re.DOTALL)
    found = {word for word in (match.groups() if match else ()) if word}
    return sorted(found | {unquote(word) for word in found}, key=len, reverse=True)


def _open_study(name: str, storage: str, seed: int) -> optuna.Study:
    try:
        import optuna
    except ModuleNotFoundError:
        raise InputError("a search needs Optuna: pip install 'inknet[search]'") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if storage.startswith("sqlite:///"):
        path, mark, options = storage.removeprefix("sqlite:///").partition("?")
        expanded = as_path(path)
        expanded.parent.mkdir(parents=True, exist_ok=True)
        storage = f"sqlite:///{expanded}{mark}{options}"
    try:
        study = optuna.create_study(
            storage=storage,
            study_name=name,
            load_if_exists=True,
            direction="maximize",
            pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=1),
        )
        # a search that is resumed must not propose again what it began with
        number = np.random.SeedSequence((seed, len(study.trials))).generate_state(1)[0]
        study.sampler = optuna.samplers.TPESampler(seed=int(number))
        return study
    except MemoryError:
        raise
    except Exception as error:  # also of what a database needs and is not installed
        raise _unusable(storage, error) from None


def _with(recipe: str, changes: Sequence[str], settings: dict[str, Any], seed: int) -> Recipe:
    return load_recipe(recipe, changes, settings=settings, seed=seed)
