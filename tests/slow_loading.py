"""Run ``inknet`` with data that take a moment to load, or results to write, for a test to signal."""

import os
import sys
import time

from inknet.cli import app as cli
from inknet.report import page as report
from inknet.runs import prepare as run
from sketches import sketch_pictures

place, *arguments = sys.argv[1:]


def slowly(function):  # type: ignore[no-untyped-def]
    def slow(*args, **keywords):  # type: ignore[no-untyped-def]
        os.write(own_stdout, b"now\n")
        end = time.monotonic() + 0.7
        while time.monotonic() < end:
            time.sleep(0.05)
        return function(*args, **keywords)

    return slow


own_stdout = os.dup(1)
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what the command prints is of no interest
if place == "loading":
    run.load = slowly(run.load)
else:
    report.write_report = slowly(report.write_report)
sketch_pictures()
sys.argv = ["inknet", *arguments]
cli.main()
