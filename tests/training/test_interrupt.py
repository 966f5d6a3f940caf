import signal
import threading

import pytest

from inknet.training.ending import INTERRUPTED, TERMINATED
from inknet.training.interrupt import InterruptFlag

SIGNALS = {signal.SIGINT: INTERRUPTED, signal.SIGTERM: TERMINATED}


class Ended(Exception):  # noqa: N818
    """What the handler raises that these tests begin with, for both signals."""


def end(number, frame):
    raise Ended


@pytest.fixture(autouse=True)
def usual_handlers():
    """Whatever the runner of the tests listens with, these begin with a handler of their own."""
    before = {number: signal.signal(number, end) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_only_gives_the_flag_its_reason(number):
    with InterruptFlag() as flag:
        assert flag.reason is None
        signal.raise_signal(number)
        assert flag.reason == SIGNALS[number]


@pytest.mark.parametrize("first", SIGNALS)
@pytest.mark.parametrize("second", SIGNALS)
def test_the_second_signal_acts_as_usual(first, second):
    with InterruptFlag() as flag, pytest.raises(Ended):
        signal.raise_signal(first)
        signal.raise_signal(second)
    assert flag.reason == SIGNALS[first]


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("interrupted", [False, True])
def test_the_handlers_from_before_come_back(number, interrupted):
    with InterruptFlag():
        if interrupted:
            signal.raise_signal(number)
    assert [signal.getsignal(each) for each in SIGNALS] == [end, end]


def test_the_handlers_come_back_after_an_error_too():
    with pytest.raises(ZeroDivisionError), InterruptFlag():
        _ = 1 / 0
    assert [signal.getsignal(each) for each in SIGNALS] == [end, end]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_flag_knows_what_came_before_it_to_the_one_around_it(number):
    with InterruptFlag() as outer:
        signal.raise_signal(number)
        with InterruptFlag() as inner:
            assert inner.reason == outer.reason == SIGNALS[number]
    with InterruptFlag() as later:
        assert later.reason is None


@pytest.mark.parametrize("number", SIGNALS)
def test_one_signal_reaches_a_flag_and_the_one_around_it_and_the_second_acts_as_usual(number):
    with InterruptFlag() as outer:
        with InterruptFlag() as inner:
            signal.raise_signal(number)
            assert inner.reason == outer.reason == SIGNALS[number]
            with pytest.raises(Ended):
                signal.raise_signal(number)
        assert outer.reason == SIGNALS[number]


def test_outside_the_main_thread_nothing_is_installed():
    seen = []

    def work():
        with InterruptFlag() as flag:
            seen.append((signal.getsignal(signal.SIGINT), flag.reason))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(end, None)]
