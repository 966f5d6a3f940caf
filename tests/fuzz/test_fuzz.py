"""Every reader gives a result or an error of one line for damaged files, within 2 s and 500 MB."""

import json
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from readers import READERS

from fuzz import MEGABYTES_ALLOWED, SECONDS_ALLOWED

FUZZ = Path(__file__).with_name("fuzz.py")
CORPUS = Path(__file__).with_name("corpus")


def fuzz(reader: str, n_inputs: int, folder: Path, *options: str) -> dict[str, object]:
    """Give a reader this many inputs in a separate process; return its summary."""
    command = [sys.executable, str(FUZZ), reader, "--inputs", str(n_inputs)]
    result = subprocess.run(
        [*command, "--folder", str(folder / "fuzz"), *options],
        capture_output=True,
        text=True,
        timeout=3600,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    seen: dict[str, object] = json.loads(result.stdout.splitlines()[-1])
    print(seen)
    return seen


@pytest.mark.parametrize("reader", READERS)
def test_three_hundred_damaged_files(reader, tmp_path):
    # where coverage guides the inputs, it takes seconds to prepare, and means little to so few
    seen = fuzz(reader, 300, tmp_path, "--engine=mutation")
    assert seen["inputs"] == 300
    assert seen["read"] > 0, "not even the sound files of the corpus were read"


def test_coverage_guides_the_inputs_where_atheris_is_installed(tmp_path):
    seen = fuzz("csv", 300, tmp_path)
    assert seen["engine"] == ("mutation" if find_spec("atheris") is None else "coverage")
    assert seen["inputs"] == 300 and seen["read"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS)
def test_twenty_thousand_damaged_files(reader, tmp_path):
    seen = fuzz(reader, 20_000, tmp_path, "--seed", "1")
    assert seen["inputs"] == 20_000
    assert seen["read"] > 0


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_has_a_small_corpus(reader):
    sizes = [path.stat().st_size for path in (CORPUS / reader).iterdir()]
    assert sizes
    assert sum(sizes) < 20_000


def test_without_atheris_the_corpus_is_mutated_and_the_summary_says_so(tmp_path):
    code = (
        "import sys; sys.modules['atheris'] = None; import fuzz; "
        f"sys.argv = ['fuzz', 'csv', '--folder', {str(tmp_path / 'fuzz')!r}]; fuzz.main()"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=FUZZ.parent, capture_output=True, text=True, check=True
    )
    seen = json.loads(result.stdout.splitlines()[-1])
    assert (seen["engine"], seen["why"]) == ("mutation", "atheris is not installed")
    assert (seen["inputs"], seen["seed"]) == (1_000, 0)


def test_the_fuzzer_finds_readers_that_break_the_rules(tmp_path):
    """Make a reader raise, loop, wait and take memory; the fuzzer must report each."""
    for name, fault, limits, says in [
        ("raises", "[][0]", {}, "IndexError"),
        ("loops", "all(iter(lambda: 1, 0))", {"SECONDS_ALLOWED": 0.3}, "in file"),
        ("loops-in-c", "sum(range(10**12))", {"SECONDS_ALLOWED": 0.3}, "in file"),
        ("waits", "__import__('time').sleep(60)", {"SECONDS_WAITED": 1}, "Timeout (0:00:01)!"),
        ("fills", "bytearray(600 << 20)", {}, "MB were taken to read"),
    ]:
        code = (
            "import sys, dataclasses, fuzz; from readers import READERS; "
            f"READERS['csv'] = dataclasses.replace(READERS['csv'], read=lambda path: {fault}); "
            f"vars(fuzz).update({limits}); "
            "fuzz.warmed_up = lambda reader, folder: fuzz.Trial(reader, folder); "
            f"sys.argv = ['fuzz', 'csv', '--engine=mutation', '--folder', {str(tmp_path / name)!r}]; "
            "fuzz.main()"
        )
        result = subprocess.run(
            [sys.executable, "-c", code],
            cwd=FUZZ.parent,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert result.returncode in (1, -signal.SIGPROF), result.stderr
        assert says in result.stderr
        assert (tmp_path / name / "run" / "data.csv").exists(), "the input is kept"


def test_the_limits_are_those_that_are_promised():
    assert (SECONDS_ALLOWED, MEGABYTES_ALLOWED) == (2.0, 500)
