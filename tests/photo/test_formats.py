"""Every format and mode of a picture is read alike by `MLP.read`."""

import sys
import warnings

import numpy as np
import pytest
from PIL import Image, features

from inknet import InputError
from inknet.data.images import open_image, read_image, read_image_shape
from inknet.data.sources import load
from inknet.errors import InputWarning
from tests.photo import degradations
from tests.photo.conftest import STEP

ORIENTATION = 0x0112


@pytest.fixture(scope="module")
def picture():
    digit = load("sample").features[20 * STEP].reshape(28, 28)  # a six
    return degradations.plain(digit, np.random.default_rng(0))


@pytest.fixture(scope="module")
def expected(model, picture):
    return model.read(picture)


def assert_alike(answer, expected):
    assert answer.verdict == expected.verdict
    (one,), (other,) = answer.characters, expected.characters
    assert one.label == other.label
    assert np.abs(one.image.astype(int) - other.image).mean() < 6
    assert np.abs(np.array(one.box) - other.box).max() <= 4


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        ("png", {}),
        ("jpg", {"quality": 80}),
        ("jpg", {"quality": 80, "progressive": True}),
        ("webp", {"quality": 80}),
        ("webp", {"lossless": True}),
        ("gif", {}),
        ("bmp", {}),
        ("tif", {}),
        ("tif", {"compression": "tiff_lzw"}),
        ("ppm", {}),
        pytest.param(
            "avif",
            {"quality": 80},
            marks=pytest.mark.skipif(not features.check("avif"), reason="Pillow reads no AVIF"),
        ),
    ],
    ids=str,
)
def test_every_format_is_read(model, picture, expected, suffix, options, tmp_path):
    path = tmp_path / f"digit.{suffix}"
    Image.fromarray(picture).save(path, **options)
    assert_alike(model.read(path), expected)
    assert_alike(model.read(str(path)), expected)


def test_heic_is_read(model, picture, expected, tmp_path):
    pytest.importorskip("pillow_heif").register_heif_opener()
    path = tmp_path / "IMG_0001.HEIC"
    Image.fromarray(picture).save(path, format="HEIF", quality=80)
    assert path.read_bytes()[4:12] == b"ftypheic"
    assert_alike(model.read(path), expected)


def test_heic_is_turned_upright(model, picture, expected, tmp_path):
    pytest.importorskip("pillow_heif").register_heif_opener()
    path = tmp_path / "turned.heic"
    turned = Image.fromarray(np.rot90(picture))
    turned.getexif()[ORIENTATION] = 6
    turned.save(path, quality=80)
    with open_image(path) as image:
        assert image.format == "HEIF"
    assert_alike(model.read(path), expected)


def test_without_its_package_heic_is_refused_with_the_remedy(model, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    path = tmp_path / "photo.heic"
    path.write_bytes(b"\0\0\0\x1cftypheic\0\0\0\0mif1heicmiaf")
    with pytest.raises(InputError, match=r"pip install 'inknet\[heic\]', or convert"):
        model.read(path)


@pytest.mark.parametrize("brand", [b"heic", b"avif", b"mp42"])
def test_a_header_without_a_picture_is_refused(model, brand, tmp_path):
    path = tmp_path / "photo.heic"
    path.write_bytes(b"\0\0\0\x1cftyp" + brand + b"\0\0\0\0mif1heicmiaf" + bytes(200))
    with pytest.raises(InputError, match=r"photo\.heic: ") as refused:
        model.read(path)
    assert "\n" not in str(refused.value)


def test_a_heic_with_too_many_pixels_is_refused_before_it_is_decoded(model, tmp_path, monkeypatch):
    pytest.importorskip("pillow_heif").register_heif_opener()
    path = tmp_path / "large.heic"
    Image.new("RGB", (640, 480)).save(path)
    monkeypatch.setattr("inknet.data.images.MOST_PIXELS", 2 * 640 * 480 - 2)
    with pytest.raises(InputError, match="640×480 are too many pixels"):
        model.read(path)


def grey_of(picture):
    return np.asarray(Image.fromarray(picture).convert("L"))


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "YCbCr", "LAB", "HSV"])
def test_every_mode_of_eight_bits_is_read(model, picture, expected, mode, tmp_path):
    image = Image.fromarray(picture)
    image = image.quantize(16) if mode == "P" else image.convert(mode)
    path = tmp_path / ("digit.tif" if mode not in ("P", "HSV") else "digit.png")
    (image.convert("RGB") if mode == "HSV" else image).save(path)
    assert_alike(model.read(path), expected)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(lambda grey: grey.astype(np.uint16) * 257, id="16 bits"),
        pytest.param(lambda grey: grey.astype(np.uint16) * 16, id="12 of 16 bits"),
        pytest.param(lambda grey: grey.astype(np.int32) * 1000 - 5000, id="32 bits"),
        pytest.param(lambda grey: grey.astype(np.float32) / 255, id="fractions"),
    ],
)
def test_every_depth_is_read(model, picture, expected, values, tmp_path):
    Image.fromarray(values(grey_of(picture))).save(tmp_path / "digit.tif")
    assert_alike(model.read(tmp_path / "digit.tif"), expected)


