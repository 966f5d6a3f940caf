"""The digest of data: the same for the same content, another one for any change."""

import hashlib

import numpy as np
import pytest

from inknet.data import Dataset, load, mapped
from inknet.data.digest import digest_of, source_digest

GENERATOR = np.random.default_rng(0)
PIXELS = GENERATOR.integers(0, 256, (50, 16), dtype=np.uint8)
LABELS = np.arange(50) % 3


def dataset(pixels=PIXELS, labels=LABELS, names=("a", "b", "c"), **more):
    return Dataset(pixels, labels, names, None, "here", **more)


def changed(array, position):
    other = array.copy()
    other[position] = 1 - other[position] % 2
    return other


CHANGES = {
    "one value": dataset(changed(PIXELS, (49, 15))),
    "one label": dataset(labels=changed(LABELS, 49)),
    "a name": dataset(names=("a", "b", "d")),
    "one sample less": dataset(PIXELS[:-1], LABELS[:-1]),
    "a sample twice": dataset(PIXELS[[*range(50), 0]], LABELS[[*range(50), 0]]),
    "another order": dataset(PIXELS[::-1], LABELS[::-1]),
    "another layout": dataset(PIXELS.reshape(50, 16)[:, ::-1]),
    "another type": dataset(PIXELS.astype(np.float32)),
}


@pytest.mark.parametrize("what", CHANGES)
def test_any_change_of_the_content_changes_the_digest(what):
    assert digest_of(CHANGES[what]) != digest_of(dataset())
    assert source_digest(CHANGES[what]) != source_digest(dataset())


def test_it_is_the_sha256_of_what_it_says():
    text = b"50 16 u1\na\nb\nc\n"
    expected = hashlib.sha256(text + LABELS.astype("<i8").tobytes() + PIXELS.tobytes())
    assert digest_of(dataset()) == expected.hexdigest()


def test_the_own_test_set_counts_only_for_the_source():
    other = dataset(n_official_test=10)
    assert digest_of(other) == digest_of(dataset())
    assert source_digest(other) != source_digest(dataset())


def test_a_part_has_the_digest_of_its_samples_and_the_source_of_the_whole(monkeypatch):
    monkeypatch.setattr("inknet.data.digest.BLOCK", 40)
    rows = GENERATOR.permutation(50)[:20]
    part = dataset().subset(rows)
    assert digest_of(part) == digest_of(dataset(PIXELS[rows], LABELS[rows]))
    assert source_digest(part) == source_digest(dataset())


def test_place_and_kind_of_file_do_not_count(tmp_path):
    (tmp_path / "here").mkdir()
    np.savez(tmp_path / "a.npz", X=PIXELS, y=LABELS)
    np.savez_compressed(tmp_path / "here/b.npz", images=PIXELS.reshape(50, 4, 4), labels=LABELS)
    header = ",".join(["label", *(f"pixel{i}" for i in range(16))])
    rows = np.column_stack([LABELS, PIXELS])
    np.savetxt(tmp_path / "c.csv", rows, "%d", ",", header=header, comments="")
    paths = tmp_path / "a.npz", tmp_path / "here/b.npz", tmp_path / "c.csv"
    assert len({source_digest(load(path)) for path in paths}) == 1


def test_a_large_file_is_read_and_not_mapped(tmp_path, monkeypatch):
    path = tmp_path / "pixels"
    path.write_bytes(b"header" + PIXELS.tobytes())
    rows = np.memmap(path, np.uint8, "r", 6, (50, 16))
    monkeypatch.setattr(mapped, "LARGE_FILE", 0)
    monkeypatch.setattr("inknet.data.digest.BLOCK", 7 * 16)
    assert digest_of(dataset(rows)) == digest_of(dataset())
    with path.open("r+b") as file:
        file.truncate(600)
    with pytest.raises(ValueError, match="has become shorter"):
        digest_of(dataset(rows))
