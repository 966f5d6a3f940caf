"""The wheel is whole: installed in an empty environment, it trains without a network or MNIST."""

import os
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
OPTIONS = ["--data", "sample", "--set", "training.epochs=2"]

# one wheel for all of them
pytestmark = [pytest.mark.first, pytest.mark.xdist_group("wheel")]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", folder, ROOT],
        check=True,
        capture_output=True,
        timeout=300,
    )
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_carries_its_data_files_and_licences(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for name in (
        "inknet/data/sample.npz",
        "inknet/data/sample.LICENSE",
        "inknet/recipes/digits.toml",
        "inknet/recipes/final.toml",
        "inknet/pretrained/handwriting.safetensors",
        "inknet/pretrained/recipe.toml",
        "inknet/pretrained/history.csv",
        "inknet/pretrained/metrics.json",
        "inknet/pretrained/README.md",
        "inknet/exchange/model.py.txt",
        "inknet/page/index.html",
        "inknet/page/style.css",
        "inknet/page/photo/character.js",
        "inknet/report/templates/report.html.jinja",
        "inknet/py.typed",
    ):
        assert name in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not any(name.startswith("tests/") for name in names)


def of_this_platform(requirement: Requirement) -> bool:
    """Whether it is needed here, without any extras."""
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})


def place_of_packages(environment: Path) -> Path:
    (place,) = environment.glob("lib/python*/site-packages")
    return place


def link_what_is_required(wheel: Path, environment: Path) -> None:
    """Install the wheel, and link what it says that it needs, and nothing else, next to it."""
    place = place_of_packages(environment)
    command = [sys.executable, "-m", "pip", "--python", environment / "bin/python", "install"]
    subprocess.run(
        [*command, "--quiet", "--no-deps", wheel], check=True, capture_output=True, timeout=300
    )
    (installed,) = Distribution.discover(name="inknet", path=[str(place)])
    there, needed = {"inknet"}, list(installed.requires or [])
    while needed:
        requirement = Requirement(needed.pop())
        if requirement.name in there or not of_this_platform(requirement):
            continue
        there.add(requirement.name)
        one = distribution(requirement.name)
        needed += one.requires or []
        # the folder of compiled files is common to several
        names = {file.parts[0] for file in one.files or []} - {"..", "__pycache__"}
        for name in names:
            (place / name).symlink_to(one.locate_file(name))


def download_what_is_required(wheel: Path, environment: Path) -> None:
    """Install the wheel as its users do, with the newest of all that it needs."""
    command = [sys.executable, "-m", "pip", "--python", environment / "bin/python", "install"]
    subprocess.run([*command, "--quiet", wheel], check=True, capture_output=True, timeout=300)


@pytest.mark.parametrize(
    "install",
    [link_what_is_required, pytest.param(download_what_is_required, marks=pytest.mark.slow)],
)
def test_the_wheel_installed_in_an_empty_environment_trains(
    wheel: Path, tmp_path: Path, install: Callable[[Path, Path], None]
) -> None:
    environment = tmp_path / "environment"
    venv.create(environment)
    install(wheel, environment)
    result = subprocess.run(
        [environment / "bin/inknet", "train", *OPTIONS, "--out", "run"],
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "INKNET_DATA_DIR")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    assert "test accuracy" in result.stdout
    assert (tmp_path / "run/report.html").stat().st_size > 100_000


def test_what_the_wheel_does_not_ask_for_is_not_there(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    venv.create(environment)
    link_what_is_required(wheel, environment)
    code = "import inknet, numpy; print(inknet.__file__); import pytest"
    result = subprocess.run(
        [environment / "bin/python", "-I", "-c", code], capture_output=True, text=True, check=False
    )
    assert result.stdout.startswith(str(place_of_packages(environment)))
    assert "No module named 'pytest'" in result.stderr
