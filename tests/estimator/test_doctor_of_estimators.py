"""The doctor of `MLPClassifier`: warnings in the words of the estimator."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler

from inknet import MLPClassifier
from inknet.errors import FindingWarning
from inknet.training.findings import Finding

X, y = load_wine(return_X_y=True)
Z = StandardScaler().fit_transform(X)
SETTINGS = {"hidden_layer_sizes": (12,), "max_iter": 60, "random_state": 0, "tol": 0.0}
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_a_fault_is_a_warning_with_the_parameter_that_mends_it() -> None:
    with pytest.warns(FindingWarning, match="a StandardScaler before it, in a pipeline"):
        model = MLPClassifier(**SETTINGS, doctor=True).fit(X, y)
    assert model.findings_[0].identifier == "features-not-scaled"
    with pytest.warns(FindingWarning, match="learning_rate_init=0.00"):
        MLPClassifier(**SETTINGS, learning_rate_init=300.0, doctor=True).fit(Z, y)


def test_a_warning_is_three_sentences_and_the_name_of_the_finding() -> None:
    with pytest.warns(FindingWarning) as caught:
        model = MLPClassifier(**SETTINGS, doctor=True).fit(X, y)
        MLPClassifier(**SETTINGS, learning_rate_init=300.0, doctor=True).fit(Z, y)
    found = [str(one.message) for one in caught if one.category is FindingWarning]
    assert len(found) >= 2
    for message in found:
        text = re.fullmatch(r"(.+) \[[a-z-]+\]", message)[1]
        sentences = re.split(r"(?<=[.?!]) (?=[A-Z])", text)
        assert len(sentences) == 3
        assert all(re.fullmatch(r"[A-Z].*[^.:;,\s][.?!]", sentence) for sentence in sentences)
        assert "  " not in text and ".." not in text
    evidence = model.findings_[0].evidence
    assert found[0].startswith(f"The features are not scaled: {evidence}. Columns with large ")
    assert found[0].endswith(" a StandardScaler before it, in a pipeline. [features-not-scaled]")


def test_names_at_the_start_of_a_sentence_keep_their_letters() -> None:
    found = Finding("x", "note", "y is text", "10 of 20.", "l2_lambda is 0", "is it so?")
    assert found.sentences() == "y is text: 10 of 20. l2_lambda is 0. Is it so? [x]"


def test_labels_that_exclude_each_other_are_told_from_several_labels() -> None:
    with pytest.warns(FindingWarning, match="y.argmax"):
        model = MLPClassifier(**SETTINGS, learning_rate_init=0.01, doctor=True).fit(Z, np.eye(3)[y])
    assert [one.identifier for one in model.findings_ if one.is_alarm] == ["exclusive-labels"]
    several = np.stack([y == 0, y > 0, Z[:, 0] > 0], axis=1).astype(int)
    with warnings.catch_warnings():
        warnings.simplefilter("error", FindingWarning)
        MLPClassifier(**SETTINGS, learning_rate_init=0.01, doctor=True).fit(Z, several)


def test_a_sound_fit_gets_no_warning_and_the_same_weights() -> None:
    sound = MLPClassifier(**SETTINGS, learning_rate_init=0.01)
    with warnings.catch_warnings():
        warnings.simplefilter("error", FindingWarning)
        examined = clone(sound).set_params(doctor=True).fit(Z, y)
    for ours, theirs in zip(examined.coefs_, sound.fit(Z, y).coefs_, strict=True):
        assert_array_equal(ours, theirs)
    assert not hasattr(sound, "findings_")


def test_l_bfgs_has_no_doctor() -> None:
    with pytest.raises(ValueError, match="doctor=True needs the solver 'sgd', 'adam' or 'adamw'"):
        MLPClassifier(solver="lbfgs", doctor=True).fit(Z, y)
