"""The studio without a browser: what the tests of its server share."""

import base64
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
import warnings
from contextlib import contextmanager
from io import BytesIO

import httpx
from PIL import Image

from inknet.studio import new_app
from tests.commands import INKNET, default_signals, environment

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # newer versions would rather have a successor of httpx
    from starlette.testclient import TestClient

SHORT = {
    "network.hidden": [12],
    "training.epochs": 2,
    "data.limit": 700,
}
"""Settings of a training that takes a second."""
LONG = SHORT | {"training.epochs": 100_000}
"""Settings of a training that is ended before it is over."""


def client(root, **options):
    """Return a client of a studio over the runs in a folder; what fails in it fails here."""
    headers = options.pop("headers", {})
    raises = options.pop("raises", True)
    return TestClient(
        new_app(root, **options),
        base_url="http://localhost",
        headers=headers,
        raise_server_exceptions=raises,
        follow_redirects=False,
    )


def base64_of(content):
    return base64.b64encode(content).decode("ascii")


def png(pixels):
    """Return pixels as the file of a picture."""
    return file_of(Image.fromarray(pixels), "PNG")


def file_of(image, kind, **options):
    content = BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def sentence(answer, *statuses):
    """Return the sentence with which a request was refused: friendly, of one line."""
    assert answer.status_code in (statuses or range(400, 500)), answer.text
    assert answer.headers["content-type"] == "application/json"
    (name, said), *others = answer.json().items()
    assert name == "error" and not others
    assert said and "\n" not in said and "Traceback" not in said and ".py" not in said, said
    assert said.endswith((".", "…")) or len(said) < 400, said
    return said


# -- events ----------------------------------------------------------------------------------------


def events_in(lines):
    """Yield ``(id, event, data)`` from the lines of a stream of server-sent events."""
    found = {}
    for line in lines:
        if line.startswith(":"):
            continue
        if line:
            name, _, value = line.partition(": ")
            found[name] = value
        elif found:
            yield int(found["id"]), found["event"], json.loads(found["data"])
            found = {}


def wait_until(is_so, seconds=20.0):
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.03)


# -- a process -------------------------------------------------------------------------------------


class Server:
    """``inknet studio`` as a process of its own, and a client of it."""

    def __init__(self, *options, folder, **env):
        self.process = subprocess.Popen(
            [str(INKNET), "studio", "--no-open", "--port", "0", *map(str, options)],
            cwd=folder,
            env=environment(**env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=default_signals,
        )
        found = None
        for line in self.process.stdout:
            if found := re.search(r"http://\S+?/(?=[?;])(\?token=([\w-]+))?", line):
                break
        assert found, self.process.communicate()[1]
        self.address, self.token = found[0].split("?")[0], found[2]
        self.client = httpx.Client(base_url=self.address, timeout=30)

    def events(self, run, **headers):
        """Yield what happens in a training, until the stream ends."""
        path = "/api/trainings/events"
        with self.client.stream("GET", path, params={"run": run}, headers=headers) as answer:
            assert answer.status_code == 200
            yield from events_in(answer.iter_lines())

    def end(self, number=signal.SIGINT):
        """End the process; return its exit code and what it complained of."""
        self.client.close()
        self.process.send_signal(number)
        try:
            _, complaints = self.process.communicate(timeout=10)
        finally:
            self.process.kill()
        return self.process.returncode, complaints


@contextmanager
def serving(*options, folder, **env):
    """A running studio, which is ended afterwards, with the training that it may have started."""
    server = Server(*options, folder=folder, **env)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.end(signal.SIGKILL)


def end_trainings(root):
    """Kill the trainings that a test left in a folder of runs."""
    for path in (root / ".studio").glob("*.pid"):
        try:
            os.kill(int(path.read_text("ascii")), signal.SIGKILL)
        except (OSError, ValueError):
            continue


def at_once(calls):
    """Make calls at the same time, each in a thread; return what they returned."""
    results = [None] * len(calls)

    def make(place, call):
        results[place] = call()

    threads = [threading.Thread(target=make, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
