"""Splits: disjoint, complete, of the requested sizes, and the same for the same seed."""

import itertools

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from making import refusal

from inknet.data import Dataset, split
from inknet.errors import InputError


def dataset(n, n_classes=3, n_official_test=0, seed=0):
    labels = np.random.default_rng(seed).integers(0, n_classes, n)
    names = tuple(str(c) for c in range(n_classes))
    return Dataset(np.zeros((n, 1), np.uint8), labels, names, None, "here", n_official_test)


def rows(parts):
    return [part.rows.tolist() for part in parts]


FRACTIONS = st.floats(0.05, 0.45)


@given(
    n=st.integers(20, 300),
    validation=FRACTIONS,
    test=FRACTIONS,
    stratified=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_parts_are_disjoint_cover_all_and_have_their_sizes(n, validation, test, stratified, seed):
    whole = dataset(n)
    arguments = {"validation": validation, "test": test, "stratified": stratified}
    try:
        parts = split(whole, np.random.default_rng(seed), **arguments)
    except InputError:  # a part would be empty
        assume(False)
    assert sorted(itertools.chain(*rows(parts))) == list(range(n))
    slack = whole.n_classes if stratified else 1
    assert abs(len(parts.validation) - validation * n) <= slack
    assert abs(len(parts.test) - test * n) <= slack
    again = split(whole, np.random.default_rng(seed), **arguments)
    assert rows(parts) == rows(again)


@given(n=st.integers(60, 400), validation=FRACTIONS, test=FRACTIONS, seed=st.integers(0, 99))
def test_a_stratified_part_has_its_share_of_each_class(n, validation, test, seed):
    whole = dataset(n, seed=seed)
    parts = split(
        whole, np.random.default_rng(0), validation=validation, test=test, stratified=True
    )
    for part, fraction in ((parts.validation, validation), (parts.test, test)):
        share = np.bincount(part.targets, minlength=3) - fraction * np.bincount(whole.targets)
        assert np.abs(share).max() <= 1


def test_another_seed_gives_other_parts():
    whole = dataset(100)
    parts, others = (split(whole, np.random.default_rng(seed)) for seed in (1, 2))
    assert rows(parts) != rows(others)


def test_the_official_test_set_is_kept_whole_and_out_of_training():
    whole = dataset(100, n_official_test=20)
    parts = split(whole, np.random.default_rng(0), validation=0.25)
    assert parts.test.rows.tolist() == list(range(80, 100))
    assert len(parts.validation) == 20
    assert max(rows(parts)[0] + rows(parts)[1]) < 80
    mixed = split(whole, np.random.default_rng(0), official_test=False)
    assert [len(part) for part in mixed] == [80, 10, 10]


def test_a_limit_draws_at_random_from_the_samples_to_be_split():
    whole = dataset(100, n_official_test=20)
    parts = split(whole, np.random.default_rng(0), limit=40, validation=0.25)
    assert [len(part) for part in parts] == [30, 10, 20]
    parts = split(whole, np.random.default_rng(0), limit=81, validation=0.25)
    assert [len(part) for part in parts] == [60, 20, 20], "a limit is at most, not exactly"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"limit": 0}, "limit is 0"),
        ({"limit": -10}, "limit is -10"),
        ({"validation": 0.0}, "validation is 0.0"),
        ({"test": float("nan")}, "test is nan"),
        ({"validation": 0.5, "test": 0.5}, "a sum below 1"),
    ],
)
def test_impossible_settings_are_refused(settings, says):
    assert says in refusal(lambda: split(dataset(50), np.random.default_rng(0), **settings))


def test_an_empty_part_is_named():
    message = refusal(lambda: split(dataset(10), np.random.default_rng(0), validation=0.01))
    assert "the validation part is empty" in message
