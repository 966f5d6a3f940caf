"""What is said of a claim follows from the numbers, whichever way they come out."""

import csv
import io
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inknet.experiments.catalogue import grid_study, load_studies, read_study, study_names
from inknet.experiments.claims import choice_lines, claim_lines
from inknet.experiments.results import Result
from inknet.experiments.summary import RowSummary, StudySummary
from inknet.experiments.tables import csv_text, markdown

TEXT = """
title = "t"
group = "claims"
recipe = "digits"
seeds = [0, 1, 2]
varies = "v"
rows = [{ name = "a", published = { test = 0.5 } }, { name = "b" }, { name = "c" }]
[claim]
says = "a is higher."
pairs = [{ higher = "a", lower = "b" }]
"""
TWO_PAIRS = TEXT.replace('lower = "b" }', 'lower = "b" }, { higher = "a", lower = "c" }')


def result(row, seed, accuracy, outcome="finished"):
    test = {"accuracy": accuracy, "errors": 1, "samples": 10, "loss": 1.0}
    return Result(
        format=1, name=f"{row}.{seed}", row=row, seed=seed, outcome=outcome, test=test, epochs=3
    )


def summary(text=TEXT, **accuracies):
    study = read_study(text, "t")
    rows = tuple(
        RowSummary(
            row,
            3,
            tuple(result(row.name, i, x) for i, x in enumerate(accuracies.get(row.name, []))),
            (),
        )
        for row in study.rows
    )
    return StudySummary(study, rows)


@given(
    a=st.lists(st.floats(0, 1), min_size=3, max_size=3),
    b=st.lists(st.floats(0, 1), min_size=3, max_size=3),
)
@settings(max_examples=200, deadline=None)
def test_the_sentence_comes_out_as_the_numbers_do(a, b):
    _, verdict = claim_lines(summary(a=a, b=b))
    expected = (
        "bear the claim out" if min(a) > max(b)
        else "contradict the claim" if max(a) < min(b)
        else "do not decide the claim"
    )  # fmt: skip
    assert expected in verdict


@pytest.mark.parametrize(
    ("b", "c", "expected"),
    [
        ([0.1] * 3, [0.2] * 3, "In all 2 comparisons the numbers bear the claim out."),
        ([0.9] * 3, [0.8] * 3, "In all 2 comparisons the numbers contradict the claim."),
        ([0.1] * 3, [0.8] * 3, "bear the claim out in 1 of 2 (a and b) and contradict it in 1"),
        ([0.9] * 3, [0.5] * 3, "contradict the claim in 1 of 2 (a and b) and leave it open in 1"),
        ([0.5] * 3, [0.5] * 3, "In all 2 comparisons the numbers leave the claim open."),
    ],
)
def test_several_comparisons_are_counted_by_what_they_say(b, c, expected):
    first, second = claim_lines(summary(TWO_PAIRS, a=[0.5] * 3, b=b, c=c))
    assert expected in second
    assert first.startswith("Test accuracy in percent: a: 50.00 ± 0.00; b: ")


def test_nothing_is_said_before_all_runs_are_there_or_of_fewer_than_three():
    assert "say nothing" in claim_lines(summary(a=[0.5] * 3, b=[0.1] * 2))[1]
    text = TEXT.replace("[0, 1, 2]", "[0]")
    two = summary(text, a=[0.9], b=[0.1])
    two = StudySummary(two.study, tuple(RowSummary(r.row, 1, r.results, ()) for r in two.rows))
    assert "fewer than 3 runs" in claim_lines(two)[1]


@pytest.mark.parametrize(
    ("at_most", "accuracy", "verdict"),
    [("", 0.5, "reached"), ("", 0.4999, "below"), ("at_most = 0.6, ", 0.3, "same effect"), ("at_most = 0.6, ", 0.7, "no such effect")],
)  # fmt: skip
def test_a_row_is_held_against_its_published_figure_or_its_warning(at_most, accuracy, verdict):
    text = TEXT.replace('name = "a", ', f'name = "a", {at_most}')
    found = summary(text, a=[accuracy] * 3)
    assert found.rows[0].verdict == verdict
    assert f"| {100 * accuracy:.2f} ± 0.00 | {verdict} |" in markdown(found)


def test_the_spread_is_the_sample_standard_deviation():
    import numpy as np

    values = [0.9, 0.95, 0.97]
    spread = summary(a=values).rows[0].figure("test")
    assert spread.mean == pytest.approx(np.mean(values))
    assert spread.deviation == pytest.approx(np.std(values, ddof=1))


