"""metrics.json: the figures of a run, read from its folder and checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from inknet.errors import InputError, quoted

METRICS_FORMAT = 1
LARGEST_FILE = 1 << 28  # bytes; the confusion matrix of 4,000 classes takes 50 to 200 MB
MOST_LISTS = 100_000  # the matrix has one for each class; Python takes 64 bytes for each

Share = Annotated[float, Field(ge=0, le=1)]
NotNegative = Annotated[float, Field(ge=0, le=1e15)]
Count = Annotated[int, Field(ge=0, lt=2**63)]


class _Table(BaseModel):
    """The keys of a table that inknet reads; it may have others."""

    model_config = ConfigDict(strict=True)


class _Test(_Table):
    accuracy: Share
    errors: Count
    samples: Count


class _Training(_Table):
    seconds: NotNegative
    epochs: Count
    stopped: str


class _Data(_Table):
    source: str
    digest: str | None = None  # of the source; runs of inknet 0.2 have none
    test_digest: str | None = None


class _Metrics(_Table):
    recipe: str
    seed: int
    test: _Test
    training: _Training
    data: _Data


def read_metrics(path: Path) -> dict[str, Any]:
    """Return the content of a ``metrics.json``.

    Raises
    ------
    InputError
        If it is not a file that a run writes: a key is missing or of another type.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise InputError(f"{path}: larger than any metrics, {path.stat().st_size:,} bytes")
        text = path.read_text("utf-8-sig")
        if text.count("[") + text.count("{") > MOST_LISTS:
            raise InputError(f"{path}: more than {MOST_LISTS:,} lists and tables")
        metrics = json.loads(text)
    except InputError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read: {quoted(error)}") from None
    if not isinstance(metrics, dict) or metrics.get("format") != METRICS_FORMAT:
        raise InputError(f"{path}: not the metrics of an inknet run")
    try:
        _Metrics.model_validate(metrics)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(name) for name in problem["loc"])
        raise InputError(f"{path}: {place}: {quoted(problem['msg'])}") from None
    return metrics
