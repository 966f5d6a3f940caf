"""docs/handwriting.md says what docs/handwriting.json has measured; the sections measure it."""

import csv
import re

import numpy as np
import pytest
from PIL import Image

from inknet import MLP
from inknet.data import load
from inknet.experiments.measured import MeasuredFile
from scripts import handwriting

import handwriting_peers as peers  # isort: skip  # found by the module above


def test_the_page_is_what_its_figures_say():
    entries = MeasuredFile(handwriting.RESULTS).entries()
    page = handwriting.PAGE.read_text("utf-8")
    assert page == handwriting.page(entries)
    assert max(map(len, re.sub(r"\[.*?\]\(.*?\)", "", page).splitlines())) < 400
    looks = sum(entry["looks"]["one"] for entry in entries.values())
    assert f"scored about {handwriting.EARLIER_LOOKS['one'] + looks} times in all" in page


def test_a_recipe_that_was_changed_since_is_named():
    now = handwriting.recipe_digests()
    assert handwriting.changed_since({"one": {"recipes": now}, "speed": {}}) == ""
    changed = {"one": {"recipes": now | {"quick": "0"}}, "several": {"recipes": now}}
    assert handwriting.changed_since(changed).endswith("were measured: `quick`.\n")


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """Three pictures of one digit and one of several, and a model that reads some of them."""
    images = load("sample")
    names = []
    for label in (0, 1, 7):
        digit = images.stored()[np.flatnonzero(images.targets == label)[3]].reshape(28, 28)
        Image.fromarray(255 - digit).resize((140, 140)).save(tmp_path / f"{label}.png")
        names.append(np.asarray(Image.fromarray(255 - digit).resize((140, 140))))
    Image.fromarray(np.hstack(names)).save(tmp_path / "several.png")
    rows = [(f"{n}.png", str(n), "scan", "single-large") for n in (0, 1, 7)]
    rows[2] = ("7.png", "9", "paint", "single-28px")  # a false truth is an error
    rows.append(("several.png", "017", "scan", "several"))
    with (tmp_path / "truth.tsv").open("w", newline="") as file:
        table = csv.writer(file, delimiter="\t")
        table.writerows([("file", "truth", "medium", "kind"), *rows])
    monkeypatch.setenv("INKNET_PHOTOS_DIR", str(tmp_path))
    bench = handwriting.Bench(("handwriting",), 5)
    bench.models = {"handwriting": MLP.pretrained()}
    bench.test = images.subset(np.arange(0, 5000, 500))
    return bench


def test_errors_are_counted_by_medium_and_kind(bench):
    entry = handwriting.measure_one(bench)
    assert entry["models"]["handwriting"] == {
        "all": [1, 3],
        "scan": [0, 2],
        "paint": [1, 1],
        "single-large": [0, 2],
        "single-28px": [1, 1],
    }
    assert "| all | 3 | 66.7% (1 wrong) |" in handwriting.write_one(entry)
    assert bench.looks == {"one": 1, "several": 0}
    entry = handwriting.measure_several(bench)
    assert entry["models"]["handwriting"]["all"] == [0, 1]
    assert "| scans | 1 | 100.0% (0 wrong) |" in handwriting.write_several(entry)
    assert bench.looks == {"one": 1, "several": 1}


def test_what_is_refused_and_wrong_is_told(bench):
    entry = handwriting.measure_verdicts(bench)
    verdicts = entry["models"]["handwriting"]
    assert sum(n for _, n in verdicts.values()) == 3
    assert sum(wrong for wrong, _ in verdicts.values()) == 1
    assert handwriting.write_verdicts(entry).count("| `handwriting` |") == 1


@pytest.mark.slow
def test_every_degradation_has_a_line(bench):
    entry = handwriting.measure_degradations(bench)
    assert entry["n"] == 5
    text = handwriting.write_degradations(entry)
    assert text.count("\n| ") == 2 + len(handwriting.degradations.ALL)
    entry["errors"]["thin"]["handwriting"] = 5
    assert "More is lost by: thin." in handwriting.write_degradations(entry)


def test_confidence_and_speed_are_measured(bench):
    entry = handwriting.measure_confidence(bench)
    found = bench.models["handwriting"].evaluate_on(bench.test).calibration
    assert entry["models"]["handwriting"] == found.to_dict()
    assert f"{found.after.error:.2%}" in handwriting.write_confidence(entry)


def test_what_tutorials_teach_is_done_to_pictures():
    picture = np.full((56, 56, 3), 255, np.uint8)
    picture[20:30, 10:40] = (10, 20, 30)
    expected = 255 - np.asarray(Image.fromarray(picture).convert("L").resize((28, 28)))
    assert np.array_equal(peers.tutorial_image(picture), expected)
    assert np.array_equal(peers.tutorial_image(255 - picture)[0, :3], [0, 0, 0])


def test_what_is_not_installed_is_left_out_with_a_sentence(bench, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(handwriting, "RUNS", tmp_path / "runs")
    only = {
        "tesseract": peers.PEERS["tesseract"],
        "reader": ("a reader of 1", lambda folder: (ones, 0.5)),
    }
    monkeypatch.setattr(handwriting, "PEERS", only)
    entry = handwriting.measure_others(bench)
    assert entry["peers"]["tesseract"] == {
        "missing": "Tesseract is not installed (Debian's `tesseract-ocr`)."
    }
    assert entry["peers"]["reader"]["groups"]["all"] == [2, 3]
    machine = {"cores": 2, "processor": "a", "system": "Linux", "python": "3", "versions": {}}
    text = handwriting.write_others({**entry, "machine": machine})
    assert "Left out: Tesseract is not installed" in text
    assert "a reader of 1 (50.0% on MNIST's test set)" in text


def ones(pictures):
    return ["1"] * len(pictures)


@pytest.mark.slow
def test_every_other_thing_is_counted_once(bench, monkeypatch):
    monkeypatch.setattr(handwriting, "N_THINGS", 6)
    kinds = handwriting.measure_things(bench)["kinds"]
    assert {kind: sum(verdicts.values()) for kind, verdicts in kinds.items()} == {
        "blank sheets": 6,
        "photographs of other things": 6,
        "doodles": 6,
        "Latin letters": 52,
        "Greek letters": len(handwriting.things.GREEK.split()),
    }
    table = handwriting.write_things({"kinds": {"doodles": {"digit": 1, "unsure": 3}}})
    assert "| doodles | 4 | 25.0% | ≤ 20% | 3 | 0 | 0 |" in table
