"""Run ``inknet train`` with a last step that never ends, for a test to interrupt."""

import os
import sys
import time

from inknet.cli import app as cli
from inknet.report import page as report


def save_for_ever(*_: object, **__: object) -> None:
    """Stand in for the writing of the report."""
    os.write(own_stdout, b"saving\n")
    time.sleep(60)


own_stdout = os.dup(1)
os.dup2(2, 1)  # what the command prints is of no interest
report.write_report = save_for_ever
sys.argv = [
    "inknet",
    "train",
    "--data",
    "sample",
    "--set",
    "training.epochs=1",
    "--out",
    sys.argv[1],
]
cli.main()
