import io

import pytest
from rich.console import Console
from samples import clouds, make_trainer

from inknet.training.callbacks import Callback, EpochLines
from inknet.training.progress import ProgressBar


def run(console):
    lines = EpochLines(2, console.print)
    make_trainer(clouds(24), clouds(9), [lines, ProgressBar(console)], epochs=5).run()
    return console.file.getvalue()


def test_without_a_terminal_only_lines_are_printed():
    lines = run(Console(file=io.StringIO(), width=80)).splitlines()
    assert [line.split()[1] for line in lines] == ["1/5", "2/5", "4/5", "5/5"]


def test_a_terminal_sees_a_bar_and_has_its_cursor_back_afterwards(monkeypatch):
    monkeypatch.setattr(ProgressBar, "REFRESH_SECONDS", 0.0)
    text = run(Console(file=io.StringIO(), force_terminal=True, width=100))
    assert "steps" in text
    assert "15/15" in text
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_terminal_has_its_cursor_back_after_an_error_too(error):
    class Fail(Callback):
        def on_step_end(self, trainer):
            raise error

    console = Console(file=io.StringIO(), force_terminal=True)
    trainer = make_trainer(clouds(24), callbacks=[ProgressBar(console), Fail()])
    with pytest.raises(error):
        trainer.run()
    text = console.file.getvalue()
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1
