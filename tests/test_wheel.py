"""The wheel is whole: installed in an empty environment, it trains without a network or MNIST."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


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
        "inknet/exchange/model.py.txt",
        "inknet/report/templates/report.html.jinja",
        "inknet/py.typed",
    ):
        assert name in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not any(name.startswith("tests/") for name in names)


def test_the_wheel_installed_in_an_empty_environment_trains(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=True)
    pip = environment / "bin/pip"
    subprocess.run([pip, "install", "--quiet", wheel], check=True, capture_output=True, timeout=300)
    result = subprocess.run(
        [environment / "bin/inknet", "train", "--data", "sample", "--out", "run"],
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "INKNET_DATA_DIR")},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert "test accuracy" in result.stdout
    assert (tmp_path / "run/report.html").stat().st_size > 100_000
