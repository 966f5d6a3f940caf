"""What `MLP.read` answers: verdict, digits, confidence and boxes of files and of pixels."""

import json

import numpy as np
import pytest
from PIL import Image, ImageDraw

from inknet import MLP, InputError
from inknet.data.sources import load
from tests.photo import degradations
from tests.photo.conftest import STEP
from tests.photo.sheets import sheet


@pytest.fixture(scope="module")
def digits():
    data = load("sample").subset(np.arange(0, 5000, STEP))
    return data.stored().reshape(-1, 28, 28), data.targets


@pytest.fixture(scope="module")
def note(digits):
    """A sheet of digits that the model has not seen, and what it says."""
    images, labels = digits
    chosen = [1, 5, 9, 14, 20, 26]
    return sheet(
        [images[i] for i in chosen], [int(labels[i]) for i in chosen], np.random.default_rng(3)
    )


def test_one_digit_is_read_with_its_confidence_and_box(model, digits):
    image, label = digits[0][7], digits[1][7]
    picture = np.full((300, 400), 240, np.uint8)
    picture[100:212, 250:362] = 240 - np.kron(image // 2, np.ones((4, 4), np.uint8))
    answer = model.read(picture)
    assert (answer.image, answer.verdict, answer.digits) == (None, "digit", str(label))
    (one,) = answer.characters
    assert answer.confidence == one.confidence == pytest.approx(one.probabilities.max())
    inked = np.argwhere(picture < 200)
    assert np.allclose(one.box, [*inked.min(axis=0), *inked.max(axis=0) + 1], atol=3)


def test_a_sheet_is_read_in_rows(model, note):
    picture, truth = note
    answer = model.read(picture)
    assert [len(row) for row in answer.rows] == [len(row) for row in truth.split()]
    guess = answer.digits.replace(" ", "")
    right = sum(a == b for a, b in zip(guess, truth.replace(" ", ""), strict=True))
    assert right >= len(guess) - 1
    assert answer.confidence == pytest.approx(
        np.prod([one.probabilities.max() for one in answer.characters])
    )


@pytest.mark.parametrize("scale", [1, 4])
def test_boxes_are_in_pixels_of_the_picture_whatever_size_it_is_read_at(
    model, note, scale, tmp_path
):
    picture, _ = note
    large = Image.fromarray(picture)
    large = large.resize((large.width * scale, large.height * scale))
    expected = [np.array(one.box) * scale for one in model.read(picture).characters]
    for suffix in ("png", "jpg"):
        path = tmp_path / f"note.{suffix}"
        large.save(path, quality=95)
        answer = model.read(path)
        assert answer.shape == (large.height, large.width)
        assert [one.box for one in answer.characters] == [
            pytest.approx(box, abs=3 * scale) for box in expected
        ]


def test_boxes_are_those_of_the_picture_upright(model, note, tmp_path):
    picture, _ = note
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "turned.png"
    Image.fromarray(np.rot90(picture)).save(path, exif=exif)
    answer, expected = model.read(path), model.read(picture)
    assert answer.shape == picture.shape[:2]
    assert [one.box for one in answer.characters] == [one.box for one in expected.characters]


def test_pixels_give_what_their_file_gives(model, note, tmp_path):
    picture, _ = note
    Image.fromarray(picture).save(tmp_path / "note.png")
    of_file = model.read(tmp_path / "note.png").to_dict()
    assert of_file == model.read(picture).to_dict() | {"image": str(tmp_path / "note.png")}
    opaque = np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])
    assert model.read(opaque).to_dict()["boxes"] == of_file["boxes"]


@pytest.mark.parametrize("shape", [(1, 1), (28, 28), (200, 300, 3), (50, 40, 4)])
@pytest.mark.parametrize("level", [0, 120, 255])
def test_blank_pictures_are_blank(model, shape, level):
    answer = model.read(np.full(shape, level, np.uint8))
    assert (answer.verdict, answer.digits, answer.confidence) == ("blank", "", 0.0)
    assert answer.characters == []


def test_an_image_of_mnist_is_read_as_it_is(model, digits):
    for image in digits[0]:
        expected = model.predict_proba(image.reshape(1, -1))[0]
        for pixels in (image, 255 - image):
            (one,) = model.read(pixels).characters
            assert np.array_equal(one.probabilities, expected)
            assert np.array_equal(one.image, image)


def test_a_picture_in_a_thousand_pieces_is_none_of_a_digit(model):
    generator = np.random.default_rng(0)
    image = Image.new("L", (600, 600), 255)
    for x, y in generator.integers(0, 590, (900, 2)):
        ImageDraw.Draw(image).line([x, y, x + 6, y + int(generator.integers(6))], 0, 2)
    answer = model.read(np.asarray(image))
    assert (answer.verdict, answer.digits) == ("not a digit", "")
    assert "pieces" in answer.reason


class Unfamiliar(MLP):
    """A model to which nothing is familiar that is wide."""

    def _recognize(self, images):
        probabilities, familiar, agreement = super()._recognize(images)
        widths = [np.ptp(np.flatnonzero(image.any(axis=0))) for image in images]
        return probabilities, np.where(np.array(widths) > 15, 0.0, familiar), agreement


@pytest.fixture(scope="module")
def unfamiliar(model):
    return Unfamiliar.from_parts(model.network, model.facts, model._streams)


def drawn(*rings, bars=()):
    image = Image.new("L", (400, 160), 255)
    for x in rings:
        ImageDraw.Draw(image).ellipse([x, 30, x + 90, 120], outline=0, width=8)
    for x in bars:
        ImageDraw.Draw(image).line([x, 30, x, 120], 0, 8)
    return np.asarray(image)


