"""Pictures are the same whatever Matplotlib is set to, and the user's settings stay as they are."""

import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt

from commands import environment, inknet
from inknet import InputError
from inknet.report import plots
from inknet.report.evaluation import Evaluation
from inknet.report.images import plot_images, plot_mistakes, plot_versions, plot_weights
from inknet.training.history import EpochRecord, History
from trainings import options, outcome, pictures

HISTORY = History([EpochRecord(n, 1 / n, 0.5, 1 / n, 0.4, 0.1, 1.0, 0.9) for n in (1, 2, 3)])
EVALUATION = Evaluation(np.array([[5, 1], [2, 7]]), 0.1, ("a", "b"))
DIGITS = np.arange(4 * 64, dtype=np.uint8).reshape(4, 8, 8)
PLOTS = {
    "history": lambda path: plots.plot_history(HISTORY, path),
    "confusion": lambda path: plots.plot_confusion(EVALUATION, path),
    "weights": lambda path: plot_weights(np.eye(16, 5), (4, 4), path),
    "mistakes": lambda path: plot_mistakes(DIGITS, list("abcd"), list("bcda"), [0.9] * 4, path),
    "images": lambda path: plot_images(DIGITS, list("abcd"), path),
    "versions": lambda path: plot_versions(DIGITS[0], DIGITS, path),
}
SETTINGS = {
    "text.usetex": True,
    "savefig.dpi": 100_000,
    "figure.dpi": 1,
    "font.family": "no such font",
    "font.size": 60,
    "axes.prop_cycle": mpl.cycler(color=["r"]),
    "savefig.bbox": "tight",
    "savefig.transparent": True,
    "axes.formatter.use_mathtext": True,
    "path.sketch": (1.0, 100.0, 2.0),
    "image.cmap": "jet",
}


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    folder = tmp_path_factory.mktemp("usual")
    for name, plot in PLOTS.items():
        plot(folder / f"{name}.png")
    return folder


@pytest.mark.parametrize("name", PLOTS)
def test_no_setting_of_the_user_changes_a_picture_or_is_changed(name, usual, tmp_path):
    with mpl.rc_context():
        plt.style.use("dark_background")
        mpl.rcParams.update(SETTINGS)
        figure = plt.figure()
        before = dict(mpl.rcParams), mpl.get_backend(), plt.get_fignums(), plt.isinteractive()
        PLOTS[name](tmp_path / "own.png")
        assert (dict(mpl.rcParams), mpl.get_backend(), plt.get_fignums(), plt.isinteractive()) == before  # fmt: skip
        plt.close(figure)
    assert (tmp_path / "own.png").read_bytes() == (usual / f"{name}.png").read_bytes()


def test_settings_come_back_after_an_error_too(tmp_path):
    with mpl.rc_context({"font.size": 33}):
        with pytest.raises(InputError, match="cannot be drawn: TypeError"):
            plots.plot_history(None, tmp_path / "none.png")
        assert mpl.rcParams["font.size"] == 33
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", PLOTS)
def test_a_path_may_be_a_string(name, usual, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for path in ("drawn.png", str(tmp_path / "drawn2.png"), "~/drawn3.png", "drawn4"):
        PLOTS[name](path)
    drawn = sorted(tmp_path.iterdir())
    assert [path.name for path in drawn] == ["drawn.png", "drawn2.png", "drawn3.png", "drawn4"]
    for path in drawn:
        assert path.read_bytes() == (usual / f"{name}.png").read_bytes()


@pytest.mark.parametrize("path", [None, 3, b"bytes.png"])
def test_what_is_no_path_is_refused(path):
    for write in (PLOTS["history"], HISTORY.save_csv):
        with pytest.raises(InputError, match="is not a path; expected a str or a Path"):
            write(path)


def test_a_history_is_saved_under_a_string(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    HISTORY.save_csv("h.csv")
    HISTORY.save_csv(tmp_path / "path.csv")
    assert (tmp_path / "h.csv").read_text() == (tmp_path / "path.csv").read_text()
    with pytest.raises(InputError, match=r"nowhere/h\.csv: cannot be written"):
        HISTORY.save_csv("nowhere/h.csv")


DRAW = """
import sys
from inknet.report import plots
from inknet.training.history import EpochRecord, History
records = [EpochRecord(n, 1 / n, 0.5, 1 / n, 0.4, 0.1, 1.0, 0.9) for n in (1, 2, 3)]
plots.plot_history(History(records), sys.argv[1])
"""


@pytest.mark.parametrize(
    ("rc", "env"),
    [
        (b"\xff\xfe not text", {}),
        (b"text.usetex: True\nsavefig.dpi: 1000000\nno colon\nno.such.key: 1\nfont.size: big\n", {}),
        (None, {"MPLBACKEND": "no_such_backend"}),
        (None, {"MPLBACKEND": "module://no.such.module"}),
        (None, {"MPLCONFIGDIR": "/proc/nowhere"}),
        (None, {"MATPLOTLIBRC": "/proc/self/mem"}),
    ],
)  # fmt: skip
def test_settings_that_cannot_even_be_read_change_no_picture(rc, env, usual, tmp_path):
    if rc is not None:
        (tmp_path / "matplotlibrc").write_bytes(rc)
    done = subprocess.run(
        [sys.executable, "-c", DRAW, "drawn.png"],
        cwd=tmp_path,
        env=environment(**env),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "drawn.png").read_bytes() == (usual / "history.png").read_bytes()


def test_a_run_has_all_its_pictures_whatever_the_settings(tmp_path):
    short = ["train", *options(training__epochs=2, training__patience=1), "--out", "run"]
    for folder, rc in (
        ("usual", None),
        ("tex", b"text.usetex: True\nsavefig.dpi: 1000000\nfont.family: none\n"),
        ("bytes", b"\xff\xfe not text"),
    ):
        (tmp_path / folder).mkdir()
        if rc is not None:
            (tmp_path / folder / "matplotlibrc").write_bytes(rc)
        env = {"MPLBACKEND": "no_such_backend", "MPLCONFIGDIR": "/proc/nowhere"} if rc else {}
        result = inknet(*short, folder=tmp_path / folder, fresh=True, **env)
        assert result.stderr == ""
    usual, tex, odd = (tmp_path / folder / "run" for folder in ("usual", "tex", "bytes"))
    assert outcome(tex) == outcome(odd) == outcome(usual)
    assert pictures(tex) == pictures(odd) == pictures(usual)


def test_two_threads_that_draw_leave_the_settings_of_the_user(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    with mpl.rc_context({"font.size": 33, "text.usetex": True}):
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(PLOTS["versions"], (tmp_path / f"{n}.png" for n in range(12))))
        assert mpl.rcParams["font.size"] == 33
        assert mpl.rcParams["text.usetex"]
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1
