"""How findings of the doctor look in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inknet.training.findings import Finding

if TYPE_CHECKING:
    from inknet.cli.terminal import Terminal

STYLES = {"error": "bold red", "warning": "bold yellow", "note": "bold"}


def print_finding(console: Terminal, finding: Finding, *, whole: bool = True) -> None:
    """Print the lines of a finding; if not the whole, of a note, which is no fault, the first."""
    first, *others = finding.lines()
    console.print(first, style=STYLES[finding.severity])
    for line in others if whole or finding.is_alarm else ():
        console.print(f"  {line}")
