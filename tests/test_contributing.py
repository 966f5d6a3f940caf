"""What CONTRIBUTING.md names is there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_file_that_it_names_exists():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    names = set(re.findall(r"\b(?:src|tests|docs)/[\w/]+\.\w+", text))
    assert len(names) >= 6
    assert [name for name in names if not (ROOT / name).is_file()] == []
