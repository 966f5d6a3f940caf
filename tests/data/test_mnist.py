"""MNIST: the published bytes, and downloads from a server on this machine that may misbehave."""

import functools
import gzip
import hashlib
import http.server
import logging
import threading

import numpy as np
import pytest
from making import idx_bytes, refusal, write_pair

from inknet.data import MnistUnavailableError, load
from inknet.data import mnist as module
from inknet.data.idx import find_spelling

NAMES = list(module.SHA256)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def serve():
    """Return a function that serves a folder on this machine and returns its address."""
    servers = []

    def start(folder):
        handler = functools.partial(Quiet, directory=folder)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}/"

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Put the cache in a folder of its own, with no other place to find MNIST."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("INKNET_DATA_DIR", raising=False)
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "cache" / "inknet" / "mnist"


@pytest.fixture
def published(tmp_path, monkeypatch):
    """Make four files as large as MNIST's, empty of ink, and let their hashes be the right ones."""
    folder = tmp_path / "published"
    folder.mkdir()
    hashes = {}
    for name in NAMES:
        n = 60_000 if name.startswith("train") else 10_000
        blank = np.zeros((n, 28, 28)) if "images" in name else np.arange(n) % 10
        packed = gzip.compress(idx_bytes(blank.astype(np.uint8)), 1)
        (folder / f"{name}.gz").write_bytes(packed)
        hashes[name] = hashlib.sha256(packed).hexdigest()
    monkeypatch.setattr(module, "SHA256", hashes)
    return folder


def test_a_download_lands_in_the_cache_and_serves_the_next_time(
    cache, published, serve, monkeypatch, capsys, caplog
):
    caplog.set_level(logging.DEBUG, logger="pooch")
    monkeypatch.setattr(module, "MIRRORS", (serve(published),))
    dataset = load("mnist")
    assert (len(dataset), dataset.n_official_test, dataset.name) == (70_000, 10_000, "mnist")
    assert sorted(path.name for path in cache.iterdir()) == sorted(f"{n}.gz" for n in NAMES)
    assert "100%" in capsys.readouterr().err
    assert not [record for record in caplog.records if record.name == "pooch"]

    monkeypatch.setattr(module, "MIRRORS", ())
    assert module.fetch_mnist() == cache
    assert capsys.readouterr().err == ""


def test_the_next_mirror_is_tried(cache, published, serve, tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    monkeypatch.setattr(module, "MIRRORS", (serve(tmp_path / "empty"), serve(published)))
    assert module.fetch_mnist() == cache
    assert len(list(cache.iterdir())) == 4


def test_wrong_bytes_never_reach_the_cache(cache, published, serve, monkeypatch):
    (published / f"{NAMES[0]}.gz").write_bytes(b"tampered with")
    monkeypatch.setattr(module, "MIRRORS", (serve(published),))
    with pytest.raises(MnistUnavailableError, match=f"{NAMES[0]}.*wrong SHA-256") as caught:
        load("mnist")
    assert "\n" not in str(caught.value)
    assert list(cache.iterdir()) == []


def test_a_file_damaged_in_the_cache_is_downloaded_again(cache, published, serve, monkeypatch):
    monkeypatch.setattr(module, "MIRRORS", (serve(published),))
    module.fetch_mnist()
    damaged = cache / f"{NAMES[1]}.gz"
    damaged.write_bytes(b"damaged")
    assert module.fetch_mnist() == cache
    assert hashlib.sha256(damaged.read_bytes()).hexdigest() == module.SHA256[NAMES[1]]


def test_without_a_network_one_line_says_what_can_be_done(cache):
    message = refusal(load, "mnist")
    for part in (str(cache), "ossci-datasets", "no connection", "INKNET_DATA_DIR", "data fetch"):
        assert part in message


def test_a_server_that_refuses_is_named_with_its_status(cache, serve, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MIRRORS", (serve(tmp_path),))
    assert "HTTP status 404" in refusal(load, "mnist")


def test_a_server_that_never_answers_is_given_up(cache, monkeypatch):
    with http.server.HTTPServer(("127.0.0.1", 0), Quiet) as silent:  # accepts, and then nothing
        monkeypatch.setattr(module, "MIRRORS", (f"http://127.0.0.1:{silent.server_port}/",))
        monkeypatch.setattr(module, "SECONDS_BETWEEN_BYTES", 0.1)
        assert "no answer in time" in refusal(load, "mnist")


def test_a_cache_that_cannot_be_written_is_named(cache):
    cache.parent.parent.mkdir()
    cache.parent.write_text("a file where the folder should be")
    message = refusal(load, "mnist")
    assert str(cache) in message
    assert "Not a directory" in message


def test_a_folder_that_lacks_the_files_is_named_too(cache, tmp_path, monkeypatch):
    monkeypatch.setenv("INKNET_DATA_DIR", str(tmp_path / "elsewhere"))
    with pytest.raises(MnistUnavailableError, match="elsewhere"):
        load("mnist")


def test_what_is_in_the_folder_is_used_packed_or_not(cache, published, monkeypatch):
    monkeypatch.setenv("INKNET_DATA_DIR", str(published))
    name = NAMES[2]
    (published / name).write_bytes(gzip.decompress((published / f"{name}.gz").read_bytes()))
    (published / f"{name}.gz").unlink()
    dataset = load("mnist")
    assert dataset.features.shape == (70_000, 784)
    assert dataset.features.dtype == dataset.labels.dtype == np.uint8
    assert not cache.exists()


def test_a_damaged_file_in_the_folder_is_an_error_and_not_passed_over(
    cache, published, monkeypatch
):
    monkeypatch.setenv("INKNET_DATA_DIR", str(published))
    damaged = published / f"{NAMES[0]}.gz"
    damaged.write_bytes(damaged.read_bytes()[:-100])
    message = refusal(load, "mnist")
    assert message.startswith(f"{damaged}: ")
    assert not cache.exists()


def test_other_images_under_the_names_of_mnist_are_refused(cache, tmp_path, monkeypatch):
    write_pair(tmp_path)
    write_pair(tmp_path, prefix="t10k-")
    monkeypatch.setenv("INKNET_DATA_DIR", str(tmp_path))
    assert refusal(load, "mnist").startswith(f"{tmp_path}: not MNIST")


@pytest.mark.parametrize(
    ("name", "md5"),
    [
        ("train-images-idx3-ubyte", "6bbc9ace898e44ae57da46a324031adb"),
        ("train-labels-idx1-ubyte", "a25bea736e30d166cdddb491f175f624"),
        ("t10k-images-idx3-ubyte", "2646ac647ad5339dbf082846283269ea"),
        ("t10k-labels-idx1-ubyte", "27ae3e4e09519cfbb04c329615203637"),
    ],
)
def test_the_bytes_of_mnist_are_the_published_ones(mnist, name, md5):
    part = slice(60_000) if name.startswith("train") else slice(60_000, None)
    values = mnist.features.reshape(-1, 28, 28) if "images" in name else mnist.labels
    assert hashlib.md5(idx_bytes(values[part])).hexdigest() == md5
    assert find_spelling(module.fetch_mnist(), name)


def test_mnist_takes_its_own_size_of_memory_once(mnist):
    assert mnist.features.flags.c_contiguous
    base = mnist.features if mnist.features.base is None else mnist.features.base
    assert base.nbytes == 70_000 * 784
