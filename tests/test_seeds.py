from dataclasses import fields

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from inknet.seeds import Streams

NAMES = [field.name for field in fields(Streams)]


def first_draws(seed):
    streams = Streams.from_seed(seed)
    return {name: getattr(streams, name).random(8).tolist() for name in NAMES}


def test_there_is_a_stream_for_each_thing_that_is_random():
    assert NAMES == ["split", "initialization", "shuffling", "dropout", "augmentation"]


@given(st.integers(0, 2**128))
@settings(max_examples=30, deadline=None)
def test_streams_are_the_children_of_numpys_seed_sequence(seed):
    children = np.random.SeedSequence(seed).spawn(len(NAMES))
    for name, child in zip(NAMES, children, strict=True):
        assert_array_equal(first_draws(seed)[name], np.random.default_rng(child).random(8))


def test_no_two_streams_of_any_seed_are_alike():
    draws = [tuple(draw) for seed in range(50) for draw in first_draws(seed).values()]
    assert len(set(draws)) == len(draws)


def test_drawing_from_one_stream_does_not_disturb_another():
    disturbed = Streams.from_seed(7)
    disturbed.dropout.random(1000)
    assert disturbed.shuffling.random(8).tolist() == first_draws(7)["shuffling"]
