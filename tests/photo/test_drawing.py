"""The picture of a reading: which steps it has, what is written in it, and that it is alone."""

import base64
import re
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
import pytest
from matplotlib.image import BboxImage
from matplotlib.patches import Rectangle
from PIL import Image

from inknet.data.sources import load
from tests.photo import degradations
from tests.photo.conftest import STEP
from tests.photo.sheets import sheet


@pytest.fixture(scope="module")
def images():
    return load("sample").subset(np.arange(0, 5000, STEP)).stored().reshape(-1, 28, 28)


@pytest.fixture(scope="module")
def single(model, images):
    return model.read(degradations.ruled(images[5], np.random.default_rng(0)))


@pytest.fixture(scope="module")
def several(model, images):
    generator = np.random.default_rng(0)
    return model.read(sheet([images[i] for i in (1, 7, 12, 25)], [0] * 4, generator)[0])


def texts(figure):
    return [text.get_text() for text in figure.texts]


def pictures(figure):
    return [one.get_array() for one in figure.artists if isinstance(one, BboxImage)]


def test_one_character_is_shown_in_all_its_steps(single):
    figure = single.figure()
    steps = pictures(figure)
    assert len(steps) == 6
    assert np.array_equal(steps[0], single.picture)
    assert np.array_equal(steps[-1], single.characters[0].image)
    for name, probability in single.likeliest(single.characters[0], 3):
        assert name in texts(figure)
        assert f"{probability:.1%}" in texts(figure) or probability > 0.9995
    assert single.in_a_line() in texts(figure)


def test_several_are_shown_with_their_boxes_and_images(several):
    figure = several.figure()
    sheet, *tiles = pictures(figure)
    assert np.array_equal(sheet, several.picture)
    assert len(tiles) == len(several.characters) == 4
    for tile, one in zip(tiles, several.characters, strict=True):
        assert np.array_equal(tile, one.image)
        assert one.label in texts(figure)
    boxes = [one for one in figure.artists if isinstance(one, Rectangle)]
    assert len(boxes) == 1 + 2 * 4  # around the sheet; each digit there, and its image


def test_what_is_unsure_has_another_colour(several):
    def colours(reading):
        figure = reading.figure()
        return {one.get_edgecolor() for one in figure.artists if isinstance(one, Rectangle)}

    first, *others = several.rows[0]
    found = [
        colours(
            replace(several, rows=[[replace(first, verdict=verdict), *others], *several.rows[1:]])
        )
        for verdict in ("digit", "unsure", "not a digit")
    ]
    assert found[0] < found[1] and found[0] < found[2] and found[1] != found[2]


def test_a_blank_picture_is_shown_without_an_image(model):
    figure = model.read(np.full((60, 40), 200, np.uint8)).figure()
    assert len(pictures(figure)) == 3
    assert "blank" in texts(figure)


def test_very_long_pictures_are_shown(model, images, tmp_path):
    row = np.concatenate([255 - images[i] for i in range(30)], axis=1)
    for picture in (row, row.T):
        model.read(np.ascontiguousarray(picture)).plot(tmp_path / "long.png")
        with Image.open(tmp_path / "long.png") as image:
            assert max(image.size) < 3000


class Images(HTMLParser):
    """The attributes of every element."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


def test_the_html_holds_its_picture_and_escapes_names(single):
    name = "a<script>alert(1)<script>\"'\x1b[31m.png"
    html = replace(single, image=name)._repr_html_()
    ((tag, attributes),) = Images(html).found
    assert tag == "img"
    assert re.search(r"\x1b|<script", html) is None
    assert "alert(1)" in attributes["alt"]
    assert not set(attributes) - {"src", "alt", "title", "style"}
    kind, data = attributes["src"].split(",")
    assert kind == "data:image/png;base64"
    with Image.open(BytesIO(base64.b64decode(data))) as image:
        assert image.format == "PNG" and image.width > 500


def test_a_name_may_hold_what_would_be_mathematics(single, tmp_path):
    replace(single, image="$x^{$ \\frac").plot(tmp_path / "steps.png")
    assert (tmp_path / "steps.png").stat().st_size > 1000


def test_the_same_reading_gives_the_same_bytes(several, tmp_path):
    for name in ("a.png", "b.png"):
        several.plot(tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
