"""A program that trains in a loop ends as a signal asks, and what it learned until then is whole."""

import signal
import subprocess
import sys
import textwrap

import pytest

from commands import default_signals, environment
from inknet.training.ending import HUNG_UP
from inknet.training.interrupt import InterruptFlag

LOOP = """
import signal, sys
import numpy as np
from inknet import MLP, Callback

generator = np.random.default_rng(0)
X = generator.random((400, 8), np.float32)
y = (X.sum(axis=1) > 4).astype(int)

class Signal(Callback):
    def on_gradients(self, trainer):
        if trainer.step == 7:
            signal.raise_signal(getattr(signal, sys.argv[1]))

    def on_train_end(self, trainer):
        print(trainer.step, trainer.history.stopped, flush=True)

def train(model):
    model.train(X, y, num_epochs=50, batch_size=100, callbacks=[Signal()])
"""


def run(program, number):
    return subprocess.run(
        [sys.executable, "-c", LOOP + textwrap.dedent(program), number.name],
        env=environment(),
        capture_output=True,
        text=True,
        preexec_fn=default_signals,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("number", "ending"),
    [
        (signal.SIGINT, "interrupted"),
        (signal.SIGTERM, "terminated"),
        (signal.SIGHUP, "hung up"),
    ],
)
def test_a_signal_ends_a_loop_of_trainings_after_the_step_it_came_in(number, ending):
    result = run("for seed in range(3): train(MLP([8, 5, 2], random_seed=seed))", number)
    assert result.stdout == f"8 {ending}\n"
    assert result.returncode == -number, result.stderr  # as any program that it ends
    assert ("KeyboardInterrupt" in result.stderr) == (number == signal.SIGINT)


def test_after_ctrl_c_the_model_holds_what_it_learned():
    result = run(
        """
        model = MLP([8, 5, 2])
        try:
            train(model)
        except KeyboardInterrupt:
            print(len(model.history), model.history.stopped, model.predict(X).shape)
        model.train(X, y, num_epochs=1)
        print(model.history.stopped)
        """,
        signal.SIGINT,
    )
    assert result.stdout.splitlines()[1:] == ["1 interrupted (400,)", "finished"]
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_handler_of_the_programs_own_is_called_once_with_the_step_complete(number):
    result = run(
        """
        calls = []
        def handler(number, frame):
            calls.append(number)
            print("handler", flush=True)
            if len(sys.argv) > 2:
                sys.exit(3)
        signal.signal(getattr(signal, sys.argv[1]), handler)
        train(MLP([8, 5, 2]))
        assert signal.getsignal(calls[0]) is handler
        sys.argv.append("exit")
        train(MLP([8, 5, 2]))
        """,
        number,
    )
    said = {signal.SIGINT: "8 interrupted", signal.SIGTERM: "8 terminated"}[number]
    assert result.stdout.splitlines() == [said, "handler", said, "handler"]
    assert result.returncode == 3, result.stderr


def test_in_another_thread_signals_are_the_programs_matter():
    result = run(
        """
        import threading
        seen = []
        signal.signal(signal.SIGTERM, lambda *_: seen.append(1))
        thread = threading.Thread(target=train, args=[MLP([8, 5, 2])])
        thread.start()
        thread.join()
        print(len(seen))
        """,
        signal.SIGTERM,
    )
    assert result.stdout.splitlines() == ["200 finished", "1"]


def test_what_ignores_a_signal_trains_to_its_end():
    result = run(
        """
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
        train(MLP([8, 5, 2]))
        """,
        signal.SIGHUP,
    )
    assert (result.stdout, result.returncode) == ("200 finished\n", 0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_is_ignored_stays_ignored(number):
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with InterruptFlag() as flag:
            signal.raise_signal(number)
            assert flag.reason is None
        assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, before)


def test_a_lost_terminal_is_heard_however_often_it_is_told():
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        with InterruptFlag(deliver=False) as flag:
            for _ in range(3):  # the default would end this process
                signal.raise_signal(signal.SIGHUP)
            assert flag.reason == HUNG_UP
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL
        signal.signal(
            signal.SIGHUP, lambda *_: 1 / 0
        )  # a program's own: perhaps to read its settings again
        with pytest.raises(ZeroDivisionError), InterruptFlag():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
