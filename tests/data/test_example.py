"""The example picture says what it is to say, to the model in the package."""

import numpy as np
import pytest
from PIL import Image

from inknet import MLP, InputError
from inknet.data.example import example_picture, write_example


@pytest.mark.parametrize("digits", ["2026 1126", "7", "0123456789"])
def test_it_is_read_surely(digits):
    answer = MLP.pretrained().read(example_picture(digits))
    assert (answer.digits, answer.verdict) == (digits, "digit")


@pytest.mark.parametrize("suffix", ["png", "jpg", "JPEG"])
def test_it_is_written_as_a_picture(tmp_path, suffix):
    path = tmp_path / f"note.{suffix}"
    write_example(path)
    with Image.open(path) as image:
        assert np.abs(np.asarray(image).astype(int) - example_picture()).mean() < 4
    assert MLP.pretrained().read(path).digits == "2026 1126"


@pytest.mark.parametrize("digits", ["", " 1", "1  2", "a", "1" * 201, "\u0661"])
def test_what_are_no_digits_is_refused(digits):
    with pytest.raises(InputError, match="expected digits, rows separated by a space"):
        example_picture(digits)


def test_other_kinds_of_files_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"expected a name that ends in \.png, \.jpg, \.jpeg"):
        write_example(tmp_path / "note.txt")
    assert not any(tmp_path.iterdir())
