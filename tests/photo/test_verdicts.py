"""What a picture is called: by its characters, by the ink outside of them, and by its pieces."""

import numpy as np
import pytest

from inknet.photo.verdicts import (
    BLANK,
    DIGIT,
    MOST_FRAGMENTS,
    NO_DIGIT,
    UNSURE,
    in_words,
    share_outside,
    verdict_of_character,
    verdict_of_picture,
)


def probabilities(highest):
    return np.array([highest, *[(1 - highest) / 9] * 9])


@pytest.mark.parametrize(
    ("highest", "familiarity", "verdict"),
    [
        (0.99, 1.0, DIGIT),
        (0.4, 1.0, UNSURE),
        (0.99, 0.0, NO_DIGIT),  # a network is sure of whatever it gets
        (0.4, 0.1, NO_DIGIT),
    ],
)
def test_a_character_is_one_if_it_is_familiar_and_sure_if_its_class_is(
    highest, familiarity, verdict
):
    assert verdict_of_character(probabilities(highest), familiarity) == verdict


@pytest.mark.parametrize(
    ("characters", "outside", "n_fragments", "verdict", "reason"),
    [
        ([], 0.0, 0, BLANK, "no ink"),
        ([DIGIT], 0.0, 1, DIGIT, ""),
        ([DIGIT] * 4, 0.1, 9, DIGIT, ""),
        ([DIGIT, UNSURE], 0.0, 2, UNSURE, "not sure"),
        ([DIGIT, NO_DIGIT], 0.1, 2, UNSURE, "a part of it is unlike"),
        ([NO_DIGIT, NO_DIGIT], 0.0, 2, NO_DIGIT, "unlike all"),
        ([DIGIT, UNSURE], 0.7, 2, NO_DIGIT, "70% of its ink"),
        ([DIGIT] * 5, 0.0, MOST_FRAGMENTS + 1000, NO_DIGIT, "1,200 pieces"),
    ],
)
def test_a_picture_is_what_its_characters_and_its_other_ink_are(
    characters, outside, n_fragments, verdict, reason
):
    found, why = verdict_of_picture(characters, outside, n_fragments)
    assert found == verdict
    assert (reason in why) if reason else (why == "")


def test_ink_outside_is_counted_once_however_boxes_overlap():
    strokes = np.zeros((10, 10), bool)
    strokes[2:6, 2:7] = True  # 20 pixels
    assert share_outside(strokes, []) == 1
    assert share_outside(strokes, [(0, 0, 10, 10)]) == 0
    assert share_outside(strokes, [(0, 0, 10, 3), (0, 0, 4, 3)]) == pytest.approx(16 / 20)
    assert share_outside(np.zeros((3, 3), bool), []) == 0


def test_verdicts_speak_of_characters_where_classes_are_not_the_digits():
    assert in_words(NO_DIGIT, "0123456789") == "not a digit"
    assert in_words(NO_DIGIT, ["0", "1", "x"]) == "not a character"
    assert in_words(DIGIT, ["10", "11"]) == "character"
    assert in_words(UNSURE, "abc") == "unsure"
