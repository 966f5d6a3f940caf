import itertools
import re
from dataclasses import replace

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.colors import to_rgb
from PIL import Image

from inknet.report import images as drawn_images
from inknet.report import plots
from inknet.report.calibration import calibration
from inknet.report.evaluation import Evaluation
from inknet.training.history import EpochRecord, History


def history(n_epochs, validation=True, **changed):
    records = [
        EpochRecord(
            epoch=epoch,
            train_loss=changed.get("train_loss", 2 / epoch),
            train_accuracy=changed.get("train_accuracy", 1 - 0.5 / epoch),
            val_loss=2.1 / epoch if validation else None,
            val_accuracy=1 - 0.6 / epoch if validation else None,
            learning_rate=0.01,
            seconds=1.5,
            training_seconds=1.25,
            gradient_norms=(0.5, 0.4),
            active_fractions=(0.6,),
        )
        for epoch in range(1, n_epochs + 1)
    ]
    return History(records, best_epoch=max(1, n_epochs - 1) if n_epochs else None)


def evaluation(class_names, largest=1000, seed=0):
    rng = np.random.default_rng(seed)
    n_classes = len(class_names)
    confusion = rng.poisson(1, (n_classes, n_classes)) * rng.integers(0, 20, (n_classes, n_classes))
    np.fill_diagonal(confusion, rng.integers(largest // 2, largest, n_classes))
    confusion[0, 0] = largest
    return Evaluation(confusion.astype(np.int64), 0.1, tuple(class_names))


def digits(count):
    return np.random.default_rng(0).integers(0, 256, (count, 28, 28), np.uint8)


def lay_out(figure):
    """Put everything in its place, if that is not yet done."""
    if figure.stale:
        figure.draw_without_rendering()
        figure.stale = False


def drawn_texts(figure):
    """Every text that shows, with its place in pixels."""
    lay_out(figure)
    texts = [*figure.texts, *(text for legend in figure.legends for text in legend.get_texts())]
    for axes in figure.axes:
        texts += [*axes.texts, *(axes.get_legend().get_texts() if axes.get_legend() else [])]
        if not axes.axison:
            continue
        texts += [axes._left_title, axes.title]
        for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
            shown = [tick for tick in axis.get_major_ticks() if contains(limits, tick.get_loc())]
            texts += [axis.label, *(tick.label1 for tick in shown)]
    return [(text, text.get_window_extent()) for text in texts if text.get_text()]


def contains(limits, place):
    return min(limits) <= place <= max(limits)


def assert_texts_apart_and_inside(figure):
    texts = drawn_texts(figure)
    width, height = figure.bbox.size
    for text, box in texts:
        inside = box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height
        assert inside, f"{text.get_text()!r} is cut off"
    left, bottom, right, top = np.array([box.extents for _, box in texts]).T
    apart = np.less_equal.outer(right, left) | np.less_equal.outer(top, bottom)
    overlap = ~(apart | apart.T | np.eye(len(texts), dtype=bool))
    pairs = [[texts[number][0].get_text() for number in pair] for pair in np.argwhere(overlap)]
    assert not pairs


def assert_png(path, longest=2600):
    with Image.open(path) as image:
        image.load()
        assert image.format == "PNG"
        assert max(image.size) <= longest
        assert min(image.size) >= 150


# --- history ---


@pytest.mark.parametrize("n_epochs", [0, 1, 2, 7, 50, 1000])
@pytest.mark.parametrize("validation", [True, False])
def test_the_history_of_any_length_is_drawn_with_texts_apart(n_epochs, validation):
    assert_texts_apart_and_inside(plots.history_figure(history(n_epochs, validation)))


@pytest.mark.parametrize("n_epochs", [1, 2, 3, 12, 50, 300])
def test_epochs_on_the_axis_are_whole_and_happened(n_epochs):
    for axes in plots.history_figure(history(n_epochs)).axes:
        low, high = axes.get_xlim()
        ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
        assert ticks
        assert all(tick == int(tick) and 1 <= tick <= n_epochs for tick in ticks)


def test_the_best_epoch_is_marked_in_both_panels():
    for axes in plots.history_figure(history(9)).axes:
        lines = {line.get_label(): line for line in axes.get_lines()}
        assert list(lines["best epoch: 8"].get_xdata()) == [8, 8]


def test_the_curves_are_the_columns_and_missing_validation_has_none():
    loss, accuracy = plots.history_figure(history(5)).axes
    np.testing.assert_allclose(loss.get_lines()[1].get_ydata(), 2.1 / np.arange(1, 6))
    np.testing.assert_allclose(accuracy.get_lines()[0].get_ydata(), 1 - 0.5 / np.arange(1, 6))
    for axes in plots.history_figure(history(5, validation=False)).axes:
        assert {line.get_label() for line in axes.get_lines()} == {"training", "best epoch: 4"}


def test_the_accuracy_axis_ends_at_a_hundred_percent():
    figure = plots.history_figure(history(3, train_accuracy=1.0))
    figure.draw_without_rendering()
    low, high = figure.axes[1].get_ylim()
    assert all(tick <= 1 for tick in figure.axes[1].get_yticks() if low <= tick <= high)


def assert_no_legend_lies_on_a_curve(figure):
    """In pixels: of no curve is any part of its line, between its points too, below a legend."""
    lay_out(figure)
    axes_legends = [axes.get_legend() for axes in figure.axes if axes.get_legend()]
    boxes = [legend.get_window_extent() for legend in (*figure.legends, *axes_legends)]
    assert boxes
    for axes in figure.axes:
        for line in axes.get_lines():
            path = line.get_transform().transform_path(line.get_path())
            for box in boxes:
                assert not path.intersects_bbox(box, filled=False), line.get_label()


CURVES = {
    "accuracy near 100 %": lambda x: 1 - 0.03 * np.exp(-9 * x),
    "accuracy of 100 %": lambda x: np.ones_like(x),
    "rising": lambda x: x,
    "falling": lambda x: 1 - x,
    "hollow": lambda x: (2 * x - 1) ** 2,
    "through every corner": lambda x: np.random.default_rng(0).random(len(x)),
}


@pytest.mark.parametrize("n_epochs", [1, 2, 12, 200])
@pytest.mark.parametrize("shape", CURVES)
@pytest.mark.parametrize("validation", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_no_legend_lies_on_a_curve(shape, n_epochs, validation):
    values = CURVES[shape](np.linspace(0, 1, n_epochs))
    records = [
        replace(
            record,
            train_loss=float(value),
            train_accuracy=float(value),
            val_loss=float(value) if validation else None,
            val_accuracy=float(0.95 * value) if validation else None,
        )
        for record, value in zip(history(n_epochs), values, strict=True)
    ]
    figure = plots.history_figure(History(records, best_epoch=max(1, n_epochs // 2)))
    assert_no_legend_lies_on_a_curve(figure)
    assert_texts_apart_and_inside(figure)


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_diverged_training_still_has_its_picture(tmp_path, loss):
    plots.plot_history(history(4, train_loss=loss), tmp_path / "loss.png")
    assert_png(tmp_path / "loss.png")


# --- confusion matrix ---

DIGITS = tuple("0123456789")
LONG = tuple(f"a class with quite a long name {letter}" for letter in "abcdefghijklmnopqrstuvwxyz")


@pytest.mark.parametrize(
    ("class_names", "largest"),
    [(("cat", "dog"), 7), (DIGITS, 1135), (DIGITS, 99999), (LONG, 99999), (LONG * 2, 5000)],
    ids=["2", "10", "10 large", "26 long", "52 long"],
)
def test_texts_of_a_confusion_matrix_do_not_overlap(class_names, largest):
    figure = plots.confusion_figure(evaluation(class_names, largest))
    assert_texts_apart_and_inside(figure)
    assert max(figure.get_size_inches()) * figure.dpi < 3600


def test_each_count_stands_in_its_cell():
    judged = evaluation(DIGITS)
    judged.confusion[3, 7], judged.confusion[7, 3] = 17, 0
    figure = plots.confusion_figure(judged)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    written = {}
    for text in axes.texts:
        box = text.get_window_extent()
        corners = axes.transData.inverted().transform([(box.x0, box.y0), (box.x1, box.y1)])
        (column, row), (other_column, other_row) = np.floor(corners).astype(int)
        assert (column, row) == (other_column, other_row), "a count leaves its cell"
        written[row, column] = int(text.get_text())
    assert written == {
        (row, column): count for (row, column), count in np.ndenumerate(judged.confusion) if count
    }
    assert axes.yaxis_inverted()
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("true class", "predicted class")


def relative_luminance(colour):
    """As WCAG 2.2 defines it, from sRGB in 0 to 1."""
    colour = np.asarray(colour)
    linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize("largest", [1, 1000])
def test_counts_contrast_with_their_cells_and_one_error_is_visible(largest):
    confusion = np.diag([largest, largest // 3 + 1, largest])
    confusion[0, 1], confusion[2, 0] = 1, largest
    (axes,) = plots.confusion_figure(Evaluation(confusion, 0.1, ("a", "b", "c"))).axes
    colours = axes.collections[0].get_array() / 255
    for text in axes.texts:
        column, row = np.floor(text.get_position()).astype(int)
        lighter, darker = sorted(
            [relative_luminance(colours[row, column]), relative_luminance(to_rgb(text.get_color()))]
        )[::-1]
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5
    assert (colours[1, 2] == 1).all(), "a cell of 0 is white"
    assert abs(colours[0, 1] - 1).sum() > 0.08, "a single error is not"


def test_the_columns_of_a_matrix_without_any_error_are_drawn(tmp_path):
    plots.plot_confusion(
        Evaluation(np.diag([5, 0, 3]), 0.0, ("a", "b", "c")), tmp_path / "confusion_matrix.png"
    )
    assert_png(tmp_path / "confusion_matrix.png")


def test_hundreds_of_classes_are_coloured_without_numbers(tmp_path):
    figure = plots.confusion_figure(evaluation([f"class {number}" for number in range(300)]))
    assert not figure.axes[0].texts
    assert max(figure.get_size_inches()) * figure.dpi < 3600


@pytest.mark.parametrize("name", ["$x", r"$\frac{$", "数字", "two\nlines", ""])
def test_any_class_name_can_be_drawn(tmp_path, name):
    plots.plot_confusion(evaluation((name, "b")), tmp_path / "confusion_matrix.png")
    drawn_images.plot_mistakes(digits(1), [name], ["b"], [0.9], tmp_path / "mistakes.png")
    assert_png(tmp_path / "confusion_matrix.png")
    assert_png(tmp_path / "mistakes.png")


# --- weights ---


@pytest.mark.parametrize("n_neurons", [1, 2, 10, 11, 128, 256, 1024])
def test_each_neuron_has_its_own_place_inside_the_picture(n_neurons):
    weights = np.random.default_rng(0).normal(size=(784, n_neurons)).astype(np.float32)
    figure = drawn_images.weights_figure(weights, (28, 28))
    assert len(figure.images) == n_neurons
    places = {(image.ox, image.oy) for image in figure.images}
    assert len(places) == n_neurons
    height, width = figure.images[0].get_array().shape[:2]
    assert all(
        0 <= left <= figure.bbox.width - width and 0 <= bottom <= figure.bbox.height - height
        for left, bottom in places
    )
    columns, rows = (len(set(line)) for line in zip(*places, strict=True))
    assert columns * rows - n_neurons < max(2, columns)
    assert rows <= columns <= 2 * rows + 1
    assert 28 <= width <= 260
    assert figure.bbox.width <= 2000
    assert_texts_apart_and_inside(figure)


def test_a_neuron_is_drawn_upright_and_coloured_by_sign_on_its_own_scale():
    weights = np.zeros((6, 3))
    weights[0, 0] = 1e-3  # top left corner of the first neuron
    weights[5, 1] = -5  # bottom right corner of the second
    # The frame is as thick as one weight is wide.
    tiles = [
        np.array(image.get_array()) for image in drawn_images.weights_figure(weights, (2, 3)).images
    ]
    zoom = tiles[0].shape[1] // 5
    neurons = [
        tile[zoom + zoom // 2 : -zoom : zoom, zoom + zoom // 2 : -zoom : zoom] for tile in tiles
    ]
    middle, most, least = (colormaps["RdBu_r"](x, bytes=True)[:3] for x in (0.5, 1.0, 0.0))
    assert tuple(neurons[0][0, 0]) == most
    assert tuple(neurons[1][1, 2]) == least
    assert (neurons[0].reshape(-1, 3)[1:] == middle).all()
    assert (neurons[2] == middle).all(), "a neuron of zeros is white"


def test_the_order_of_neurons_is_that_of_reading():
    images = drawn_images.weights_figure(np.eye(16, 10), (4, 4)).images
    order = sorted(range(10), key=lambda number: (-images[number].oy, images[number].ox))
    assert order == list(range(10))


def test_large_and_oblong_images_are_scaled_to_a_bounded_picture(tmp_path):
    weights = np.random.default_rng(0).normal(size=(96 * 64, 600)).astype(np.float32)
    drawn_images.plot_weights(weights, (96, 64), tmp_path / "weights.png")
    assert_png(tmp_path / "weights.png")


# --- mistakes ---


@pytest.mark.parametrize("count", [1, 5, 30])
@pytest.mark.parametrize(
    "names", [("4", "9"), ("T-shirt or top", "ankle boot"), ("W" * 40, "M" * 40)]
)
def test_captions_of_mistakes_do_not_overlap(count, names):
    figure = drawn_images.mistakes_figure(
        digits(count), [names[0]] * count, [names[1]] * count, [0.9999] * count
    )
    images = [image.get_window_extent() for image in figure.artists]
    assert len(images) == count
    assert_texts_apart_and_inside(figure)
    for _, box in drawn_texts(figure):
        assert not any(box.overlaps(image) for image in images)


def test_a_mistake_is_drawn_in_its_own_greys_with_what_it_is_and_was_read_as():
    image = np.full((1, 28, 28), 100, np.uint8)
    figure = drawn_images.mistakes_figure(image, ["4"], ["9"], np.array([0.998], np.float32))
    (drawn,) = figure.artists
    assert drawn.get_clim() == (0, 255)
    np.testing.assert_array_equal(drawn.get_array(), image[0])
    assert "true 4, read 9 (99.8%)" in [text.get_text() for text in figure.texts]


@pytest.mark.parametrize(("height", "width"), [(28, 28), (28, 14), (14, 28)])
def test_a_mistake_keeps_its_proportions_in_the_middle_of_its_place(height, width):
    image = np.full((1, height, width), 100, np.uint8)
    (drawn,) = drawn_images.mistakes_figure(image, ["4"], ["9"], [0.9]).artists
    (square,) = drawn_images.mistakes_figure(digits(1), ["4"], ["9"], [0.9]).artists
    box, place = drawn.get_window_extent(), square.get_window_extent()
    assert box.width / box.height == pytest.approx(width / height)
    assert max(box.width, box.height) == pytest.approx(place.width)
    assert box.x0 + box.x1 == pytest.approx(place.x0 + place.x1)
    assert box.y0 + box.y1 == pytest.approx(place.y0 + place.y1)


def test_near_certainty_is_not_rounded_to_certainty():
    figure = drawn_images.mistakes_figure(digits(1), ["4"], ["9"], [0.99999])
    assert "true 4, read 9 (> 99.9%)" in [text.get_text() for text in figure.texts]


def test_no_mistakes_make_a_picture_that_says_so(tmp_path):
    figure = drawn_images.mistakes_figure(digits(0), [], [], [])
    assert re.match("No mistakes", figure.texts[0].get_text())
    drawn_images.plot_mistakes(digits(0), [], [], [], tmp_path / "mistakes.png")
    assert_png(tmp_path / "mistakes.png", longest=1000)


# --- files ---


def test_the_same_run_makes_the_same_bytes(tmp_path):
    for name in ("one.png", "other.png"):
        plots.plot_confusion(evaluation(DIGITS), tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "other.png").read_bytes()
    assert len(list(tmp_path.iterdir())) == 2, "nothing is left beside the pictures"


# -- images ---------------------------------------------------------------------------------------


def image_arrays(figure):
    return [image.get_array() for image in figure.artists]


@pytest.mark.parametrize("count", [1, 8, 9, 40])
def test_images_are_drawn_above_their_names_and_none_overlap(count):
    images, names = digits(count), [f"class {i}" for i in range(count)]
    figure = drawn_images.images_figure(images, names)
    assert np.array_equal(np.stack(image_arrays(figure)), images)
    figure.draw_without_rendering()
    boxes = [image.get_window_extent() for image in figure.artists]
    texts = [text.get_window_extent() for text in figure.texts]
    assert [text.get_text() for text in figure.texts] == names
    for box, text in zip(boxes, texts, strict=True):
        assert text.y1 <= box.y0 and abs(text.x0 + text.x1 - box.x0 - box.x1) < 2
    for one, other in itertools.combinations([*boxes, *texts], 2):
        assert not one.overlaps(other)
    for one in [*boxes, *texts]:
        assert figure.bbox.x0 <= one.x0 and one.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= one.y0 and one.y1 <= figure.bbox.y1


def test_an_original_is_drawn_beside_its_versions_and_as_high_as_both_rows():
    original, versions = digits(1)[0], digits(17)[1:]
    figure = drawn_images.versions_figure(original, versions)
    assert np.array_equal(np.stack(image_arrays(figure)), [original, *versions])
    boxes = [image.get_window_extent() for image in figure.artists]
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other)
    large, *small = boxes
    assert large.x1 < min(box.x0 for box in small)
    assert large.y1 == pytest.approx(max(box.y1 for box in small))
    assert large.y0 == pytest.approx(min(box.y0 for box in small))


# -- reliability -----------------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [1.0, 0.4])
@pytest.mark.parametrize("n", [1, 5000])
def test_the_reliability_curve_shows_each_bin_with_an_answer(temperature, n, tmp_path):
    rng = np.random.default_rng(n)
    measured = calibration(rng.normal(0, 2, (n, 4)), rng.integers(0, 4, n), temperature)
    figure = plots.reliability_figure(measured)
    assert_texts_apart_and_inside(figure)
    curve, counts = figure.axes
    marks = [line.get_xydata() for line in curve.get_lines() if line.get_marker() in ("s", "o")]
    drawn = [measured.before, measured.after][: 1 if temperature == 1 else 2]
    expected = [
        (x, y)
        for bins in drawn
        for count, x, y in zip(bins.counts, bins.confidence, bins.accuracy, strict=True)
        if count
    ]
    assert sorted(map(tuple, np.concatenate(marks))) == sorted(expected)
    assert len(counts.patches) == len(drawn)
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts[-1].endswith(f"error {measured.after.error:.2%}")
    plots.plot_reliability(measured, tmp_path / "reliability.png")
    assert_png(tmp_path / "reliability.png")
