"""The pages about the doctor are true."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent


def test_the_page_of_findings_is_made_from_the_rules() -> None:
    made = runpy.run_path(str(ROOT / "scripts/findings.py"))["page"]()
    assert (ROOT / "docs/reference/findings.md").read_text("utf-8") == made, (
        "run python scripts/findings.py"
    )


def test_the_page_of_measurements_is_made_from_what_was_measured() -> None:
    made = runpy.run_path(str(ROOT / "scripts/doctor.py"))["page"]
    measured = json.loads((ROOT / "docs/doctor.json").read_text("utf-8"))
    assert (ROOT / "docs/doctor.md").read_text("utf-8") == made(measured)


def test_the_example_of_a_finding_is_what_it_says() -> None:
    text = (ROOT / "docs/howto/reading-a-finding.md").read_text("utf-8")
    (program,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    space: dict[str, Any] = {}
    exec(program, space)
    first = space["history"].findings[0]
    assert first.identifier == "features-not-scaled"
    assert first.setting == "--set training.standardize=true"
