"""The folder of a study: what was planned, and one file for each run that is done.

=============== ==================================================================================
study.toml      the study as the catalogue, or the command line, described it
manifest.json   what decides all of its runs: a digest of their recipes, ops, version
runs/NAME.json  one finished run: figures, history and recipe
study.png       the picture of the study
lock            held by the process that is at work here, as long as it lives
=============== ==================================================================================

A run's file appears whole or not at all, so a study that was stopped at any moment continues with
the runs that have none.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError

import inknet
from inknet.errors import InputError, quoted
from inknet.experiments.catalogue import Study, read_study
from inknet.experiments.measured import write_json
from inknet.experiments.plan import Plan
from inknet.experiments.work import RESULT_FORMAT
from inknet.files import lock_in, refuse_link_out_of, refuse_long_path, write_text_whole
from inknet.runs.metrics import Count, NotNegative, Share

PICTURE = "study.png"
LARGEST_FILE = 1 << 26  # bytes; a run of a million epochs
LARGEST_STUDY_FILE = 1 << 23  # bytes; 10,000 rows

PartType = TypeVar("PartType", bound=BaseModel)
Number = Annotated[float, Field(allow_inf_nan=False)]
RunName = Annotated[str, Field(pattern=r"^[\w+-][\w.+-]*$", max_length=200)]


class _Part(BaseModel):
    """A table of a file: what inknet reads of it; there may be more in it."""

    model_config = ConfigDict(strict=True, frozen=True)


class TestFigures(_Part):
    """What a run reached on its test data."""

    __test__ = False  # pytest takes every class of such a name for tests

    accuracy: Share
    errors: Count
    samples: Count
    loss: NotNegative | None


class Result(_Part):
    """One finished run."""

    format: Literal[1]
    name: str
    row: str
    seed: Annotated[int, Field(ge=0)]
    outcome: Literal["finished", "diverged", "failed"]
    error: str | None = None
    test: TestFigures | None = None
    train_accuracy: Share | None = None
    validation_accuracy: Share | None = None
    active: Share | None = None
    epochs: Count = 0
    best_epoch: Count | None = None
    stopped: str = ""
    seconds: NotNegative = 0.0
    data: str | None = None
    """The digest of the source; results of inknet 0.2 have none."""
    weights: str = ""
    history: dict[str, list[Number | list[Number | None] | None]] = {}
    process: int = 0

    def curve(self, column: str) -> list[float]:
        """Return a measurement over the epochs; what is not a number is left out."""
        values = self.history.get(column, [])
        return [value for value in values if isinstance(value, float)]


class Manifest(_Part):
    """What decides all runs of a study."""

    format: Literal[1]
    study: str
    digest: str
    changes: list[str]
    runs: list[RunName]
    ops: str
    inknet: str


class StudyFolder:
    """The folder of one study, which need not exist."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runs = folder / "runs"

    # -- reading ----------------------------------------------------------------------------------

    @property
    def exists(self) -> bool:
        """Whether a study was begun here."""
        return (self.folder / "manifest.json").is_file()

    def manifest(self) -> Manifest:
        """Return what decides the runs; raise `InputError` if it is not what inknet writes."""
        return _read(self.folder, self.folder / "manifest.json", Manifest)

    def study(self) -> Study:
        """Return the study."""
        path = self.folder / "study.toml"
        refuse_link_out_of(self.folder, path)
        try:
            if path.exists() and not path.is_file():  # a pipe would be waited for
                raise InputError(f"{path}: cannot be read: it is no file")
            if path.stat().st_size > LARGEST_STUDY_FILE:
                raise InputError(f"{path}: larger than any study")
            text = path.read_text("utf-8-sig")
        except InputError:
            raise
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: cannot be read: {quoted(error)}") from None
        return read_study(text, self.folder.name, str(path))

    def results(self) -> dict[str, Result]:
        """Return the finished runs, by name, in the order of the plan."""
        found = {}
        for name in self.manifest().runs:
            path = self.runs / f"{name}.json"
            if path.is_file():
                found[name] = _read(self.folder, path, Result)
        return found

    # -- writing ----------------------------------------------------------------------------------

    @contextmanager
    def at_work(self, plan: Plan, changes: list[str]) -> Iterator[None]:
        """Hold the folder for this process alone; make it if it is not there.

        Raises
        ------
        InputError
            If another process is at work here, the folder is not of this plan, or it or what would
            be written to is a link.
        """
        from filelock import Timeout

        refuse_long_path(self.folder)
        refuse_link_out_of(self.folder.parent, self.folder)
        refuse_link_out_of(self.folder, self.runs)
        self._check(plan)
        try:
            self.runs.mkdir(parents=True, exist_ok=True)
            lock = lock_in(self.folder)
            lock.acquire()
        except Timeout:
            raise InputError(f"{self.folder}: another process is at work on this study") from None
        except OSError as error:
            raise InputError(
                f"{self.folder}: cannot be written: {error.strerror or error}"
            ) from None
        try:
            self._check(plan)  # another process may have begun meanwhile
            self._describe(plan, changes)
            yield
        finally:
            lock.release()

    def put(self, result: dict[str, Any]) -> Result:
        """Save a finished run; `InputError` if it is not what `Result` describes."""
        try:
            checked = Result.model_validate(result)
        except ValidationError as error:
            raise InputError(f"{self.folder}: a result: {_first_problem(error)}") from None
        write_json(self.runs / f"{checked.name}.json", result)
        return checked

    def _check(self, plan: Plan) -> None:
        """Raise `InputError` unless the folder is free, or holds runs of this very plan."""
        if not self.exists:
            try:
                foreign = sorted(
                    path.name for path in self.folder.iterdir() if path.name not in _OURS
                )
            except FileNotFoundError:
                return
            except OSError as error:
                raise InputError(f"{self.folder}: cannot be used: {error.strerror}") from None
            if foreign:
                raise InputError(
                    f"{self.folder}: holds {quoted(foreign[0])} and is not a study; "
                    "choose another place with --out"
                )
            return
        manifest, remedy = self.manifest(), "move it away, or choose another place with --out"
        if manifest.digest != plan.digest:
            raise InputError(
                f"{self.folder}: is of another version of the study "
                f"{plan.study.name}, with other recipes; {remedy}"
            )
        (ops,) = {job.ops for job in plan.jobs}
        for what, before, now in (
            ("on ops", manifest.ops, ops),
            ("with inknet", manifest.inknet, inknet.__version__),
        ):
            if before != now:
                raise InputError(f"{self.folder}: was begun {what} {before}, not {now}; {remedy}")

    def _describe(self, plan: Plan, changes: list[str]) -> None:
        entry = plan.study.model_dump(exclude_none=True, exclude_defaults=True)
        write_text_whole(self.folder / "study.toml", tomli_w.dumps(entry))
        manifest = {
            "format": RESULT_FORMAT,
            "study": plan.study.name,
            "digest": plan.digest,
            "changes": changes,
            "runs": [job.name for job in plan.jobs],
            "ops": plan.jobs[0].ops,
            "inknet": inknet.__version__,
        }
        write_json(self.folder / "manifest.json", manifest)


_OURS = {"lock", "runs", "study.toml"}
"""What a process that was ended at once may leave without a manifest."""


def study_folders(root: Path) -> list[StudyFolder]:
    """Return the studies that were begun in the folders directly below one, by name."""
    return [StudyFolder(path.parent) for path in sorted(root.glob("*/manifest.json"))]


def _read(folder: Path, path: Path, kind: type[PartType]) -> PartType:
    refuse_link_out_of(folder, path)
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise InputError(f"{path}: larger than any file of a study")
        return kind.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise InputError(f"{path}: {_first_problem(error)}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, problem["loc"])) or "content"
    return quoted(f"{place}: {problem['msg']}")
