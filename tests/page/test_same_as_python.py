"""The page computes what Python computes: prepared pictures to the byte, probabilities to 1e-5."""

import base64
import csv
import inspect
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image, ImageDraw, ImageOps

from inknet import MLP
from inknet.data import MnistUnavailableError, load
from inknet.data.images import fit_image, read_image
from inknet.exchange import export_html
from inknet.photo import open_picture, prepare, read_characters
from inknet.photo.sheet import Sheet
from inknet.photo.verdicts import verdict_of_character, verdict_of_picture
from inknet.predictor import fold
from tests.page.conftest import from_base64, model_in
from tests.photo import degradations
from tests.photo.sheets import sheet

DEGRADED = [
    function
    for name, function in vars(degradations).items()
    if inspect.isfunction(function)
    and list(inspect.signature(function).parameters) == ["digit", "generator"]
    and not name.startswith("_")
]
LARGEST = 4_000_000
"""Photos with more pixels than this are left out: they only take longer to carry over."""
TO_BASE64 = """
    const base64 = (bytes) => {
      let text = "";
      for (let i = 0; i < bytes.length; i += 8192) {
        text += String.fromCharCode(...bytes.subarray(i, i + 8192));
      }
      return btoa(text);
    };
"""


@pytest.fixture(scope="module")
def sample():
    return load("sample").stored().reshape(-1, 28, 28)


def strokes(generator: np.random.Generator) -> Image.Image:
    """A drawing of a few strokes, in any colours, sometimes on nothing at all."""
    side = int(generator.integers(24, 700))
    size = (side, int(side * generator.uniform(0.6, 1.6)))
    colours = generator.integers(0, 256, (2, 4))
    colours[:, 3] = (0 if generator.random() < 0.4 else 255, 255)
    drawn = Image.new("RGBA", size, tuple(map(int, colours[0])))
    pen = ImageDraw.Draw(drawn)
    for _ in range(generator.integers(1, 4)):
        points = generator.uniform(0.1, 0.9, (generator.integers(2, 6), 2)) * size
        width = max(1, int(side * generator.uniform(0.005, 0.1)))
        pen.line([tuple(map(float, point)) for point in points], tuple(map(int, colours[1])), width)
    return drawn


def drawn_pictures(sample) -> list[Image.Image]:
    """Pictures of all kinds that are made here, as RGBA."""
    generator = np.random.default_rng(19)
    pictures = [strokes(generator) for _ in range(60)]
    for number, function in enumerate(DEGRADED * 3):
        pictures.append(Image.fromarray(function(sample[31 * number], generator)))
    pictures += [Image.fromarray(255 - image) for image in sample[:10]]
    pictures += [Image.new("RGB", size, "white") for size in ((1, 1), (3, 50), (300, 200))]
    return [picture.convert("RGBA") for picture in pictures]


def photos() -> list[Path]:
    folder = os.environ.get("INKNET_PHOTOS_DIR")
    if folder is None:
        return []
    with (Path(folder) / "truth.tsv").open(newline="") as file:
        return [Path(folder) / row["file"] for row in csv.DictReader(file, delimiter="\t")]


def opened(path: Path) -> Image.Image | None:
    with Image.open(path) as image:
        if image.width * image.height > LARGEST:
            return None
        return ImageOps.exif_transpose(image).convert("RGBA")


def as_read(picture: Image.Image) -> np.ndarray:
    """Open decoded pixels in Python as a file is opened."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture.tiff"  # which loses nothing, and is written at once
        picture.save(path)
        return open_picture(path)


def pixels_of(picture: Image.Image) -> bytes:
    return np.array(picture.size, "<u4").tobytes() + picture.tobytes()


FETCH = """
    const fetched = async (name) => {
      const bytes = await (await fetch(`/data/${name}`)).arrayBuffer();
      const [width, height] = new Uint32Array(bytes, 0, 2);
      return { width, height, data: new Uint8ClampedArray(bytes, 8) };
    };
