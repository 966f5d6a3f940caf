"""What is no picture, no numbers or no request at all gets one friendly sentence."""

import json
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from tests.studio.serving import at_once, base64_of, client, file_of, png, sentence

PREDICT = "/api/predict"


@pytest.fixture(scope="module")
def studio(trained):
    return client(trained, raises=False)


def chunk(kind, content):
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def bomb(width, height):
    """A PNG of a few kB that says, and has, so many pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    packed = zlib.compress(bytes(width + 1) * min(height, 500), 9)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


WHOLE = png(np.arange(90_000, dtype=np.uint32).reshape(300, 300).astype(np.uint8))
JPEG = file_of(Image.new("RGB", (300, 300), "red"), "JPEG")
PICTURES = {
    "nothing": (b"", "no picture"),
    "text": (b"hello", "not a picture"),
    "markup": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
    "zeros": (bytes(5000), "not a picture"),
    "PDF": (b"%PDF-1.7\n" + bytes(100), "not a picture"),
    "header only": (WHOLE[:8], None),
    "truncated": (WHOLE[: len(WHOLE) // 2], "damaged"),
    "truncated JPEG": (JPEG[: len(JPEG) // 2], "damaged"),
    "flipped": (WHOLE[:60] + bytes(b ^ 255 for b in WHOLE[60:160]) + WHOLE[160:], "damaged"),
    "bomb": (bomb(30_000, 30_000), "too many pixels"),
    "long bomb": (bomb(200_000, 2), "too many pixels"),
    "more than 40 million": (bomb(6_500, 6_500), "too many pixels"),
    "no size": (bomb(0, 0), None),
    "not floating": (
        file_of(Image.fromarray(np.full((30, 30), np.nan, np.float32)), "TIFF"),
        None,
    ),
}


@pytest.mark.parametrize("run", ["pretrained", "one"])
@pytest.mark.parametrize("name", PICTURES)
def test_what_is_no_picture_is_refused_in_words(studio, name, run):
    content, words = PICTURES[name]
    asked = {"params": {"run": run}}
    answers = [
        studio.post(PREDICT, content=content, headers={"content-type": "image/png"}, **asked),
        studio.post(PREDICT, files={"image": ("a.png", content)}, **asked),
        studio.post(PREDICT, json={"image": base64_of(content)}, **asked),
    ]
    for answer in answers:
        said = sentence(answer, 400)
        assert words is None or words in said.lower()
        assert "/tmp" not in said


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (28, 28), (300, 200)])
@pytest.mark.parametrize("colour", [0, 127, 255])
def test_a_blank_picture_is_said_to_be_blank(studio, size, colour):
    content = file_of(Image.new("L", size, colour), "PNG")
    answer = studio.post(PREDICT, content=content)
    assert answer.status_code == 200, answer.text
    assert answer.json()["verdict"] == "blank" and answer.json()["digits"] == ""


def test_an_empty_canvas_is_said_to_be_blank(studio):
    for run in ("pretrained", "one"):
        body = {"image": base64_of(bytes(784))}
        answer = studio.post(PREDICT, params={"run": run}, json=body)
        assert answer.status_code == 200 and answer.json()["verdict"] == "blank"


FEATURES = {
    "too few": [[0.5] * 783],
    "too many": [[0.5] * 785],
    "none": [],
    "an empty row": [[]],
    "of several lengths": [[0.5] * 784, [0.5]],
    "text": [["a"] * 784],
    "numbers as text": [["0.5"] * 784],
    "null": [[None] * 784],
    "a word": "features",
    "a table": {"a": 1},
    "a number": 0.5,
    "nested": [[[[0.5] * 784]]],
    "not finite": [[float("nan")] * 784],
    "infinite": [[float("inf")] * 784],
    "huge": [[1e308] * 784],
    "integers beyond all": [[10**400] * 784],
    "off the scale": [[-5e6] * 784],
    "too many rows": [[0.5] * 784] * 1300,
}


@pytest.mark.parametrize("name", FEATURES)
def test_features_that_are_none_are_refused_in_words(studio, name):
    content = json.dumps({"features": FEATURES[name]})
    answer = studio.post(
        PREDICT,
        params={"run": "one"},
        content=content,
        headers={"content-type": "application/json"},
    )
    sentence(answer, 400)


BODIES = {
    "empty": b"",
    "no JSON": b"{",
    "not text": b"\xff\xfe\x00",
    "a list": b"[]",
    "null": b"null",
    "a number": b"1" * 5000,
    "nested lists": b"[" * 200_000,
    "nested tables": b'{"a":' * 100_000,
    "deep features": b'{"features":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    "no fields": b"{}",
    "another field": b'{"picture": "aaaa"}',
    "an image that is no text": b'{"image": 5}',
    "wrong base64": b'{"image": "a"}',
    "odd characters": '{"image": "\N{SNOWMAN}\\ud800"}'.encode(),
}
CALLS = [PREDICT, *("/api/" + name for name in ("similar", "corrections", "follow"))]


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("path", CALLS)
def test_a_damaged_body_is_refused_in_words(studio, path, name):
    headers = {"content-type": "application/json"}
    answer = studio.post(path, params={"run": "one"}, content=BODIES[name], headers=headers)
    sentence(answer, 400, 422)


@pytest.mark.parametrize("name", list(BODIES)[:8])
@pytest.mark.parametrize("path", ["/api/trainings", "/api/trainings/check"])
def test_a_damaged_recipe_is_refused_in_words(studio, path, name):
    headers = {"content-type": "application/json"}
    sentence(studio.post(path, content=BODIES[name], headers=headers), 400, 422)


PART = b'--x\r\ncontent-disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
FORMS = {
    "no boundary": ("multipart/form-data", PART + WHOLE + b"\r\n--x--\r\n"),
    "another boundary": ("multipart/form-data; boundary=y", PART + WHOLE + b"\r\n--x--\r\n"),
    "cut off": ("multipart/form-data; boundary=x", PART + WHOLE[:500]),
    "empty": ("multipart/form-data; boundary=x", b""),
    "no parts": ("multipart/form-data; boundary=x", b"--x--\r\n"),
    "noise": ("multipart/form-data; boundary=x", bytes(range(256)) * 20),
    "no name": ("multipart/form-data; boundary=x", b"--x\r\n\r\nabc\r\n--x--\r\n"),
    "text in the field": (
        "multipart/form-data; boundary=x",
        b'--x\r\ncontent-disposition: form-data; name="image"\r\n\r\nabc\r\n--x--\r\n',
    ),
    "many parts": ("multipart/form-data; boundary=x", PART * 50 + b"\r\n--x--\r\n"),
    "odd boundary": ("multipart/form-data; boundary=\u00ff;;=", PART),
}


# the parser of forms leaves the file of a part that is cut off to the garbage collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", FORMS)
def test_a_damaged_form_is_refused_in_words(studio, name):
    kind, content = FORMS[name]
    headers = {"content-type": kind.encode("latin-1")}
    sentence(studio.post(PREDICT, content=content, headers=headers), 400)


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/api/runs", {"limit": 0}),
        ("/api/runs", {"limit": "many"}),
        ("/api/runs", {"offset": -1}),
        ("/api/runs", {"sort": "password"}),
        ("/api/runs", {"order": "up"}),
        ("/api/runs", {"filter": "x" * 1000}),
        ("/api/run", {}),
        ("/api/sample", {"run": "one", "row": -1}),
        ("/api/sample", {"run": "one", "row": 10**30}),
        ("/api/mistakes", {"run": "one", "true": "seven"}),
        ("/api/study", {}),
        ("/api/study", {"name": "\0"}),
        ("/api/no/such/call", {}),
        ("/nothing", {}),
    ],
)
def test_odd_parameters_are_refused_in_words(studio, path, params):
    sentence(studio.get(path, params=params), 400, 404, 422)


def test_a_call_in_another_way_is_refused_in_words(studio):
    sentence(studio.get(PREDICT), 405)
    sentence(studio.put("/api/runs"), 405)


def test_bad_and_good_pictures_at_the_same_time_get_each_its_own_answer(studio):
    good = file_of(Image.new("L", (60, 60), 255), "PNG")
    contents = [good, WHOLE[: len(WHOLE) // 2], b"hello", bomb(30_000, 30_000)] * 6
    answers = at_once(
        [lambda content=content: studio.post(PREDICT, content=content) for content in contents]
    )
    codes = [answer.status_code for answer in answers]
    assert codes == [200, 400, 400, 400] * 6