def test_sixteen_bits_of_png_and_pgm_are_read(model, picture, expected, tmp_path):
    deep = grey_of(picture).astype(np.uint16) * 257
    Image.fromarray(deep).save(tmp_path / "deep.png")
    header = f"P5 {deep.shape[1]} {deep.shape[0]} 65535\n".encode()
    (tmp_path / "deep.pgm").write_bytes(header + deep.astype(">u2").tobytes())
    assert_alike(model.read(tmp_path / "deep.png"), expected)
    assert_alike(model.read(tmp_path / "deep.pgm"), expected)


def test_black_and_white_of_one_bit_is_read(model, picture, expected, tmp_path):
    for name in ("bits.png", "bits.pbm", "bits.tif"):
        Image.fromarray(picture).convert("1", dither=Image.Dither.NONE).save(tmp_path / name)
        answer = model.read(tmp_path / name)
        assert answer.characters[0].label == expected.characters[0].label


@pytest.mark.parametrize("ink", [(255, 255, 255), (0, 0, 0), (30, 60, 200)])
@pytest.mark.parametrize("suffix", ["png", "webp"])
def test_ink_on_nothing_is_read(model, expected, picture, ink, suffix, tmp_path):
    covered = (255 - grey_of(picture).astype(float)).clip(25, 200)
    opacity = ((covered - 25) / 175 * 255).astype(np.uint8)
    colours = np.dstack([*(np.full_like(opacity, level) for level in ink), opacity])
    Image.fromarray(colours).save(tmp_path / f"ink.{suffix}", lossless=True)
    assert_alike(model.read(tmp_path / f"ink.{suffix}"), expected)
    assert_alike(model.read(colours), expected)


def test_a_palette_with_a_transparent_colour_is_read(model, picture, expected, tmp_path):
    image = Image.fromarray(picture).quantize(8)
    paper = int(np.bincount(np.asarray(image).ravel()).argmax())
    image.save(tmp_path / "palette.png", transparency=paper)
    image.save(tmp_path / "palette.gif", transparency=paper)
    for name in ("palette.png", "palette.gif"):
        assert_alike(model.read(tmp_path / name), expected)


TURNED = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: a.transpose(1, 0, 2),
    6: np.rot90,
    7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
    8: lambda a: np.rot90(a, -1),
}


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp"])
def test_cameras_may_be_held_in_any_way(model, picture, expected, orientation, suffix, tmp_path):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = tmp_path / f"photo.{suffix}"
    turned = np.ascontiguousarray(TURNED[orientation](picture[:300]))
    Image.fromarray(turned).save(path, exif=exif, quality=90)
    answer = model.read(path)
    assert answer.shape == (300, 320)
    assert_alike(answer, model.read(picture[:300]))
    assert read_image_shape(path) == read_image(path).shape == (300, 320)
    assert np.abs(read_image(path).astype(int) - grey_of(picture[:300])).mean() < 3


@pytest.mark.parametrize("suffix", [".tiff", ".gif", ".webp"])
def test_a_warning_says_that_only_the_first_page_is_read(
    model, picture, expected, suffix, tmp_path
):
    path, image = tmp_path / f"pages{suffix}", Image.fromarray(picture)
    lossless = {"lossless": True} if suffix == ".webp" else {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        image.save(path, **lossless)
        model.read(path)
    other = Image.fromarray(255 - picture)
    image.save(path, save_all=True, append_images=[other, image], **lossless)
    with pytest.warns(InputWarning, match="more than one page or frame; only the first is read"):
        assert model.read(path).digits == expected.digits
