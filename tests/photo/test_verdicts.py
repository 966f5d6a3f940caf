"""What a picture is called: by its characters, by the ink outside of them, and by its pieces."""

from dataclasses import replace

import numpy as np
import pytest

from inknet.photo.sheet import Sheet
from inknet.photo.verdicts import (
    BLANK,
    DIGIT,
    MOST_FRAGMENTS,
    NO_DIGIT,
    UNSURE,
    in_words,
    is_line,
    is_shade,
    share_outside,
    verdict_of_character,
    verdict_of_picture,
)

EMPTY = Sheet([], np.zeros((1, 1), bool), 0)


@pytest.mark.parametrize(
    ("confidence", "familiarity", "support", "verdict"),
    [
        (0.99, 1.0, 0.99, DIGIT),
        (0.99, 1.0, 0.1, UNSURE),  # the guard says that it is of another class
        (0.4, 1.0, 0.4, UNSURE),  # another class is as likely
        (0.99, 0.0, 0.0, NO_DIGIT),  # a network is sure of whatever it gets
        (0.1, 0.001, 0.0, NO_DIGIT),
    ],
)
def test_a_character_is_one_if_it_is_familiar_and_sure_if_its_class_is(
    confidence, familiarity, support, verdict
):
    assert verdict_of_character(confidence, familiarity, support) == verdict


@pytest.mark.parametrize(
    ("characters", "outside", "n_fragments", "verdict", "reason"),
    [
        ([], 0.0, 0, BLANK, "no ink"),
        ([DIGIT], 0.0, 1, DIGIT, ""),
        ([DIGIT] * 4, 0.1, 9, DIGIT, ""),
        ([DIGIT, UNSURE], 0.0, 2, UNSURE, "not clear"),
        ([DIGIT, NO_DIGIT], 0.1, 2, UNSURE, "a part of it is unlike"),
        ([NO_DIGIT, NO_DIGIT], 0.0, 2, NO_DIGIT, "unlike all"),
        ([DIGIT, UNSURE], 0.7, 2, NO_DIGIT, "70% of its ink"),
        ([DIGIT] * 5, 0.0, MOST_FRAGMENTS + 1000, NO_DIGIT, "1,200 pieces"),
    ],
)
def test_a_picture_is_what_its_characters_and_its_other_ink_are(
    characters, outside, n_fragments, verdict, reason
):
    found, why = verdict_of_picture(
        characters, replace(EMPTY, n_fragments=n_fragments), outside=outside
    )
    assert found == verdict
    assert (reason in why) if reason else (why == "")


@pytest.mark.parametrize(
    ("characters", "confidence", "signs", "strength", "verdict"),
    [
        ([DIGIT], 0.25, [], 0.9, DIGIT),
        ([DIGIT] * 5, 0.25, [], 0.9, UNSURE),  # each is likely, and all together are not
        ([DIGIT], 1.0, ["a"], 0.9, DIGIT),
        ([DIGIT], 1.0, ["a", "b"], 0.9, UNSURE),
        ([DIGIT], 1.0, ["a", "b", "c"], 0.9, NO_DIGIT),
        ([], 1.0, [], 0.9, NO_DIGIT),  # much is on it, and none of it a stroke
        ([], 1.0, [], 0.1, BLANK),
    ],
)
def test_signs_of_clutter_and_doubt_about_all_make_a_picture_unsure(
    characters, confidence, signs, strength, verdict
):
    found = verdict_of_picture(
        characters, replace(EMPTY, signs=signs, strength=strength), support=confidence
    )
    assert found[0] == verdict
    assert all(sign in found[1] for sign in signs[:2]) or verdict == DIGIT


def test_without_a_guard_more_confidence_is_asked_for():
    assert verdict_of_character(0.6, 1.0, 0.6, guarded=True) == DIGIT
    assert verdict_of_character(0.6, 1.0, 0.6, guarded=False) == UNSURE
    assert verdict_of_picture([DIGIT] * 2, EMPTY, support=0.5, guarded=True)[0] == DIGIT
    assert verdict_of_picture([DIGIT] * 2, EMPTY, support=0.5, guarded=False)[0] == UNSURE


def test_a_line_is_no_character():
    image = np.zeros((28, 28), np.uint8)
    image[12:15, 4:24] = 255
    assert is_line(image)
    assert not is_line(image.T)  # a 1
    image[16, 8:20] = 255
    assert not is_line(image)
    assert not is_line(np.zeros((28, 28), np.uint8))


def test_weak_and_cluttered_ink_is_shade():
    assert is_shade(["a", "b"], 0.05)
    assert not is_shade(["a"], 0.05)  # a faint pencil
    assert not is_shade(["a", "b"], 0.5)


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
