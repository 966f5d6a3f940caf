import threading

import pytest
from samples import clouds, make_trainer
from threadpoolctl import threadpool_info, threadpool_limits

from inknet import MLPClassifier
from inknet.nn.ops import parallel
from inknet.training import threads
from inknet.training.callbacks import Callback
from inknet.training.threads import one_blas_thread


def blas_threads():
    """How many threads each BLAS library in this process may use."""
    return [
        library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"
    ]


def set_blas_threads(n):
    """Set them from a thread that ends: while it lives, no other thread may change them."""
    thread = threading.Thread(target=lambda: threadpool_limits(n, user_api="blas"))
    thread.start()
    thread.join()


@pytest.fixture(autouse=True)
def three_blas_threads():
    """Let there be something to limit, whatever the machine and its environment say."""
    (before,) = set(blas_threads()) or {1}
    set_blas_threads(3)
    if set(blas_threads()) != {3}:
        pytest.skip("this BLAS library has one thread alone")
    yield
    set_blas_threads(before)


def test_there_is_one_thread_inside_and_as_many_as_before_outside():
    with one_blas_thread():
        assert set(blas_threads()) == {1}
    assert set(blas_threads()) == {3}
    with one_blas_thread():
        assert set(blas_threads()) == {1}


def test_an_error_gives_the_threads_back():
    with pytest.raises(RuntimeError, match="not today"), one_blas_thread():
        raise RuntimeError("not today")
    assert set(blas_threads()) == {3}


@pytest.mark.parametrize("first_lives_on", [False, True])
def test_of_several_that_overlap_the_last_gives_the_threads_back(first_lives_on):
    first_is_in, second_is_in, first_is_out, all_is_seen = (threading.Event() for _ in range(4))
    seen = []

    def first():
        with one_blas_thread():
            first_is_in.set()
            assert second_is_in.wait(30)
        first_is_out.set()
        if first_lives_on:
            assert all_is_seen.wait(30)

    def second():
        assert first_is_in.wait(30)
        with one_blas_thread():
            second_is_in.set()
            assert first_is_out.wait(30)
            seen.append(set(blas_threads()))

    threads = [threading.Thread(target=target) for target in (first, second)]
    for thread in threads:
        thread.start()
    threads[1].join(60)
    seen.append(set(blas_threads()))
    all_is_seen.set()
    threads[0].join(60)
    assert seen == [{1}, {3}]


class Look(Callback):
    """Looks at the threads in each step; may fail in the second."""

    def __init__(self, error=None):
        self.seen, self.error = set(), error

    def on_step_end(self, trainer):
        self.seen.update(blas_threads())
        if trainer.step == 2 and self.error is not None:
            raise self.error


@pytest.mark.parametrize("error", [None, RuntimeError("not today"), KeyboardInterrupt()])
def test_a_training_has_one_thread_and_gives_the_rest_back_however_it_ends(error):
    look = Look(error)
    trainer = make_trainer(clouds(24), callbacks=[look], epochs=2)
    if error is None:
        trainer.run()
    else:
        with pytest.raises(type(error)):
            trainer.run()
    assert look.seen == {1}
    assert set(blas_threads()) == {3}


def test_trainings_in_several_threads_share_the_limit():
    looks = [Look() for _ in range(4)]
    threads = [
        threading.Thread(
            target=make_trainer(clouds(48), callbacks=[look], epochs=1 + 3 * number).run
        )
        for number, look in enumerate(looks)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [look.seen for look in looks] == [{1}] * 4
    assert set(blas_threads()) == {3}


class CountParts(Callback):
    """Splits some work in each step, as a product does; and looks at the threads there are."""

    def __init__(self):
        self.n_parts, self.names = set(), set()

    def on_step_end(self, trainer):
        parts = []
        parallel.in_parts(lambda first, last: parts.append(first), 100, 100)
        self.n_parts.add(len(parts))
        self.names.update(thread.name.rsplit("_")[0] for thread in threading.enumerate())


def train_a_recipe(callback):
    make_trainer(clouds(2100), callbacks=[callback], epochs=1).run()


def fit_an_estimator(callback):
    data = clouds(2100)
    MLPClassifier(max_iter=1, batch_size=700, callbacks=[callback]).fit(data.features, data.targets)


@pytest.mark.parametrize("train", [train_a_recipe, fit_an_estimator])
@pytest.mark.parametrize("n_allowed", [1, 2, 3])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_bound_on_the_threads_of_blas_holds_for_those_of_a_training(
    monkeypatch, train, n_allowed
):
    for name, value in (("LEAST_WORK", 1), ("n_cores", lambda: 4)):
        monkeypatch.setattr(parallel, name, value)
    monkeypatch.setattr(threads, "n_cores", lambda: 4)
    monkeypatch.setattr("inknet.training.prefetch.allowed_threads", threads.allowed_threads)
    monkeypatch.setattr("inknet.training.fastest.LEAST_WORK", 0)
    monkeypatch.setattr("inknet.sklearn.solvers.LEAST_WORK_TO_LIMIT", 0)
    count = CountParts()
    with threadpool_limits(n_allowed, user_api="blas"):
        train(count)
    assert count.n_parts == {n_allowed}
    assert ("inknet-batches" in count.names) == (n_allowed > 1)
