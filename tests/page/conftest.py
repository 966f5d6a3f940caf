"""The modules of the page, served to a real browser from this machine."""

import base64
import json
import threading
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from io import BytesIO
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

MODULES = Path(str(resources.files("inknet.page")))


class Files(SimpleHTTPRequestHandler):
    """The modules of the page, and bytes that a test makes: ``/data/…``."""

    data: ClassVar[dict[str, Callable[[], bytes]]] = {}

    def do_GET(self) -> None:
        if not self.path.startswith("/data/"):
            super().do_GET()
            return
        content = self.data[self.path.removeprefix("/data/")]()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def served():
    """The address of a server of the modules."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, directory=str(MODULES)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def modules(browser, served):
    """A page that can import the modules and fetch ``/data/NAME``, and the data, by name."""
    Files.data = {"empty": lambda: b"<!doctype html><title>empty</title>"}
    page = browser.new_page()
    page.set_default_timeout(600_000)
    page.goto(f"{served}/data/empty")
    yield page, Files.data
    page.close()


def model_in(page: str) -> dict:
    """Return the description of the model in an exported page."""
    text = page.split('<script type="application/json" id="model">')[1].split("</script>")[0]
    return json.loads(text)


def from_base64(text: str, dtype: type) -> np.ndarray:
    """Return the numbers of a type whose bytes are written as base64."""
    return np.frombuffer(base64.b64decode(text), dtype)


def pictured(page, picture, way):
    """Give a picture to the page: chosen as a file, dropped or pasted."""
    content = BytesIO()
    picture.save(content, "PNG")
    if way == "choose":
        file = {"name": "picture.png", "mimeType": "image/png", "buffer": content.getvalue()}
        page.set_input_files("#file", file)
        return
    page.evaluate(
        """([way, text]) => {
          const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
          const data = new DataTransfer();
          data.items.add(new File([bytes], "picture.png", { type: "image/png" }));
          const event = way === "drop"
            ? new DragEvent("drop", { dataTransfer: data, bubbles: true })
            : new ClipboardEvent("paste", { clipboardData: data, bubbles: true });
          document.dispatchEvent(event);
        }""",
        [way, base64.b64encode(content.getvalue()).decode()],
    )
