"""What is printed: it costs no work where it cannot be printed, and it controls no terminal."""

import ast
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import inknet as package
from commands import INKNET, content, default_signals, environment, inknet, refusal
from inknet.errors import printable
from inknet.experiments.catalogue import read_study
from inknet.runs.folder import FILES
from trainings import outcome

SKETCHING = Path(__file__).parents[1] / "sketches.py"
FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
SHORT = ["--data", "sample", "--set", "training.epochs=3", "--set", "network.hidden=[8]"]
EVIL = "a\x1b[2Jb\x9b31mc\u202ed\re\x07f\x7fg\u2028h"


def shell(line: str, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in which ``inknet`` is the command, with sketches for pictures."""
    return subprocess.run(
        ["bash", "-c", line.replace("inknet ", f"'{sys.executable}' '{SKETCHING}' ")],
        cwd=folder,
        env=environment(**env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        preexec_fn=default_signals,
        check=False,
    )


def words(*arguments: str) -> str:
    return " ".join(f"'{word}'" for word in (*SHORT, *arguments))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    inknet("train", *SHORT, "--out", "run", folder=folder)
    return folder / "run"


# -- where it cannot be printed --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "code"),
    [
        ("| head -1 >&2; exit ${PIPESTATUS[0]}", 0),
        (">&-", 0),
        (">&- 2>&- <&-", 0),
        pytest.param(">/dev/full", 1, marks=FULL),
        pytest.param(">/dev/full 2>/dev/full", 1, marks=FULL),
    ],
)
def test_a_training_ends_as_ever_wherever_its_lines_go(where, code, whole, tmp_path):
    result = shell(f"inknet train {words('--out', 'run')} {where}", tmp_path)
    assert outcome(tmp_path / "run") == outcome(whole)
    assert result.returncode == code
    assert "Traceback" not in result.stderr
    if "2>" not in where and code:
        assert result.stderr == "inknet: the output could not be written: No space left on device\n"


def test_an_answer_that_is_lost_is_told_and_a_reader_that_has_enough_is_not(tmp_path):
    lost = shell("inknet data info sample >/dev/full", tmp_path)
    assert lost.returncode == 1
    assert lost.stderr == "inknet: the output could not be written: No space left on device\n"
    enough = shell("inknet data info sample | head -1; echo ${PIPESTATUS[0]}", tmp_path)
    assert enough.stdout.splitlines()[1:] == ["0"]
    assert enough.stderr == ""


@pytest.mark.parametrize("hang_up", [False, True])
def test_a_terminal_that_is_closed_costs_no_training(hang_up, whole, tmp_path):
    ours, theirs = pty.openpty()
    arguments = [*SHORT, "--set", "training.epochs=3" if not hang_up else "training.epochs=5000"]
    process = subprocess.Popen(
        [sys.executable, SKETCHING, "train", *arguments, "--out", "run"],
        cwd=tmp_path,
        env=environment(),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        preexec_fn=default_signals,
        start_new_session=not hang_up,
        close_fds=True,
    )
    os.close(theirs)
    os.read(ours, 10)  # it has begun to print
    if hang_up:
        time.sleep(0.3)
        process.send_signal(signal.SIGHUP)  # as the shell of the terminal would
        process.send_signal(signal.SIGHUP)
    os.close(ours)
    code = process.wait(timeout=120)
    if hang_up:
        assert code == 129
        assert [path.name for path in (tmp_path / "run").iterdir()] == ["unfinished"]
    else:
        assert code in (0, 1)  # 1: the last lines could not be written
        assert outcome(tmp_path / "run") == outcome(whole)


def test_a_console_of_ascii_alone_gets_question_marks_and_whole_json(whole, tmp_path):
    (tmp_path / "größe").symlink_to(whole)
    ascii_only = {"LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "ascii"}
    line = inknet("evaluate", "größe", folder=tmp_path, **ascii_only, fresh=True).stdout
    assert line.isascii() and "accuracy" in line
    Image.fromarray(np.eye(28, dtype=np.uint8) * 255).save(tmp_path / "größe.png")
    arguments = ["predict", "größe", "größe.png", "--json"]
    answer = inknet(*arguments, folder=tmp_path, **ascii_only, fresh=True).stdout
    assert json.loads(answer)[0]["image"] == "größe.png"


LIBRARY = """
import sys
import numpy as np
from inknet import MLP, MLPClassifier
X = np.random.default_rng(0).random((60, 4)).astype("float32")
y = (X.sum(axis=1) > 2).astype(int)
{0}
model = MLP([4, 3, 2])
model.train(X, y, num_epochs=4, print_interval=1)
assert len(model.history) == 4
MLPClassifier(max_iter=200, verbose=True, random_state=0).fit(X, y)
open("done", "w").close()
"""


@pytest.mark.parametrize(
    ("before", "where"),
    [
        ("", ">&-"),
        pytest.param("", ">&- 2>&-", marks=pytest.mark.slow),
        ("sys.stdout = None", ""),
        pytest.param("sys.stdout.close()", "", marks=pytest.mark.slow),
        ("", "> >(exec true)"),
        pytest.param("", ">/dev/full 2>/dev/full", marks=FULL),
    ],
)
def test_neither_does_it_cost_a_training_in_python(before, where, tmp_path):
    (tmp_path / "program.py").write_text(LIBRARY.format(before))
    result = shell(f"'{sys.executable}' -W ignore program.py {where}", tmp_path)
    assert (tmp_path / "done").exists(), result.stderr


# -- what could control the terminal ---------------------------------------------------------------


def assert_harmless(text: str) -> None:
    """No control or format character but the joiners, and nothing that is not Unicode."""
    wrong = {
        c
        for c in text
        if c != "\n"
        and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        and c not in "\u200c\u200d"
    }
    assert not wrong, (wrong, text)


@pytest.mark.parametrize(
    "name", ["Größe", "数字", "می‌خواهم", "हिन्दी", "👩‍🔬", "a b\u3000c", "naïve — “quoted”"]
)
def test_ordinary_names_stay_readable(name):
    assert printable(name) == name


@pytest.mark.parametrize("character", ["\x1b", "\x00", "\x9b", "\u202e", "\u2066", "\n", "\u2028"])
def test_what_controls_a_terminal_is_escaped(character):
    assert printable(character).isascii() and printable(character).startswith("\\")


@pytest.fixture
def evil(whole, tmp_path):
    """A folder of which every name tries to control the terminal."""
    bad = os.fsdecode(EVIL.encode() + b"\xff")  # and is not UTF-8
    run = tmp_path / f"{bad}run"
    run.mkdir()
    for name in FILES:
        (run / name).write_bytes((whole / name).read_bytes())
    metrics = json.loads((run / "metrics.json").read_text())
    metrics["recipe"], metrics["data"]["source"] = EVIL, EVIL
    (run / "metrics.json").write_text(json.dumps(metrics))
    Image.fromarray(np.eye(28, dtype=np.uint8) * 255).save(tmp_path / f"{bad}.png")
    header = "label," + ",".join(f"pixel{n}" for n in range(4))
    rows = "".join(f"{n % 2},{n},{n + 1},{n * 3},7\n" for n in range(40))
    (tmp_path / f"{bad}.csv").write_text(f"{header}\n{rows}")
    (tmp_path / f"{bad}-wrong.csv").write_text(f"{header}\n{rows}{EVIL},1\n")
    (tmp_path / f"{bad}-header.csv").write_text(f"{EVIL}\n{rows}")
    (tmp_path / f"{bad}.toml").write_text('[data]\nsource = "sample"\n')
    return bad


@pytest.mark.parametrize("is_json", [False, True])
def test_names_of_files_reach_no_terminal_raw(is_json, evil, tmp_path):
    bad, options = evil, {"folder": tmp_path, "COLUMNS": "300"}
    json_too = ["--json"] if is_json else []
    for arguments in (
        ["predict", f"{bad}run", f"{bad}.png", *json_too],
        ["evaluate", f"{bad}run", *json_too],
        *(
            [
                ["runs", "."],
                ["data", "info", f"{bad}.csv"],
                ["data", "show", "sample", "--out", f"{bad}-show.png"],
                ["export", f"{bad}run", "--numpy", f"{bad}.py"],
                ["train", "--recipe", f"{bad}.toml", *SHORT, "--out", f"{bad}-new"],
                ["experiment", "list"],
            ]
            if not is_json
            else []
        ),
    ):
        result = inknet(*arguments, **options)
        assert_harmless(result.stdout + result.stderr)
        if "--json" in arguments:
            json.loads(result.stdout)
    if is_json:
        (answer,) = json.loads(
            inknet("predict", f"{bad}run", f"{bad}.png", "--json", **options).stdout
        )
        assert answer["image"] == f"{bad}.png", "it names the file, whatever its bytes"


def test_neither_do_they_in_refusals(evil, tmp_path):
    bad = evil
    for arguments in (
        ["predict", f"{bad}run", f"{bad}.csv"],
        ["evaluate", bad],
        ["data", "info", f"{bad}-wrong.csv"],
        ["data", "info", f"{bad}-header.csv"],
        ["train", "--data", f"{bad}.csv", "--out", "run"],
        ["train", "--recipe", f"{bad}-no.toml"],
        ["train", "--set", f"{EVIL}=1"],
        ["train", "--resume", bad],
        ["experiment", "show", bad],
        [bad],
    ):
        assert_harmless(refusal(*arguments, folder=tmp_path))


def test_a_run_folder_whose_name_is_not_utf_8_works_from_its_own_folder(tmp_path):
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    rows = "".join(f"{n % 2},{n},{n + 1},{n * 3},7\n" for n in range(40))
    (folder / "data.csv").write_text(f"label,a,b,c,d\n{rows}")
    keys = ["--set", "training.epochs=2", "--set", "network.hidden=[3]"]
    inknet("train", "--data", "data.csv", *keys, "--out", "run", folder=folder)
    assert "accuracy" in inknet("evaluate", "run", folder=folder).stdout


def test_a_study_with_such_names_is_printed_in_every_form(tmp_path):
    arguments = ["--recipe", "digits", "--set", "data.source=sample", "--set", "data.limit=200"]
    arguments += ["--grid", "training.epochs=1", "--seeds", "0", "--name", "mine"]
    inknet("experiment", "run", *arguments, folder=tmp_path)
    path = tmp_path / "experiments/mine/study.toml"
    text = path.read_text()
    changed = re.sub(r'(?m)^(title|varies|about) = ".*"', r'\1 = "t\\u001b[2J\\u202e"', text)
    assert changed != text
    path.write_text(changed)
    assert read_study(changed, "mine", "here") is not None
    for words_ in (
        ["list"],
        ["show", "mine"],
        ["table"],
        *(["table", "--format", form] for form in ("csv", "markdown")),
    ):
        result = inknet("experiment", *words_, folder=tmp_path)
        assert_harmless(result.stdout)


def test_the_commands_print_in_one_place():
    folder = Path(package.__file__).parent / "cli"
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id != "print" or path.name in ("console.py", "app.py"), path


# -- home folders ----------------------------------------------------------------------------------


def test_the_home_folder_is_put_in_wherever_a_path_begins_with_it(whole, tmp_path):
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir(), work.mkdir()
    rows = "".join(f"{n % 2},{n},{n + 1},{n * 3},7\n" for n in range(40))
    (home / "data.csv").write_text(f"label,a,b,c,d\n{rows}")
    (home / "own.toml").write_text('[data]\nsource = "~/data.csv"\n[training]\nepochs = 1\n')
    options = {"folder": work, "HOME": str(home)}
    inknet("train", "--recipe=~/own.toml", "--out=~/run", **options)
    assert f'source = "{home}/data.csv"' in (home / "run/recipe.toml").read_text()
    inknet("train", "--data=~/data.csv", "--set", "training.epochs=1", "--out=~/two", **options)
    assert "accuracy" in inknet("evaluate", "~/run", **options).stdout
    inknet("evaluate", "~/run/model.safetensors", "--data", "~/data.csv", **options)
    inknet("export", "~/run", "--numpy", "~/m.py", **options)
    inknet("data", "show", "sample", "--out", "~/s.png", **options)
    assert {"run", "two", "m.py", "s.png"} <= {path.name for path in home.iterdir()}
    assert "two" in inknet("runs", "~", **options).stdout
    assert content(work) == {}


def test_a_home_folder_in_the_environment_is_put_in_too(mnist, tmp_path):
    (tmp_path / "digits").symlink_to(os.environ["INKNET_DATA_DIR"])
    options = {"HOME": str(tmp_path), "INKNET_DATA_DIR": "~/digits"}
    assert (
        inknet("data", "fetch", folder=tmp_path, **options).stdout
        == f"MNIST is in {tmp_path}/digits\n"
    )


# -- an early Ctrl-C -------------------------------------------------------------------------------


def test_ctrl_c_while_modules_are_loaded_gives_one_line(tmp_path):
    slow = tmp_path / "typer.py"
    slow.write_text(
        "import time\nprint('loading', flush=True)\n"
        "try:\n    time.sleep(30)\nexcept BaseException as error:\n"
        "    raise ImportError('taken for another error') from error\n"
    )
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        [INKNET, "data", "list"],
        env=environment(PYTHONPATH=path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=default_signals,
    )
    assert process.stdout.readline() == "loading\n"
    process.send_signal(signal.SIGINT)
    _, complaint = process.communicate(timeout=60)
    assert (process.returncode, complaint) == (130, "inknet: interrupted\n")
