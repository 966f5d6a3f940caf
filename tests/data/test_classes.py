"""Labels of any kind: their classes are those of scikit-learn's classifiers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from making import refusal
from sklearn.preprocessing import LabelEncoder

from inknet.data.classes import named_classes

KINDS = {
    "from 0": [0, 1, 2, 1, 0],
    "from 1": [1, 2, 26, 2],
    "with gaps": [0, 1, 8, 10, 10],
    "two of ten": [7, 1, 1, 7],
    "negative": [-1, 1, 1, -1],
    "text": ["setosa", "virginica", "setosa"],
    "bool": [True, False, True],
    "whole floats": [1.0, 3.0, 1.0],
}


@pytest.mark.parametrize("kind", KINDS)
def test_classes_are_those_of_scikit_learn(kind):
    labels = np.array(KINDS[kind])
    numbers, names = named_classes(labels, "here")
    peer = LabelEncoder()
    np.testing.assert_array_equal(numbers, peer.fit_transform(labels))
    assert names == tuple(str(name).removesuffix(".0") for name in peer.classes_)


@given(
    labels=st.lists(st.integers(-300, 300), min_size=1, max_size=50),
    kind=st.sampled_from(["i2", "i8", ">i4", "f4", "f8"]),
)
def test_any_whole_numbers_are_named_by_themselves(labels, kind):
    numbers, names = named_classes(np.array(labels, kind), "here")
    assert [int(names[number]) for number in numbers] == labels
    assert set(numbers.tolist()) == set(range(len(names)))


def test_what_is_a_quantity_is_refused():
    assert "numbers such as 1.5 are a quantity" in refusal(named_classes, np.array([1, 1.5]), "y")
    many = np.arange(100.0).repeat(4)
    assert "y: 100 different numbers in 400 samples" in refusal(named_classes, many, "y")
    assert len(named_classes(many.repeat(2), "y")[1]) == 100
    assert len(named_classes(many.astype(int), "y")[1]) == 100
    assert "label inf, expected classes" in refusal(named_classes, np.array([1, np.inf]), "y")
    assert "4,001 different labels" in refusal(named_classes, np.arange(1, 4_002), "y")
