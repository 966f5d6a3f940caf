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
from typing import Annotated, Any, Literal, Protocol, TypeAlias, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from inknet.errors import InputError, quoted
from inknet.seeds import Streams
from inknet.training.callbacks import Callback
from inknet.training.ending import Ending
from inknet.training.findings import Finding
from inknet.training.history import EpochRecord
from inknet.training.ownership import assign
from inknet.training.session import Session
from inknet.training.weights import learned_arrays, refuse_other_kind, refuse_unusable, unfit

Arrays = dict[str, NDArray[Any]]
ValueType = TypeVar("ValueType")
MOST_ROLLBACKS = 10
"""How often a training that diverges goes back before it stops, then at 1/1000 of the rate."""

_Count: TypeAlias = Annotated[int, Field(ge=0, lt=2**63)]
_Number: TypeAlias = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Word128: TypeAlias = Annotated[int, Field(ge=0, lt=2**128)]


class _Table(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class _Words(_Table):
    state: _Word128
    inc: Annotated[_Word128, AfterValidator(lambda inc: _checked(inc, inc % 2 == 1, "even"))]


class _Generator(_Table):
    """The state of NumPy's default generator."""

    bit_generator: Literal["PCG64"]
    state: _Words
    has_uint32: Literal[0, 1]
    uinteger: Annotated[int, Field(ge=0, lt=2**32)]


def _checked(value: ValueType, is_right: bool, what: str) -> ValueType:
    if not is_right:
        raise ValueError(f"{what}: {quoted(value)}")
    return value


def _checked_generator(state: dict[str, Any]) -> dict[str, Any]:
    _Generator.model_validate(state)
    return state


def _checked_record(record: EpochRecord) -> EpochRecord:
    numbers = [record.train_loss, record.val_loss, record.learning_rate]
    numbers += [record.seconds, record.training_seconds]
    shares = [record.train_accuracy, record.val_accuracy, *record.active_fractions]
    known = [*numbers, *shares]
    finite = all(value is None or (np.isfinite(value) and value >= 0) for value in known)
    in_range = all(share is None or share <= 1 for share in shares)
    has_both = (record.val_loss is None) == (record.val_accuracy is None)
    return _checked(record, finite and in_range and has_both, "no record of an epoch")


_Streams: TypeAlias = dict[str, Annotated[dict[str, Any], AfterValidator(_checked_generator)]]


class Moment(_Table):
    """One moment of a training between two steps, without its history."""

    step: _Count
    steps_taken: _Count
    """As the optimizer counts them."""
    learning_rate: _Number
    epoch_seconds: _Number
    """How long the epoch has taken so far."""
    stop_reason: Ending | None
    streams: _Streams
    """The state of each random generator. What is drawn once per epoch, the order of the samples
    and the key of the distortions, is drawn again from the state before the epoch."""
    callbacks: dict[str, dict[str, Any]]


class HistoryValues(_Table):
    """The history, without why the training ended: a training that resumes has not ended."""

    records: list[Annotated[EpochRecord, AfterValidator(_checked_record)]]
    best_epoch: _Count | None
    ops: Annotated[str, Field(max_length=100)]
    seconds: _Number
    rollbacks: Annotated[int, Field(ge=0, le=MOST_ROLLBACKS)]
    findings: list[Finding] = []
    """Checkpoints of inknet 0.2 have none."""


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


def checked_values(values: Mapping[str, Any]) -> Values:
    """Return the values that `state_of` returned; raise `InputError` if they are others."""
    try:
        return Values.model_validate_json(json.dumps(values))
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        place = ".".join(str(name) for name in problem["loc"])
        raise unfit(quoted(f"{place}: {problem['msg']}")) from None
    except (TypeError, ValueError, RecursionError) as error:
        raise unfit(quoted(error)) from None


def restore(training: Resumable, arrays: Arrays, values: Mapping[str, Any]) -> None:
    """Restore what `state_of` returned, in a training with the same settings and data.

    Everything is checked before the network, the optimizer or the history is changed.

    Raises
    ------
    InputError
        In one line, if it is the state of another training, or not a state.
    """
    found = checked_values(values)
    assign(training.callbacks, training.identity)
    try:
        _refuse_other_history(training, found)
        _refuse_other_arrays(training, arrays, found)
        if found.safe is not None:  # only to see whether they take it
            _restore_callbacks(training, _below("safe.", arrays), found.safe)
        _restore_callbacks(training, arrays, found)
    except InputError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise unfit(quoted(error)) from None
    history = training.history
    for name in HistoryValues.model_fields:
        setattr(history, name, getattr(found.history, name))
    _restore_all_but_callbacks(training, arrays, found)
    if found.stop_reason is not None and found.stop_reason.by_signal:
        training.stop_reason = None  # a signal ended that process, not this one
    if found.safe is not None:
        training.safe = _below("safe.", arrays), found.safe


def restore_moment(training: Resumable, arrays: Arrays, moment: Moment) -> None:
    """Restore what `moment_of` returned of the same training."""
    _restore_callbacks(training, arrays, moment)
    _restore_all_but_callbacks(training, arrays, moment)


def _restore_callbacks(training: Resumable, arrays: Arrays, moment: Moment) -> None:
    callbacks = _by_name(training.callbacks)
    _refuse_other_callbacks(moment.callbacks, callbacks)
    for name, callback in callbacks.items():
        callback.restore(_below(f"callback.{name}.", arrays), deepcopy(moment.callbacks[name]))


def _restore_all_but_callbacks(training: Resumable, arrays: Arrays, moment: Moment) -> None:
    for name, own in _own_arrays(training).items():
        own[:] = arrays[name]
    for name, generator in vars(training.streams).items():
        generator.bit_generator.state = moment.streams[name]
    training.streams_before = {name: moment.streams[name] for name in training.streams_before}
    training.step, training.learning_rate = moment.step, moment.learning_rate
    training.optimizer.steps_taken = moment.steps_taken
    training.epoch_seconds, training.stop_reason = moment.epoch_seconds, moment.stop_reason


# -- whether a state is one of this training -----------------------------------------------------


def _refuse_other_history(training: Resumable, found: Values) -> None:
    """Raise `InputError` unless history and position are those of such a training."""
    records, safe = found.history.records, found.safe
    first = len(records) * training.steps_per_epoch  # the step at which the epoch began
    if not first <= found.step <= min(first + training.steps_per_epoch, training.total_steps):
        raise unfit(f"step {found.step:,} is not in epoch {len(records) + 1}")
    if [record.epoch for record in records] != list(range(1, len(records) + 1)):
        raise unfit("the epochs of its history are not 1, 2, 3 and so on")
    if not 0 < (found.history.best_epoch or 1) <= max(len(records), 1):
        raise unfit(f"the best epoch is {found.history.best_epoch} of {len(records)}")
    measured = {(len(one.gradient_norms), len(one.active_fractions)) for one in records}
    network = training.network
    if measured - {(0, 0), (len(network.dense_layers), len(network.activation_layers))}:
        raise unfit("its history is of another number of layers")
    if len(measured) > 1 or len({record.val_loss is None for record in records}) > 1:
        raise unfit("not all epochs of its history have the same measurements")
    goes_back = training.settings.on_divergence == "go_back"
    if (safe is not None) != (goes_back and found.step > first):
        raise unfit("the state at the beginning of the epoch is missing, or not of this training")
    for moment in (found,) if safe is None else (found, safe):
        if moment.streams.keys() != vars(training.streams).keys():
            raise unfit("it has other random generators")
    if safe is not None and safe.step != first:
        raise unfit(f"step {safe.step:,} is not the beginning of epoch {len(records) + 1}")


def _refuse_other_arrays(training: Resumable, arrays: Arrays, found: Values) -> None:
    """Raise `InputError` unless the arrays are those of such a training."""
    own = _own_arrays(training)
    prefixes = [""] if found.safe is None else ["", "safe."]
    for prefix in prefixes:
        for name, expected in own.items():
            if prefix + name not in arrays:
                raise unfit(f"{prefix + name} is missing")
            refuse_other_kind(prefix + name, arrays[prefix + name], expected)
        # where it can go back, it may have been about to: the newest weights need not be finite
        _refuse_broken(training, arrays, prefix, finite=prefix == prefixes[-1])
    known = {prefix + name for prefix in prefixes for name in own}
    below = tuple(f"{prefix}callback." for prefix in prefixes)
    for name in arrays:
        if name not in known and not name.startswith(below):
            raise unfit(f"{quoted(name)} is an array of no part of it")


def _refuse_broken(training: Resumable, arrays: Arrays, prefix: str, finite: bool) -> None:
    """Raise `InputError` if weights or the memory of the optimizer cannot be used."""
    places = {"": finite} | {
        f"callback.{name}.": finite or not callback.keeps_weights
        for name, callback in _by_name(training.callbacks).items()
    }
    for place, must_be_finite in places.items():
        pair = [arrays.get(f"{prefix}{place}{name}") for name in ("parameters", "statistics")]
        if pair[0] is not None and pair[1] is not None:
            whose = f"{prefix}{place}"
            refuse_unusable(whose, pair[0], pair[1], training.network, finite=must_be_finite)
    for name in training.optimizer.arrays() if finite else ():
        array = arrays[f"{prefix}optimizer.{name}"]
        # squares of large gradients may be infinite: such a step is 0
        if np.isnan(array).any() or (name == "square" and (array < 0).any()):
            raise unfit(f"{prefix}optimizer.{name} has values that no training leaves")


# -- names ---------------------------------------------------------------------------------------


def _own_arrays(training: Resumable) -> Arrays:
    memory = training.optimizer.arrays().items()
    return {
        **learned_arrays(training.network),
        **{f"optimizer.{name}": array for name, array in memory},
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
        raise unfit(quoted("; ".join(problems)))


def _below(prefix: str, arrays: Arrays) -> Arrays:
    """Return copies of the arrays whose names start with a prefix, under the rest of the name."""
    return {
        name.removeprefix(prefix): array.copy()
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
