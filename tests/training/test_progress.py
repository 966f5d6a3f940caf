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


class Lost(io.StringIO):
    """A stream that fails after its first few writes, as a terminal that is closed."""

    def __init__(self, error):
        super().__init__()
        self.error, self.left = error, 4

    def write(self, text):
        self.left -= 1
        if self.left < 0:
            raise self.error
        return super().write(text)


@pytest.mark.parametrize(
    "error", [OSError(5, "Input/output error"), BrokenPipeError(), ValueError("closed")]
)
def test_a_terminal_that_is_gone_costs_no_training(error, monkeypatch):
    monkeypatch.setattr("os.dup2", lambda *_: None)  # rich would silence this process
    monkeypatch.setattr(ProgressBar, "REFRESH_SECONDS", 0.0)
    bar = ProgressBar(Console(file=Lost(error), force_terminal=True, width=100))
    history = make_trainer(clouds(24), clouds(9), [bar], epochs=5).run()
    assert history.stopped == "finished"


def test_lines_of_its_own_cost_no_training_and_those_of_the_caller_are_the_callers(monkeypatch):
    monkeypatch.setattr("sys.stdout", Lost(OSError(28, "No space left on device")))
    assert make_trainer(clouds(24), callbacks=[EpochLines(1)], epochs=5).run().stopped == "finished"

    def fail(line):
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        make_trainer(clouds(24), callbacks=[EpochLines(1, fail)], epochs=5).run()


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