def test_the_catalogue_has_the_published_tables_and_a_study_for_each_claim():
    studies = load_studies(["all"])
    assert [study.name for study in studies] == study_names()
    published = [s for s in studies if s.group == "published"]
    rows = {s.name: [r for r in s.rows if r.published] for s in published}
    assert {name: len(found) for name, found in rows.items()} == {
        "models": 5, "batch-size": 5, "learning-rate": 5, "layers": 7
    }  # fmt: skip
    figures = {(s, r.name): (r.published.test, r.published.epochs) for s in rows for r in rows[s]}
    assert figures["layers", "784-10-10"] == (0.9081, 22)
    assert figures["batch-size", "512"] == (0.9636, 31)
    claims = [s for s in studies if s.group == "claims"]
    assert len(claims) == 9
    assert all(s.claim is not None for s in claims)
    assert all(len(s.seeds) >= 3 for s in studies)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("seeds = [0, 1, 2]", "seeds = []"), "seeds: "),
        (("seeds = [0, 1, 2]", "seeds = [0, 0]"), "seeds has '0' twice"),
        (('name = "b"', 'name = "a"'), "rows has 'a' twice"),
        (('lower = "b"', 'lower = "x"'), "the claim names 'x', which is no row"),
        (('varies = "v"', 'varied = "v"'), "varies: Field required|varied: Extra inputs"),
        (("title", "title = ["), "not valid TOML"),
    ],
)
def test_a_study_that_is_not_sound_is_refused_by_name(change, expected):
    from inknet import InputError

    with pytest.raises(InputError, match="study t: ") as caught:
        read_study(TEXT.replace(*change, 1), "t")
    assert re.search(expected, str(caught.value))


def test_a_grid_is_every_combination_of_its_values():
    grid = ["training.schedule=cosine,constant", "network.hidden=[10],[64, 32]", "seed=1"]
    study = grid_study("digits", grid, [0])
    assert [row.set for row in study.rows] == [
        {"training.schedule": schedule, "network.hidden": hidden, "seed": 1}
        for schedule in ("cosine", "constant")
        for hidden in ([10], [64, 32])
    ]
    assert study.rows[0].name == "cosine, 10, 1"
    assert study.name == "digits-schedule-hidden-seed"


def own(**accuracies):
    """A study of one's own; each row has accuracies on validation data, and the same less 0.01."""
    names = list(accuracies)
    study = grid_study(
        "digits", [f"training.batch_size={','.join('123'[: len(names)])}"], [0, 1, 2]
    )
    rows = []
    for row, name in zip(study.rows, names, strict=True):
        results = tuple(
            result(row.name, seed, x - 0.01).model_copy(update={"validation_accuracy": x})
            for seed, x in enumerate(accuracies[name])
        )
        rows.append(RowSummary(row, 3, results, ()))
    return StudySummary(study, tuple(rows))


def test_validation_chooses_a_row_of_ones_own_study():
    clear = own(a=[0.5, 0.51, 0.52], b=[0.8, 0.81, 0.82])
    assert choice_lines(clear) == [
        "Chosen by validation: 2, 81.00 ± 1.00; its test accuracy is 80.00 ± 1.00.",
        "Every run of it is above every run of all others: that is no chance.",
    ]
    close = own(a=[0.5, 0.6, 0.83], b=[0.8, 0.81, 0.82], c=[0.1] * 3)
    assert choice_lines(close)[1:] == ["A tie with 1: their runs overlap, so that may be chance."]
    equal = own(a=[0.8] * 3, b=[0.8] * 3)
    assert choice_lines(equal)[1] == "A tie with 2: their runs overlap, so that may be chance."
    lost = own(a=[0.5, 0.51, 0.52], b=[0.8, 0.81, 0.82])
    diverged = (
        lost.rows[0]
        .results[0]
        .model_copy(update={"outcome": "diverged", "validation_accuracy": None})
    )
    row = replace(lost.rows[0], results=(diverged, *lost.rows[0].results[1:]))
    lost = replace(lost, rows=(row, lost.rows[1]))
    assert choice_lines(lost)[1:] == ["Not compared with 1: fewer than 3 runs finished."]
    for study, expected in (
        (clear, ["below", "chosen"]),
        (close, ["tie", "chosen", "below"]),
        (equal, ["chosen", "tie"]),
        (lost, ["open", "chosen"]),
    ):
        written = list(csv.DictReader(io.StringIO(csv_text([study]))))
        assert [line["verdict"] for line in written] == expected
        for line, kept in zip(written, study.rows, strict=True):
            values = [one.validation_accuracy for one in kept.results]
            values = [value for value in values if value is not None]
            assert float(line["validation_mean"]) == pytest.approx(np.mean(values))
            deviation = np.std(values, ddof=1)
            assert float(line["validation_deviation"]) == pytest.approx(deviation)
    few = own(a=[0.5, 0.51], b=[0.8, 0.81])
    assert choice_lines(few) == []  # no row is complete
    assert choice_lines(own(a=[0.5, 0.5], b=[0.8] * 3))[1] == "Not all runs are there yet."
    assert choice_lines(own(a=[0.5] * 3)) == []
    assert choice_lines(summary(a=[0.5] * 3, b=[0.1] * 3)) == []
    assert clear.study.what == "Recipe digits, batch_size varied"
    assert grid_study("digits", [], [0]).what == "Recipe digits"
    assert "| batch_size | validation | test accuracy | training |" in markdown(clear)
    assert "| 81.00 ± 1.00 | 80.00 ± 1.00 |" in markdown(clear)
