"""MNIST: the published bytes, and downloads from local servers, some of which misbehave."""

import contextlib
import ctypes
import functools
import gzip
import hashlib
import http.server
import json
import logging
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from making import idx_bytes, refusal, write_pair

from inknet.data import MnistUnavailableError, download, load
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
    """Use an empty cache folder, with no other place to find MNIST."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("INKNET_DATA_DIR", raising=False)
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "cache" / "inknet" / "mnist"


@pytest.fixture
def published(tmp_path, monkeypatch):
    """Write four files as large as MNIST's, with blank images, and make their hashes the right ones."""
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


def test_a_download_stays_in_the_cache_and_is_used_the_next_time(
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


def test_without_a_network_one_line_says_what_to_do(cache):
    message = refusal(load, "mnist")
    for part in (str(cache), "ossci-datasets", "no connection", "INKNET_DATA_DIR", "data fetch"):
        assert part in message


def test_a_server_that_refuses_is_named_with_its_status(cache, serve, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MIRRORS", (serve(tmp_path),))
    assert "HTTP status 404" in refusal(load, "mnist")


def test_a_server_that_never_answers_is_abandoned(cache, monkeypatch):
    with http.server.HTTPServer(("127.0.0.1", 0), Quiet) as silent:  # accepts, and then nothing
        monkeypatch.setattr(module, "MIRRORS", (f"http://127.0.0.1:{silent.server_port}/",))
        monkeypatch.setattr(download, "SECONDS_BETWEEN_BYTES", 0.1)
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


def test_files_in_the_folder_are_used_gzipped_or_not(cache, published, monkeypatch):
    monkeypatch.setenv("INKNET_DATA_DIR", str(published))
    name = NAMES[2]
    (published / name).write_bytes(gzip.decompress((published / f"{name}.gz").read_bytes()))
    (published / f"{name}.gz").unlink()
    dataset = load("mnist")
    assert dataset.features.shape == (70_000, 784)
    assert dataset.features.dtype == dataset.labels.dtype == np.uint8
    assert not cache.exists()


def test_a_damaged_file_in_the_folder_is_an_error_and_not_skipped(cache, published, monkeypatch):
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


# -- servers that misbehave ---------------------------------------------------------------------

HALF = 50_000


class Misbehaving(Quiet):
    """Answers every request in the way that the server's ``fault`` names."""

    def do_GET(self):
        with contextlib.suppress(OSError):  # the client closes the connection when it times out
            getattr(self, self.server.fault)((self.server.folder / self.path[1:]).read_bytes())

    def start(self, status=200, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def sends_other_bytes(self, content):
        self.start(content_length=len(content))
        self.wfile.write(content[::-1])

    def cuts_off(self, content):
        self.start(content_length=len(content))
        self.wfile.write(content[:HALF])

    def cuts_off_without_a_length(self, content):
        self.start()
        self.wfile.write(content[:HALF])

    def hangs_at_once(self, content):
        self.server.released.wait(20)

    def hangs_halfway(self, content):
        self.start(content_length=len(content))
        self.wfile.write(content[:HALF])
        self.server.released.wait(20)

    def drips(self, content):
        self.start(content_length=len(content))
        for number in range(400):
            if self.server.released.wait(0.05):
                break
            self.wfile.write(content[number : number + 1])

    def drips_without_a_length(self, content):
        self.start()
        for _ in range(400):
            if self.server.released.wait(0.05):
                break
            self.wfile.write(b"x")

    def never_ends(self, content):
        self.start()
        while not self.server.released.is_set():
            self.wfile.write(bytes(1 << 16))

    def has_an_error_page(self, content):
        self.start(500, content_length=9)
        self.wfile.write(b"<p>Sorry!")

    def has_an_error_page_that_looks_sound(self, content):
        self.start(content_length=9, content_type="text/html")
        self.wfile.write(b"<p>Log in")

    def lies_about_the_length(self, content):
        self.start(content_length="plenty")
        self.wfile.write(content[:HALF])

    def lies_about_the_encoding(self, content):
        self.start(content_length=len(content), content_encoding="gzip")
        self.wfile.write(content)

    def redirects_for_ever(self, content):
        self.start(302, location=self.path, content_length=0)

    def redirects_to_a_file(self, content):
        self.start(302, location="file:///etc/passwd", content_length=0)

    def speaks_another_language(self, content):
        self.wfile.write(b"220 mail.example.org ESMTP\r\n")

    def says_nothing(self, content):
        pass


FAULTS = {
    "sends_other_bytes": "wrong SHA-256",
    "cuts_off": "cut off",
    "cuts_off_without_a_length": "wrong SHA-256",
    "hangs_at_once": "no answer in time",
    "hangs_halfway": "no answer in time",
    "drips": "no answer in time",
    "drips_without_a_length": "no answer in time",
    "never_ends": "wrong SHA-256",
    "has_an_error_page": "HTTP status 500",
    "has_an_error_page_that_looks_sound": "wrong SHA-256",
    "lies_about_the_length": "",
    "lies_about_the_encoding": "cut off or damaged",
    "redirects_for_ever": "no connection",
    "redirects_to_a_file": "no connection",
    "speaks_another_language": "no connection",
    "says_nothing": "no connection",
}


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Publish four files of 100,000 bytes, quick to serve again and again."""
    folder = tmp_path / "small"
    folder.mkdir()
    generator = np.random.default_rng(0)
    hashes = {}
    for name in NAMES:
        content = generator.bytes(2 * HALF)
        (folder / f"{name}.gz").write_bytes(content)
        hashes[name] = hashlib.sha256(content).hexdigest()
    monkeypatch.setattr(module, "SHA256", hashes)
    return folder


@pytest.fixture
def misbehave(small, monkeypatch):
    """Return a function that starts a server with a fault and returns its address."""
    monkeypatch.setattr(download, "SECONDS_BETWEEN_BYTES", 0.4)
    monkeypatch.setattr(download, "SECONDS_FOR_A_FILE", 0.6)
    monkeypatch.setattr(download, "LARGEST_FILE", 1 << 20)
    servers = []

    def start(fault):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Misbehaving)
        server.fault, server.folder, server.released = fault, small, threading.Event()
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}/"

    yield start
    for server, thread in servers:
        server.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("fault", FAULTS)
def test_any_fault_of_a_server_gives_one_line_and_leaves_the_cache_clean(
    cache, small, serve, misbehave, monkeypatch, fault
):
    bad = misbehave(fault)
    monkeypatch.setattr(module, "MIRRORS", (bad,))
    message = refusal(module.fetch_mnist)
    assert FAULTS[fault] in message
    assert list(cache.iterdir()) == []

    monkeypatch.setattr(module, "MIRRORS", (bad, serve(small)))
    assert_right(module.fetch_mnist(), small)


def assert_right(cache, published):
    """Check that the cache has the four published files, bit for bit, and nothing else."""
    assert sorted(path.name for path in cache.iterdir()) == sorted(f"{n}.gz" for n in NAMES)
    for path in cache.iterdir():
        assert path.read_bytes() == (published / path.name).read_bytes()


FETCH = """
import ctypes, json, os, sys
from inknet.data import mnist
mnist.MIRRORS, mnist.SHA256 = json.loads(sys.argv[1])
print(mnist.fetch_mnist())
"""


def fetch(mirrors, **options):
    """Start a process that fetches from these mirrors, with the current hashes."""
    command = [sys.executable, "-c", FETCH, json.dumps([mirrors, module.SHA256])]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, **options)


def test_processes_that_download_at_once_do_not_disturb_each_other(cache, small, serve):
    mirror = serve(small)
    processes = [fetch([mirror]) for _ in range(4)]
    for process in processes:
        output, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert output.strip() == str(cache)
    assert_right(cache, small)


def test_a_killed_download_leaves_no_file_under_the_final_name(
    cache, small, serve, misbehave, monkeypatch
):
    with fetch([misbehave("hangs_halfway")]) as process:
        deadline = time.monotonic() + 30
        while not (cache.is_dir() and any(path.stat().st_size for path in cache.iterdir())):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.02)
        process.kill()
    assert not [path for path in cache.iterdir() if path.name.endswith(".gz")]
    monkeypatch.setattr(module, "MIRRORS", (serve(small),))
    for name in NAMES:
        path = module.fetch_mnist() / f"{name}.gz"
        assert path.read_bytes() == (small / path.name).read_bytes()


def without_rights_of_root():
    """Make file permissions apply to a new process even if root starts it."""
    drop_from_bounding_set, override, search = 24, 1, 2  # PR_CAPBSET_DROP, CAP_DAC_…
    for right in (override, search):
        ctypes.CDLL(None).prctl(drop_from_bounding_set, right, 0, 0, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="rights of root are dropped as on Linux")
def test_a_cache_that_is_read_only_serves_what_it_has_and_refuses_the_rest(
    cache, small, serve, monkeypatch
):
    mirror = serve(small)
    monkeypatch.setattr(module, "MIRRORS", (mirror,))
    module.fetch_mnist()
    cache.chmod(0o555)
    try:
        complete = fetch([], preexec_fn=without_rights_of_root)
        output, errors = complete.communicate(timeout=60)
        assert complete.returncode == 0, errors
        assert output.strip() == str(cache)

        damaged = cache / f"{NAMES[1]}.gz"
        damaged.write_bytes(b"damaged")
        refused = fetch([mirror], preexec_fn=without_rights_of_root)
        _, errors = refused.communicate(timeout=60)
        assert refused.returncode == 1
        assert "MnistUnavailableError" in errors.splitlines()[-1]
        assert "the cache cannot be written" in errors.splitlines()[-1]
    finally:
        cache.chmod(0o755)


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


def test_mnist_is_in_memory_once(mnist):
    assert mnist.features.flags.c_contiguous
    base = mnist.features if mnist.features.base is None else mnist.features.base
    assert base.nbytes == 70_000 * 784
