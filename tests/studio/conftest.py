"""Runs that the tests of the studio's server share, trained once for a second."""

import shutil

import numpy as np
import pytest

from inknet.data import load
from inknet.recipes import load_recipe
from inknet.runs import Run, train_run
from tests.studio.serving import SHORT, client, end_trainings


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A folder with one small run; to be copied."""
    root = tmp_path_factory.mktemp("trained") / "runs"
    with pytest.MonkeyPatch.context() as patch:  # pictures take longer than the training
        patch.setattr("inknet.runs.results._draw", lambda *_: [])
        train_run(load_recipe("digits", settings=SHORT, source="sample"), root / "one")
    return root


@pytest.fixture(scope="session")
def one(trained):
    """The run in that folder."""
    return Run.open(trained / "one")


@pytest.fixture(scope="session")
def read_only(trained):
    """A client of a studio over that folder, for calls that change nothing."""
    return client(trained)


@pytest.fixture
def root(trained, tmp_path):
    """A copy of that folder; what is trained there is ended with the test."""
    shutil.copytree(trained, tmp_path / "runs")
    yield tmp_path / "runs"
    end_trainings(tmp_path / "runs")


@pytest.fixture
def studio(root):
    """A client of a studio over the copy."""
    return client(root)


@pytest.fixture(scope="session")
def digits():
    """Images (n, 28, 28) of the sample, and what they are."""
    sample = load("sample")
    return sample.images(np.arange(len(sample))), sample.targets