"""


def test_pictures_are_prepared_to_the_same_bytes(modules, sample):
    """Some of those that are drawn here, of all kinds, and every sixteenth photo."""
    drawn = drawn_pictures(sample)
    each_once = drawn[-13 - len(DEGRADED) :]  # degraded, clean and blank
    expect_same_bytes(modules, [*drawn[:15], *each_once, *photos()[::16]])


@pytest.mark.slow
def test_all_pictures_are_prepared_to_the_same_bytes(modules, sample):
    expect_same_bytes(modules, [*drawn_pictures(sample), *photos()])


def expect_same_bytes(modules, sources):
    page, data = modules
    page.evaluate(
        f"""async () => {{ {TO_BASE64} {FETCH}
          const {{ openPixels }} = await import("/photo/opening.js");
          const {{ prepare }} = await import("/photo/character.js");
          window.prepared = async () => base64(prepare(openPixels(await fetched("one"))).data);
        }}"""
    )
    wrong, n = [], 0
    for source in sources:
        picture = opened(source) if isinstance(source, Path) else source
        if picture is None:
            continue
        data["one"] = lambda picture=picture: pixels_of(picture)
        image = from_base64(page.evaluate("window.prepared()"), np.uint8).reshape(28, 28)
        expected = prepare(as_read(picture))
        if not np.array_equal(image, expected):
            wrong.append((n, str(source), np.abs(image.astype(int) - expected).max()))
        n += 1
    assert wrong == []
    assert n >= 0.8 * len(sources) >= 40


def test_several_digits_are_found_and_read_the_same(modules, sample, tmp_path):
    page, data = modules
    model = MLP([784, 30, 10], random_seed=3)
    model.train(sample[::5], load("sample").targets[::5], num_epochs=2)
    export_html(model, tmp_path / "page.html")
    page.evaluate(
        f"""async (model) => {{ {TO_BASE64} {FETCH}
          const {{ openPixels }} = await import("/photo/opening.js");
          const {{ readCharacters }} = await import("/photo/several.js");
          const {{ Network }} = await import("/network.js");
          const network = new Network(model);
          const classify = (images) => images.map((image) =>
            network.probabilities(Float32Array.from(image, (level) => level / 255)));
          window.read = async () => readCharacters(openPixels(await fetched("one")), classify)
            .map((row) => row.map(({{ box, image, probabilities }}) =>
              [box, base64(image), [...probabilities]]));
        }}""",
        model_in((tmp_path / "page.html").read_text("utf-8")),
    )
    generator = np.random.default_rng(4)
    n_characters = []
    for number in range(12):
        digits = list(sample[generator.integers(0, 5000, 3 + number % 4)])
        drawn, _ = sheet(digits, [0] * len(digits), generator, touching=0.3)
        picture = Image.fromarray(drawn).convert("RGBA")
        data["one"] = lambda picture=picture: pixels_of(picture)
        found = page.evaluate("window.read()")
        expected = read_characters(as_read(picture), model.predict_proba)
        assert [[one[0] for one in row] for row in found] == [
            [list(one.box) for one in row] for row in expected
        ]
        for row, expected_row in zip(found, expected, strict=True):
            for one, other in zip(row, expected_row, strict=True):
                assert_array_equal(from_base64(one[1], np.uint8), other.image.ravel())
                assert_allclose(one[2], other.probabilities, atol=1e-5)
                n_characters.append(len(row))
    assert len(n_characters) > 40


@pytest.mark.parametrize("activation", ["leaky_relu", "tanh", "sigmoid"])
def test_the_numbers_of_a_network_are_those_of_numpy(modules, sample, tmp_path, activation):
    """Every activation, and every contribution of a pixel, from the weights by NumPy."""
    page, _ = modules
    model = MLP([784, 20, 12, 10], [activation, activation, "softmax"], batch_norm="before")
    model.train(sample[::5], load("sample").targets[::5], num_epochs=2)
    export_html(model, tmp_path / "page.html")
    x = sample[7].ravel() / np.float32(255)
    found = page.evaluate(
        """async ([model, x]) => {
          const { Network } = await import("/network.js");
          const network = new Network(model);
          const forward = network.forward(Float32Array.from(x));
          const { terms, bias, sum } = network.terms(forward, 2, 5);
          return {
            values: forward.values.map((values) => [...values]),
            contributions: [...network.contributions(forward, 3)],
            terms: terms.map(({ product }) => product), bias, sum,
          };
        }""",
        [model_in((tmp_path / "page.html").read_text("utf-8")), x.tolist()],
    )
    layers = [
        (weight.astype(float), bias.astype(float), f) for weight, bias, f in fold(model.network)
    ]

    def logits(x):
        values = [x.astype(float)]
        for weight, bias, function in layers:
            z = values[-1] @ weight + bias
            values.append(z if function is None else function(z))
        return values

    for values, expected in zip(found["values"], logits(x), strict=True):
        assert_allclose(values, expected, atol=1e-5)
    steps = 1e-6 * np.eye(784)
    for i in np.flatnonzero(x)[::9]:
        slope = (logits(x + steps[i])[-1][3] - logits(x - steps[i])[-1][3]) / 2e-6
        assert found["contributions"][i] == pytest.approx(slope * x[i], abs=1e-4)
    assert sum(found["terms"]) + found["bias"] == pytest.approx(found["sum"], abs=1e-9)
    weight, bias, _ = layers[1]
    assert_allclose(found["terms"], logits(x)[1] * weight[:, 5], atol=1e-5)
    assert found["bias"] == pytest.approx(bias[5], abs=1e-6)


def test_probabilities_are_those_of_python_on_ten_thousand_images(modules, tmp_path):
    page, data = modules
    try:
        images = load("mnist").stored()[60_000:]
    except MnistUnavailableError:  # what is tested does not need the whole of MNIST
        images = load("sample").stored()
    few = load("sample")
    model = MLP([784, 256, 128, 10], batch_norm="before", keep_probs=[0.8, 0.8, 1.0])
    model.train(few.stored(), few.targets, num_epochs=2, batch_size=128)
    export_html(model, tmp_path / "page.html")
    assert model.network.architecture.n_parameters == 235_914
    data["images"] = images.tobytes
    text = page.evaluate(
        f"""async (model) => {{ {TO_BASE64}
          const {{ Network }} = await import("/network.js");
          const network = new Network(model);
          const images = new Uint8Array(await (await fetch("/data/images")).arrayBuffer());
          const all = new Float64Array(images.length / 784 * 10);
          for (let i = 0; i < images.length / 784; i++) {{
            const x = Float32Array.from(images.subarray(784 * i, 784 * (i + 1)), (v) => v / 255);
            all.set(network.probabilities(x), 10 * i);
          }}
          return base64(new Uint8Array(all.buffer));
        }}""",
        model_in((tmp_path / "page.html").read_text("utf-8")),
    )
    found = from_base64(text, np.float64).reshape(-1, 10)
    assert_allclose(found, model.predict_proba(images), atol=1e-5)


def on_nothing(
    generator: np.random.Generator, size: tuple[int, int], ink: int, paper: int | None
) -> Image.Image:
    """Ink of a grey level on nothing at all, or on paper that has a hole."""
    opaque = generator.integers(0, 256, size[::-1])
    colours = np.zeros((*opaque.shape, 4), np.uint8)
    colours[..., :3] = ink + generator.integers(-20, 21, colours[..., :3].shape)
    rows, columns = (slice(side // 3, side // 2) for side in opaque.shape)
    if paper is None:
        colours[rows, columns, 3] = opaque[rows, columns]
    else:
        colours[..., :3] = paper
        colours[..., 3] = 255
        colours[rows, columns, :3] = ink
        colours[:9, :9, 3] = opaque[:9, :9]
    return Image.fromarray(colours)


def test_behind_transparent_pixels_is_the_same_grey(modules, tmp_path):
    page, data = modules
    page.evaluate(
        f"""async () => {{ {TO_BASE64} {FETCH}
          const {{ greyOf }} = await import("/images.js");
          window.grey = async () => base64(greyOf(await fetched("one")).data);
        }}"""
    )
    generator = np.random.default_rng(8)
    pictures = [
        on_nothing(generator, size, *colours)
        for size in ((40, 30), (1031, 50), (40, 1500))
        for colours in ((30, None), (220, None), (30, 235), (220, 25))
    ]
    pictures += [Image.new("RGBA", (5, 4), (90, 90, 90, opacity)) for opacity in (0, 1, 254)]
    shades = generator.integers(0, 256, (256, 256, 4), np.uint8)
    shades[..., 3] = np.arange(256)
    pictures.append(Image.fromarray(shades))
    last = set()
    for number, picture in enumerate(pictures):
        picture.save(tmp_path / "picture.png")
        expected = read_image(tmp_path / "picture.png")
        data["one"] = lambda picture=picture: pixels_of(picture)
        found = from_base64(page.evaluate("window.grey()"), np.uint8).reshape(expected.shape)
        assert_array_equal(found, expected, err_msg=f"picture {number}")
        last.add(int(expected[-1, -1]))
    assert {0, 255} < last


@pytest.mark.parametrize("confidences", [[0.89], [0.91], [0.93, 0.92], [0.91] * 3, [0.7, 0.99]])
def test_what_is_sure_is_so_in_python_without_a_guard(modules, confidences):
    page, _ = modules
    found = page.evaluate(
        """async (confidences) => {
          const { Reader } = await import("/reading.js");
          const reader = new Reader({ classes: ["0", "1"], isPrepared: true }, null);
          reader.several = () => ({
            rows: [confidences.map((one) => ({ image: null, probabilities: [1 - one, one] }))],
          });
          return reader.read(null).verdict;
        }""",
        confidences,
    )
    characters = [verdict_of_character(one, 1.0, one, guarded=False) for one in confidences]
    sheet, support = Sheet([], np.ones((1, 1), bool), 1), float(np.prod(confidences))
    assert found == verdict_of_picture(characters, sheet, support=support, guarded=False)[0]


@pytest.mark.parametrize("light", [None, False, True])
@pytest.mark.parametrize("crop", [False, True])
@pytest.mark.parametrize(
    "shape", [(20, 32), pytest.param((8, 8), marks=pytest.mark.slow), (28, 28)]
)
def test_images_of_other_models_are_fitted_to_the_same_bytes(
    modules, sample, tmp_path, shape, crop, light
):
    page, data = modules
    generator = np.random.default_rng(5)
    pictures = [strokes(generator) for _ in range(4)]
    pictures.append(Image.fromarray(sample[3]).convert("RGBA"))
    for picture in pictures:
        picture.save(tmp_path / "picture.png")
        expected = fit_image(read_image(tmp_path / "picture.png"), shape, light, crop)
        data["one"] = lambda picture=picture: pixels_of(picture)
        text = page.evaluate(
            f"""async (model) => {{ {TO_BASE64} {FETCH}
              const {{ fitImage, greyOf }} = await import("/images.js");
              return base64(fitImage(greyOf(await fetched("one")), model).data);
            }}""",
            {"height": shape[0], "width": shape[1], "lightBackground": light, "crop": crop},
        )
        assert_array_equal(from_base64(text, np.uint8).reshape(shape), expected)


def test_float16_is_decoded_exactly(modules):
    page, _ = modules
    every = np.arange(1 << 16, dtype="<u2").view("<f2")
    finite = every[np.isfinite(every)]
    text = page.evaluate(
        f"""async (text) => {{ {TO_BASE64}
          const {{ decoded }} = await import("/network.js");
          return base64(new Uint8Array(decoded(text, "float16").buffer));
        }}""",
        base64.b64encode(finite.tobytes()).decode(),
    )
    assert_array_equal(from_base64(text, np.float32), finite.astype(np.float32))
