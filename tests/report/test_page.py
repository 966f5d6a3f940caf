import base64
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from inknet.report import images as drawn_images
from inknet.report import plots
from inknet.report.evaluation import Evaluation
from inknet.report.figures import DPI
from inknet.report.page import write_report
from inknet.training.ending import EARLY_STOPPING, FINISHED, INTERRUPTED, Ending
from inknet.training.history import EpochRecord, History

HOSTILE = "<script>alert('x')</script>"
VOID = {"meta", "img", "link", "br", "hr", "source"}


class Page(HTMLParser):
    """Collects what a page holds, and fails where its tags do not nest."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.words = [], [], []
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def attributes(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def history(validation=True, **changed):
    records = [
        EpochRecord(
            epoch=epoch,
            train_loss=0.5 / epoch,
            train_accuracy=0.9,
            val_loss=0.25 if validation else None,
            val_accuracy=0.8125 if validation else None,
            learning_rate=0.001,
            seconds=2.5,
            training_seconds=2.25,
            gradient_norms=(0.111, 0.222),
            active_fractions=(0.625,),
        )
        for epoch in (1, 2, 3)
    ]
    return History(**({"records": records, "best_epoch": 2, "ending": EARLY_STOPPING} | changed))


EVALUATION = Evaluation(
    np.array([[90, 12, 0], [1, 80, 3], [0, 0, 0]]), 0.34567, ("4", "9", HOSTILE)
)


@pytest.fixture
def page(tmp_path):
    """Write a report with what a test changes, and return it parsed."""

    def write(pictures=(), **changed):
        given = {
            "title": "a run",
            "recipe_toml": '[network]\nhidden = [128]\nname = "<b>&amp;"\n',
            "history": history(),
            "evaluation": EVALUATION,
            "summary": {"Parameters": "109,386"},
        }
        write_report(tmp_path / "report.html", pictures=pictures, **(given | changed))
        return Page((tmp_path / "report.html").read_text(encoding="utf-8"))

    return write


@pytest.fixture
def pictures(tmp_path):
    paths = [
        tmp_path / f"{stem}.png" for stem in ("mistakes", "weights", "confusion_matrix", "loss")
    ]
    drawn_images.plot_mistakes(np.zeros((1, 8, 8), np.uint8), ["4"], ["9"], [0.9], paths[0])
    drawn_images.plot_weights(np.eye(64, 10), (8, 8), paths[1])
    plots.plot_confusion(EVALUATION, paths[2])
    plots.plot_history(history(), paths[3])
    return paths


def test_the_page_needs_nothing_outside_of_itself(page, pictures):
    read = page(pictures)
    for tag, attributes in read.elements:
        assert tag not in {"script", "link", "iframe", "object", "base"}
        for name in ("src", "href", "srcset", "action", "data"):
            assert attributes.get(name, "data:").startswith("data:"), (tag, attributes)
    policy = next(m for m in read.attributes("meta") if "http-equiv" in m)
    assert "default-src 'none'" in policy["content"]


def test_all_pictures_are_inside_byte_for_byte_in_the_order_of_the_lesson(page, pictures):
    sources = [image["src"] for image in page(pictures).attributes("img")]
    head = "data:image/png;base64,"
    embedded = [base64.b64decode(source.removeprefix(head), validate=True) for source in sources]
    assert embedded == [picture.read_bytes() for picture in reversed(pictures)]


def test_pictures_have_their_shape_and_a_description(page, pictures):
    for image in page(pictures).attributes("img"):
        assert int(image["width"]) > 100
        assert int(image["height"]) > 50
        assert image["alt"]


def test_a_missing_picture_is_left_out_with_its_lesson(page, pictures):
    pictures[1].unlink()
    read = page(pictures)
    assert len(read.attributes("img")) == 3
    assert "What the first layer looks for" not in read.text
    assert "Which class was taken for which" in read.text


def test_the_headline_says_how_good_it_is_and_how_it_ended(page):
    text = page().text
    assert "Test accuracy 91.40%" in text  # 170 of 186
    assert "Errors 16 of 186" in text
    assert "Test loss 0.3457" in text
    assert "Best epoch 2 of 3" in text
    assert "Parameters 109,386" in text
    assert "Training stopped early, after epoch 3" in text
    assert "The network has the weights of epoch 2." in text


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        (FINISHED, "Training ran to its last planned epoch, 3."),
        (EARLY_STOPPING, "Training stopped early, after epoch 3:"),
        (INTERRUPTED, "Training was interrupted after epoch 3."),
        (Ending("good <enough>", own_words=True), "stopped after epoch 3: good <enough>."),
        (Ending("interrupted", own_words=True), "stopped after epoch 3: interrupted."),
    ],
)
def test_each_end_of_a_training_has_its_sentence(page, ending, said):
    assert said in page(history=history(ending=ending)).text


def test_confusions_are_told_in_words_most_frequent_first(page):
    text = page().text
    told = [
        "4 read as 9: 12 times (11.8% of class 4)",
        f"9 read as {HOSTILE}: 3 times (3.6% of class 9)",
        "9 read as 4: 1 time (1.2% of class 9)",
    ]
    assert [text.index(one) for one in told] == sorted(text.index(one) for one in told)
    assert text.count("read as") == 3


def test_no_error_at_all_is_said(page):
    perfect = Evaluation(np.diag([5, 6]), 0.0, ("a", "b"))
    assert "None: every sample was read correctly." in page(evaluation=perfect).text


def test_each_class_has_its_row(page):
    text = page().text
    assert "4 0.9890 0.8824 0.9326 102" in text
    assert f"{HOSTILE} 0.0000 0.0000 0.0000 0" in text


def test_hostile_names_stay_text(page, pictures):
    read = page(pictures, title=HOSTILE, summary={HOSTILE: HOSTILE})
    assert "script" not in {tag for tag, _ in read.elements}
    assert read.text.count(HOSTILE) >= 5


def test_the_recipe_is_shown_as_it_is(page):
    recipe = 'name = "<b>&amp;"\n  indented = 1\n'
    assert recipe in "".join(page(recipe_toml=recipe).words)


def test_every_epoch_is_in_the_table_with_all_layers(page):
    text = page().text
    assert "gradient norm, layer 2" in text
    assert "active share, layer 1" in text
    assert "2 best 0.2500 90.00% 0.2500 81.25% 0.001 2.50 0.111 0.222 62.5%" in text


def test_missing_validation_is_a_dash(page):
    text = page(history=history(validation=False)).text
    assert "1 0.5000 90.00% – – 0.001" in text


def test_a_run_without_a_completed_epoch_has_its_report(page):
    text = page(history=History(ending=INTERRUPTED)).text
    assert "No epoch was completed." in text
    assert "Every epoch" not in text


def test_no_character_that_controls_anything_is_on_the_page(page, tmp_path):
    evil = "a\x1b[2Jb\x9bc\u202ed\x00e\u2028f\udcffg"
    shown = r"a\x1b[2Jb\x9bc\u202ed\x00e\u2028f\udcffg"
    page(title=f"{evil} 数字 👩\u200d🔬", history=history(ending=Ending(evil, own_words=True)))
    (path,) = tmp_path.glob("**/*.html")
    text = path.read_text("utf-8")
    assert text.count(shown) >= 2
    assert "数字 👩\u200d🔬" in text
    assert all(c.isprintable() or c in "\n\u200d" for c in text)


def test_on_a_phone_the_curves_are_stacked(page, pictures):
    (narrow,) = page(pictures).attributes("source")
    assert narrow["media"] == "(max-width: 40rem)"
    with Image.open(BytesIO(base64.b64decode(narrow["srcset"].split(",")[1]))) as image:
        width, height = image.size
    assert (int(narrow["width"]), int(narrow["height"])) == (
        pytest.approx(width * 96 / DPI, abs=1),
        pytest.approx(height * 96 / DPI, abs=1),
    )
    assert height > 1.5 * width
    assert page(pictures[:3]).attributes("source") == []  # without the wide one, neither


@pytest.mark.parametrize(
    ("rates", "is_said"),
    [([0.1, 0.5, 1.0, 0.5, 0.1], True), ([1.0, 0.8, 0.4, 0.2, 0.1], False), ([1.0] * 5, False)],
)
def test_a_loss_that_may_rise_in_the_middle_is_explained(page, pictures, rates, is_said):
    records = [
        replace(history().records[0], epoch=epoch, learning_rate=rate)
        for epoch, rate in enumerate(rates, 1)
    ]
    text = page(pictures, history=history(records=records)).text
    assert ("the loss may rise in the middle" in text) == is_said
