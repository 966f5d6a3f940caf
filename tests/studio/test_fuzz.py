"""Requests that a fuzzer makes from the description of the calls: none makes the studio fail."""

import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inknet.studio import new_app, trainings

DESCRIBED = new_app(Path("none")).app.openapi()
CALLS = [(method.upper(), path) for path, ways in DESCRIBED["paths"].items() for method in ways]
TAKE_NOTHING = ("/api/state", "/api/studies")
"""Calls that cannot be made wrongly."""
CASES = [
    (*call, way)
    for call in CALLS
    for way in ("positive", "negative")
    if way == "positive" or call[1] not in TAKE_NOTHING
]
RUNS = ("one", "pretrained")
EXAMPLES = 8
"""So many requests for each call, in each of the ways to make them."""


@pytest.fixture(scope="module")
def address(trained, tmp_path_factory):
    """The address of a running studio, whose trainings end before they begin."""
    root = tmp_path_factory.mktemp("fuzzed") / "runs"
    shutil.copytree(trained, root)
    begin = subprocess.Popen

    def ended(command, **options):
        return begin([sys.executable, "-c", ""], **options)

    listening = socket.create_server(("127.0.0.1", 0))
    app = new_app(root, studies_root=root)
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=2))
    thread = threading.Thread(target=server.run, args=([listening],))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainings.subprocess, "Popen", ended)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def fuzzer():
    schemathesis = pytest.importorskip("schemathesis")
    return schemathesis.openapi.from_dict(DESCRIBED)


def requests_for(call, way):
    """Return requests for a call; many ask of a run that is there, which a fuzzer cannot guess."""
    from schemathesis import GenerationMode

    def of_run(case, run):
        if run is not None:
            case.query = {**(case.query or {}), "run": run}
        return case

    made = call.as_strategy(generation_mode=GenerationMode(way))
    return st.builds(of_run, made, st.sampled_from((None, *RUNS)))


@pytest.mark.parametrize(("method", "path", "way"), CASES)
def test_no_request_makes_the_studio_fail(address, fuzzer, method, path, way):
    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=HealthCheck
    )
    @given(case=requests_for(fuzzer[path][method], way))
    def answered(case):
        answer = case.call(base_url=address, timeout=20)
        assert answer.status_code < 500, answer.text
        if answer.status_code >= 400:
            (name, said), *others = answer.json().items()
            assert name == "error" and said and not others
            assert "Traceback" not in said

    answered()