def test_what_is_unfamiliar_is_not_read_but_shown(unfamiliar):
    answer = unfamiliar.read(drawn(40))
    assert (answer.verdict, answer.digits, answer.confidence) == ("not a digit", "", 0.0)
    assert [one.verdict for one in answer.characters] == ["not a digit"]


def test_where_some_is_unfamiliar_the_rest_is_a_guess(unfamiliar):
    answer = unfamiliar.read(drawn(20, bars=range(140, 400, 42)))
    assert answer.verdict == "unsure"
    assert len(answer.digits) == 7
    assert [one.verdict == "not a digit" for one in answer.characters] == [True, *[False] * 7]


def test_what_is_unfamiliar_may_be_most_of_the_ink(unfamiliar):
    answer = unfamiliar.read(drawn(20, 140, bars=(280,)))
    assert answer.verdict == "not a digit"
    assert "outside" in answer.reason


def test_the_dict_is_plain_json(model, note):
    answer = model.read(note[0])
    found = json.loads(json.dumps(answer.to_dict()))
    assert list(found) == ["image", "verdict", "reason", "digits", "confidence", "boxes"]
    for box, one in zip(found["boxes"], answer.characters, strict=True):
        assert box["box"] == list(one.box)
        assert box["digit"] == max(box["probabilities"], key=box["probabilities"].get)
        assert box["confidence"] == max(box["probabilities"].values())
        assert sum(box["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert box["verdict"] in ("digit", "unsure")


def test_a_model_of_dark_ink_reads_as_one_of_light_ink(digits):
    data = load("sample").subset(np.arange(3000))
    images = data.stored().reshape(-1, 28, 28)
    picture = degradations.plain(digits[0][3], np.random.default_rng(0))
    answers = []
    for pixels in (images, 255 - images):
        model = MLP([784, 32, 10], random_seed=0)
        model.train(pixels, data.targets, num_epochs=3)
        answers.append(model.read(picture))
    assert [answer.characters[0].label for answer in answers] == [str(digits[1][3])] * 2
    assert np.array_equal(*(answer.characters[0].image for answer in answers))


def test_a_model_of_other_images_reads_one_character(tmp_path):
    data = load("sample").subset(np.arange(2000))
    small = np.pad(data.stored().reshape(-1, 28, 28)[:, 4:24:2, 4:24:2], ((0, 0), (2, 2), (2, 2)))
    names = [f"digit {n}" for n in range(10)]
    model = MLP([196, 10], random_seed=0, class_names=names)
    model.train(small, data.targets, num_epochs=5)
    picture = np.full((90, 120), 250, np.uint8)
    picture[20:76, 30:86] -= np.kron(
        data.stored()[7].reshape(28, 28) // 2, np.ones((2, 2), np.uint8)
    )
    Image.fromarray(picture).save(tmp_path / "one.png")
    for given in (picture, tmp_path / "one.png"):
        answer = model.read(given)
        (one,) = answer.characters
        assert one.box == (0, 0, 90, 120)
        assert one.image.shape == (14, 14)
        assert one.label == f"digit {data.targets[7]}" == answer.digits
        assert one.verdict in ("character", "unsure")
    assert model.read(np.full((50, 60), 9, np.uint8)).verdict == "blank"


@pytest.mark.parametrize(
    ("pixels", "says"),
    [
        (np.zeros((0, 5), np.uint8), r"is empty, of shape \(0, 5\)"),
        (np.zeros((5, 5, 0), np.uint8), r"an array of shape \(5, 5, 0\)"),
        (np.zeros(784, np.uint8), r"shape \(784,\); expected a picture, \(height, width\)"),
        (np.zeros((2, 28, 28, 3), np.uint8), r"shape \(2, 28, 28, 3\)"),
        (np.zeros((28, 28, 2), np.uint8), r"shape \(28, 28, 2\)"),
        (np.zeros((28, 28)), r"type float64; .* uint8: pass \(255 \* picture\)"),
        (np.full((28, 28), np.nan), "values that are not finite"),
        (np.zeros((28, 28), bool), r"type bool; .* pass 255 \* picture"),
        (np.zeros((28, 28), np.int64), "type int64; .* bring it to 0 to 255"),
        (np.zeros((28, 28), object), "type object"),
        (np.ma.masked_array(np.zeros((9, 9), np.uint8), True), "masked"),
        ([[1, 2], [3]], "rows of different lengths"),
        (None, r"shape \(\)"),
    ],
)
def test_what_is_no_picture_is_refused_in_one_line(model, pixels, says):
    with pytest.raises(InputError, match=says) as refused:
        model.read(pixels)
    assert "\n" not in str(refused.value)


def test_a_model_of_a_table_reads_nothing():
    model = MLP([4, 3], random_seed=0)
    model.train(np.random.default_rng(0).normal(size=(30, 4)), np.arange(30) % 3, num_epochs=1)
    with pytest.raises(InputError, match="was not trained on images"):
        model.read(np.zeros((28, 28), np.uint8))


def test_a_digit_that_fills_its_picture_is_answered():
    data, draw = load("sample"), np.random.default_rng(2)
    model = MLP.pretrained()
    chosen = draw.choice(len(data), 40, replace=False)
    read = [
        model.read(degradations.filling(data.stored()[i].reshape(28, 28), draw)).digits
        for i in chosen
    ]
    right = [text == str(data.targets[i]) for text, i in zip(read, chosen, strict=True)]
    assert np.mean(right) >= 0.95


def test_a_dash_alone_is_unlike_a_digit_and_not_nothing():
    image = Image.new("L", (200, 200), 255)
    ImageDraw.Draw(image).line([60, 100, 140, 100], 0, 8)
    answer = MLP.pretrained().read(np.asarray(image))
    assert (answer.verdict, answer.reason[:12]) == ("not a digit", "it is unlike")
