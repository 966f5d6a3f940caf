import signal
import threading

import pytest

from inknet.training.interrupt import InterruptFlag


@pytest.fixture(autouse=True)
def usual_handler():
    """Whatever the runner of the tests listens with, these begin with Python's own handler."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_the_first_ctrl_c_only_sets_the_flag():
    with InterruptFlag() as flag:
        assert not flag.is_set
        signal.raise_signal(signal.SIGINT)
        assert flag.is_set


def test_the_second_ctrl_c_interrupts_as_usual():
    with InterruptFlag(), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("interrupted", [False, True])
def test_the_handler_from_before_comes_back(interrupted):
    heard = []

    def mine(number, frame):
        heard.append(number)

    signal.signal(signal.SIGINT, mine)
    with InterruptFlag():
        if interrupted:
            signal.raise_signal(signal.SIGINT)
        assert heard == []
    assert signal.getsignal(signal.SIGINT) is mine


def test_the_handler_comes_back_after_an_error_too():
    with pytest.raises(ZeroDivisionError), InterruptFlag():
        _ = 1 / 0
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_outside_the_main_thread_nothing_is_installed():
    seen = []

    def work():
        with InterruptFlag() as flag:
            seen.append((signal.getsignal(signal.SIGINT), flag.is_set))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(signal.default_int_handler, False)]
