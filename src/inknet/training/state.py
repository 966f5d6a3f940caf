"""The state of a training: everything that a checkpoint contains, written and read only here.

The state between two steps is arrays by name, and values that JSON can hold:

================================ ================================================================
``parameters``, ``statistics``   the network's
``optimizer.NAME``               what the optimizer remembers
``callback.CALLBACK.NAME``       what a callback remembers
``safe.…``                       all of the above, as it was at the beginning of the epoch
`Values`                         all that is not an array
================================ ================================================================

``safe`` is present only within an epoch, and only if a training that diverges goes back to it. A
callback is part of the state if it overrides `Callback.state`; it is identified by its name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from inknet.errors import InputError, quoted
from inknet.seeds import Streams
from inknet.training.attendance import start_in
from inknet.training.callbacks import Callback, refuse_other_kind
from inknet.training.ending import Ending
from inknet.training.history import EpochRecord
from inknet.training.session import Session

Arrays = dict[str, NDArray[Any]]


class _Table(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class Moment(_Table):
    """One moment of a training between two steps, without its history."""

    step: int
    steps_taken: int
    """As the optimizer counts them."""
    learning_rate: float
    epoch_seconds: float
    """How long the epoch has taken so far."""
    stop_reason: Ending | None
    streams: dict[str, dict[str, Any]]
    """The state of each random generator. What is drawn once per epoch, the order of the samples
    and the key of the distortions, is drawn again from the state before the epoch."""
    callbacks: dict[str, dict[str, Any]]


class HistoryValues(_Table):
    """The history, without why the training ended: a training that resumes has not ended."""

    records: list[EpochRecord]
    best_epoch: int | None
    ops: str
    seconds: float
    rollbacks: int


class Values(Moment):
    """All of the state that is not an array."""

    history: HistoryValues
    safe: Moment | None


@runtime_checkable
class Resumable(Session, Protocol):
    """A training whose state can be taken and restored."""

    identity: str
    callbacks: list[Callback]
    step: int
    learning_rate: float
    epoch_seconds: float
    streams: Streams
    streams_before: dict[str, dict[str, Any]]
    """The states, before the epoch, of the streams that are drawn from once per epoch."""
    safe: tuple[Arrays, Moment] | None
    """The state at the beginning of the epoch."""

    @property
    def seconds(self) -> float:
        """Wall time of the training so far."""

    @property
    def steps_in_epoch(self) -> int:
        """Steps taken in the epoch that is not yet in the history."""

    @property
    def steps_per_epoch(self) -> int:
        """How many batches an epoch has."""


# -- taking the state ----------------------------------------------------------------------------


def moment_of(training: Resumable) -> tuple[Arrays, Moment]:
    """Return this moment of a training; the arrays are not copies."""
    arrays = _own_arrays(training)
    callbacks = {}
    for name, callback in _by_name(training.callbacks).items():
        found, values = callback.state()
        callbacks[name] = deepcopy(values)
        arrays |= {f"callback.{name}.{key}": array for key, array in found.items()}
    streams = {
        name: generator.bit_generator.state for name, generator in vars(training.streams).items()
    }
    if training.steps_in_epoch:
        streams |= training.streams_before
    reason = training.stop_reason
    return arrays, Moment.model_construct(
        step=training.step,
        steps_taken=training.optimizer.steps_taken,
        learning_rate=training.learning_rate,
        epoch_seconds=training.epoch_seconds,
        stop_reason=None if reason is None else Ending.of(reason),
        streams=streams,
        callbacks=callbacks,
    )


def state_of(training: Resumable) -> tuple[Arrays, dict[str, Any]]:
    """Return the state of a training between two steps: arrays, and what JSON can hold.

    A new training with the same settings and data that restores it by `restore` ends with the same
    bits. The arrays are not copies.
    """
    arrays, moment = moment_of(training)
    safe = None
    if training.settings.on_divergence == "go_back" and training.steps_in_epoch and training.safe:
        safe_arrays, safe = training.safe
        arrays |= {f"safe.{name}": array for name, array in safe_arrays.items()}
    history = {name: getattr(training.history, name) for name in HistoryValues.model_fields}
    history["seconds"] = training.seconds
    values = Values.model_construct(
        **dict(moment), history=HistoryValues.model_construct(**history), safe=safe
    )
    return arrays, values.model_dump(warnings=False)


class Copies:
    """Copies of arrays, in reused buffers: to allocate new memory takes longer than to fill it."""

    def __init__(self) -> None:
        self._buffers: Arrays = {}

    def of(self, arrays: Mapping[str, NDArray[Any]]) -> Arrays:
        """Return copies; those that were returned before are overwritten."""
        for name, array in arrays.items():
            if name not in self._buffers:
                self._buffers[name] = np.empty_like(array)
            self._buffers[name][:] = array
        return {name: self._buffers[name] for name in arrays}


# -- restoring the state -------------------------------------------------------------------------


def restore(training: Resumable, arrays: Arrays, values: Mapping[str, Any]) -> None:
    """Restore what `state_of` returned, in a training with the same settings and data.

    Raises
    ------
    InputError
        In one line, if it is the state of another training, or not a state.
    """
    start_in(training.identity, training.callbacks)
    try:
        found = Values.model_validate_json(json.dumps(values))
        history = training.history
        for name in HistoryValues.model_fields:
            setattr(history, name, getattr(found.history, name))
        restore_moment(training, arrays, found)
        if found.stop_reason is not None and found.stop_reason.by_signal:
            training.stop_reason = None  # a signal ended that process, not this one
        if not 0 <= training.steps_in_epoch <= training.steps_per_epoch:
            raise ValueError(f"step {found.step:,} is not in epoch {len(history) + 1}")
        if found.safe is not None:
            training.safe = _below("safe.", arrays), found.safe
    except InputError:
        raise
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        place = ".".join(str(name) for name in problem["loc"])
        raise _unfit(f"{place}: {problem['msg']}") from None
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise _unfit(error) from None


def restore_moment(training: Resumable, arrays: Arrays, moment: Moment) -> None:
    """Restore what `moment_of` returned; raise an error of any kind if it does not fit."""
    for name, own in _own_arrays(training).items():
        refuse_other_kind(name, arrays[name], own)
        own[:] = arrays[name]
    callbacks = _by_name(training.callbacks)
    _refuse_other_callbacks(moment.callbacks, callbacks)
    for name, callback in callbacks.items():
        callback.restore(_below(f"callback.{name}.", arrays), deepcopy(moment.callbacks[name]))
    for name, generator in vars(training.streams).items():
        generator.bit_generator.state = moment.streams[name]
    training.streams_before = {name: moment.streams[name] for name in training.streams_before}
    training.step, training.learning_rate = moment.step, moment.learning_rate
    training.optimizer.steps_taken = moment.steps_taken
    training.epoch_seconds, training.stop_reason = moment.epoch_seconds, moment.stop_reason


# -- names ---------------------------------------------------------------------------------------


def _own_arrays(training: Resumable) -> Arrays:
    network, optimizer = training.network, training.optimizer
    return {
        "parameters": network.parameters,
        "statistics": network.statistics,
        **{f"optimizer.{name}": array for name, array in optimizer.arrays().items()},
    }


def _by_name(callbacks: Sequence[Callback]) -> dict[str, Callback]:
    """Return the callbacks that have a state by their names; the second of one name is `name 2`."""
    named: dict[str, Callback] = {}
    for callback in callbacks:
        if getattr(type(callback), "state", Callback.state) is Callback.state:
            continue
        name = given = str(callback.name or type(callback).__name__).replace(".", " ")
        number = 1
        while name in named:
            number += 1
            name = f"{given} {number}"
        named[name] = callback
    return named


def _refuse_other_callbacks(saved: Iterable[str], present: Iterable[str]) -> None:
    missing, extra = sorted(set(saved) - set(present)), sorted(set(present) - set(saved))
    problems = [f"the callback {name!r} was there and is missing" for name in missing]
    problems += [f"the callback {name!r} was not there" for name in extra]
    if problems:
        raise _unfit("; ".join(problems))


def _below(prefix: str, arrays: Arrays) -> Arrays:
    """Return copies of the arrays whose names start with a prefix, under the rest of the name."""
    return {
        name.removeprefix(prefix): array.copy()
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


def _unfit(why: object) -> InputError:
    return InputError(f"the checkpoint does not fit this training: {quoted(why)}")
