import signal
import threading

import pytest

from inknet.errors import StudyStopped, TrainingStopped
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
    with InterruptFlag(deliver=False) as flag:
        assert flag.reason is None
        signal.raise_signal(number)
        assert flag.reason == SIGNALS[number]


@pytest.mark.parametrize("first", SIGNALS)
@pytest.mark.parametrize("second", SIGNALS)
def test_the_second_signal_acts_as_usual(first, second):
    with InterruptFlag(deliver=False) as flag, pytest.raises(Ended):
        signal.raise_signal(first)
        signal.raise_signal(second)
    assert flag.reason == SIGNALS[first]


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("interrupted", [False, True])
def test_the_handlers_from_before_come_back(number, interrupted):
    with InterruptFlag(deliver=False):
        if interrupted:
            signal.raise_signal(number)
    assert [signal.getsignal(each) for each in SIGNALS] == [end, end]


def test_the_handlers_come_back_after_an_error_too():
    with pytest.raises(ZeroDivisionError), InterruptFlag():
        _ = 1 / 0
    assert [signal.getsignal(each) for each in SIGNALS] == [end, end]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_flag_knows_what_came_before_it_to_the_one_around_it(number):
    with InterruptFlag(deliver=False) as outer:
        signal.raise_signal(number)
        with InterruptFlag() as inner:
            assert inner.reason == outer.reason == SIGNALS[number]
    with InterruptFlag() as later:
        assert later.reason is None


@pytest.mark.parametrize("number", SIGNALS)
def test_one_signal_reaches_a_flag_and_the_one_around_it_and_the_second_acts_as_usual(number):
    with InterruptFlag(deliver=False) as outer:
        with InterruptFlag() as inner:
            signal.raise_signal(number)
            assert inner.reason == outer.reason == SIGNALS[number]
            with pytest.raises(Ended):
                signal.raise_signal(number)
        assert outer.reason == SIGNALS[number]


@pytest.mark.parametrize("number", SIGNALS)
def test_in_the_end_the_signal_is_delivered_once_to_the_handler_from_before(number):
    calls = []
    signal.signal(number, lambda number, frame: calls.append(number))
    with InterruptFlag():
        with InterruptFlag():
            signal.raise_signal(number)
        assert calls == []
    assert calls == [number]
    with InterruptFlag():
        pass
    assert calls == [number]


@pytest.mark.parametrize("error", [ZeroDivisionError(), SystemExit(3)])
def test_it_is_delivered_after_an_error_too(error):
    with pytest.raises(Ended) as ended, InterruptFlag():
        signal.raise_signal(signal.SIGINT)
        raise error
    assert ended.value.__context__ is error


def test_it_is_not_delivered_if_an_error_tells_the_caller(tmp_path):
    for error in (TrainingStopped("interrupted", tmp_path, False), StudyStopped("interrupted")):
        with pytest.raises(type(error)), InterruptFlag():
            signal.raise_signal(signal.SIGINT)
            raise error


def test_outside_the_main_thread_nothing_is_installed():
    seen = []

    def work():
        with InterruptFlag() as flag:
            seen.append((signal.getsignal(signal.SIGINT), flag.reason))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(end, None)]
