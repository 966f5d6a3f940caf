"""All runs of a study are trained on the same data: others cannot be compared with them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from inknet.data.digest import source_digest
from inknet.errors import InputError, quoted
from inknet.experiments.plan import Job, Plan
from inknet.experiments.results import Result
from inknet.recipes import DataRecipe
from inknet.runs.prepare import load_source


class SameData:
    """The digests of the data that the runs of a study were trained on.

    Parameters
    ----------
    folder
        Of the study, for messages.
    plan
        Its runs.
    finished
        Those that are done. Results of inknet 0.2 do not say what they were trained on.
    """

    def __init__(self, folder: Path, plan: Plan, finished: Mapping[str, Result]) -> None:
        self.folder = folder
        self._sources = {job.name: _source_of(job) for job in plan.jobs}
        self._digests: dict[str, str] = {}
        for name, result in finished.items():
            self.check(name, result.data)

    def check(self, name: str, digest: str | None) -> None:
        """Raise `InputError` if a run was trained on other data than those before it."""
        source = self._sources.get(name)
        if source is None or digest is None:
            return
        if self._digests.setdefault(source, digest) != digest:
            raise InputError(
                f"{self.folder}: {quoted(source)} was changed since the study was begun; "
                "restore it, or choose another place with --out"
            )

    def check_sources(self, jobs: Iterable[Job]) -> None:
        """Raise `InputError` if the source of a run that is to be done was changed."""
        for source, job in {_source_of(job): job for job in jobs}.items():
            if source in self._digests:
                digest = None
                with suppress(InputError):  # it may be on the machines of a cluster alone
                    digest = source_digest(load_source(_data_of(job)))
                self.check(job.name, digest)


def _source_of(job: Job) -> str:
    """Return the source of a run, and how it is read if that is not as usual."""
    data = _data_of(job)
    how = data.model_dump(
        include={"label", "transpose", "class_names", "groups"}, exclude_none=True
    )
    return f"{data.source} {how}" if how else data.source


def _data_of(job: Job) -> DataRecipe:
    return DataRecipe(**tomllib.loads(job.recipe)["data"])
