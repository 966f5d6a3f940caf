"""What the studio refuses: other pages, other names, paths out of its folders, missing tokens."""

import json
import shutil
import socket

import pytest

from tests.studio.serving import Server, base64_of, client, sentence, serving

WHERE = "/api/state"
TOKEN = "a-token-for-tests"


# -- pages of others -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "http://localhost:8000"},
        {"origin": "null"},
        {"origin": "http://["},
        {"origin": "http://localhost.evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"},
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_page_of_another_origin_is_refused(read_only, headers, method):
    answer = read_only.request(method, WHERE, headers=headers)
    assert "another origin" in sentence(answer, 403)


def test_the_page_itself_and_a_link_to_it_are_answered(read_only):
    own = {"origin": "http://localhost", "sec-fetch-site": "same-origin"}
    assert read_only.get(WHERE, headers=own).status_code == 200
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert read_only.get("/", headers=link).status_code == 200
    sentence(read_only.post("/api/corrections/learn", headers=link), 403)


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8017", "localhost.evil.example", "127.0.0.1.nip.io", "[", ""],
)
def test_a_rebound_host_name_is_refused(read_only, host):
    origin = f"http://{host}"
    for headers in ({"host": host}, {"host": host, "origin": origin}):
        sentence(read_only.get(WHERE, headers=headers), 403)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:99", "127.0.0.1:8017", "[::1]:8017"])
def test_every_name_of_this_machine_is_answered(read_only, host):
    assert read_only.get(WHERE, headers={"host": host}).status_code == 200


# -- headers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/", "/static/studio/api.js", "/api/state", "/docs", "/nothing", "/api/run?run=none"]
)
def test_every_answer_has_a_strict_policy(read_only, path):
    headers = read_only.get(path).headers
    assert headers["content-security-policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in headers


# -- paths -----------------------------------------------------------------------------------------


@pytest.fixture
def secret(root):
    """A whole run beside the folder of the runs, and links to it in that folder."""
    outside = root.parent / "outside"
    shutil.copytree(root / "one", outside)
    (root / "link").symlink_to(outside)
    return outside


OUT = ["../outside", "..", ".", "", "one/../../outside", "..\\outside", "link", "/etc", "one/"]
OUT += ["\0", "one\0", "%2e%2e%2foutside", "outside", ".studio", "x" * 260, "\N{SNOWMAN}" * 100]


@pytest.mark.parametrize("run", OUT)
def test_no_name_of_a_run_leads_out_of_the_folder(root, secret, run):
    studio = client(root, raises=False)
    (root / ".studio").mkdir()
    image = base64_of(bytes(784))
    calls = [
        ("GET", "/api/run", None),
        ("GET", "/api/model", None),
        ("GET", "/api/mistakes", None),
        ("GET", "/api/sample?row=0", None),
        ("GET", "/api/corrections", None),
        ("GET", "/api/trainings/events", None),
        ("POST", "/api/predict", {"image": image}),
        ("POST", "/api/similar", {"image": image}),
        ("POST", "/api/corrections", {"image": image, "label": "1"}),
        ("POST", "/api/corrections/learn", {}),
        ("POST", "/api/trainings/pause", {}),
        ("POST", "/api/trainings/resume", {}),
        ("POST", "/api/trainings/stop", {}),
        ("POST", "/api/follow", {"image": image, "node": {"kind": "probability", "unit": 1}}),
        ("DELETE", "/api/corrections", None),
    ]
    before = sorted(secret.iterdir())
    for method, path, body in calls:
        name, _, row = path.partition("?")
        params = {"run": run} | ({"row": 0} if row else {})
        sentence(studio.request(method, name, params=params, json=body), 404)
    assert sorted(secret.iterdir()) == before
    assert "outside" not in [one["id"] for one in studio.get("/api/runs").json()["runs"]]
    assert "link" not in [one["id"] for one in studio.get("/api/runs").json()["runs"]]


@pytest.mark.parametrize(
    "path",
    [
        "/static/../studio/app.py",
        "/static/..%2fstudio%2fapp.py",
        "/static/%2e%2e/studio/app.py",
        "/static/%2e%2e%2f%2e%2e%2fpyproject.toml",
        "/static/..%5cstudio%5capp.py",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/static/studio",
        "/static/",
        "/static/__init__.py",
        "/static/%00.js",
        "/static/page%00.html",
        "/static/" + "x" * 300 + ".js",
        "/..%2f..%2fetc/passwd",
        "//evil.example/",
        "/api/..%2f..%2fetc",
    ],
)
def test_nothing_but_the_files_of_the_page_is_served(local, path):
    status, body = local(path)
    assert status in (400, 404), body
    assert set(json.loads(body)) == {"error"}


@pytest.fixture(scope="module")
def local(trained):
    """Ask a real server for a path just as it is written: clients make paths plain themselves."""
    with serving("--runs", trained, folder=trained.parent) as server:
        port = int(server.address.rsplit(":", 1)[1].strip("/"))

        def ask(path):
            with socket.create_connection(("127.0.0.1", port), timeout=10) as wire:
                words = f"GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
                wire.sendall(words.encode("latin-1"))
                answer = b"".join(iter(lambda: wire.recv(65536), b""))
            head, _, body = answer.partition(b"\r\n\r\n")
            return int(head.split()[1]), body.decode()

        assert ask("/static/studio/api.js")[0] == 200
        yield ask


def test_corrections_are_not_written_through_a_link(root, tmp_path):
    (tmp_path / "mine.npz").write_bytes(b"mine")
    (root / "one" / "corrections.npz").symlink_to(tmp_path / "mine.npz")
    body = {"image": base64_of(bytes(range(256)) * 3 + bytes(16)), "label": "1"}
    answer = client(root, raises=False).post("/api/corrections", params={"run": "one"}, json=body)
    assert answer.status_code < 500
    assert (tmp_path / "mine.npz").read_bytes() == b"mine"


def test_a_name_with_markup_is_told_as_data_only(root):
    name = '<img src=x onerror="alert(1)">'
    shutil.copytree(root / "one", root / name)
    studio = client(root)
    for answer in (
        studio.get("/api/runs"),
        studio.get("/api/run", params={"run": name}),
        studio.get("/api/run", params={"run": f"{name}2"}),
        studio.get("/api/study", params={"name": name}),
    ):
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert name in [one["id"] for one in studio.get("/api/runs").json()["runs"]]
    started = studio.post(
        "/api/trainings/check", json={"recipe": name, "source": name, "settings": {name: 1}}
    )
    assert started.headers["content-type"] == "application/json"


# -- the token -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def guarded(trained):
    return client(trained, token=TOKEN)


@pytest.mark.parametrize("path", ["/", "/api/state", "/static/studio/api.js", "/docs", "/no"])
def test_without_the_token_nothing_is_answered(guarded, path):
    for headers in (
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": TOKEN},
        {"authorization": "Bearer "},
        {"authorization": "Bearer t\u00f6ken".encode("latin-1")},
        {"cookie": "inknet-studio=wrong"},
        {"cookie": "inknet-studio=\u00ff; ;=".encode("latin-1")},
        {"cookie": f"other={TOKEN}"},
    ):
        assert "token" in sentence(guarded.get(path, headers=headers), 401)
    assert "token" in sentence(guarded.get(path, params={"token": "wrong"}), 401)


def test_the_token_counts_in_a_header_and_in_a_cookie(guarded):
    for headers in (
        {"authorization": f"Bearer {TOKEN}"},
        {"authorization": f"bearer {TOKEN}"},
        {"cookie": f"a=b; inknet-studio={TOKEN}"},
    ):
        assert guarded.get(WHERE, headers=headers).json()["has_token"] is True
    sentence(guarded.get(WHERE, params={"token": TOKEN}), 401)  # addresses are logged and shared


def test_opening_the_printed_address_sets_the_cookie(guarded):
    answer = guarded.get("/", params={"token": TOKEN})
    assert answer.status_code == 303 and answer.headers["location"] == "/"
    value, *attributes = answer.headers["set-cookie"].split("; ")
    assert value == f"inknet-studio={TOKEN}"
    assert {"HttpOnly", "SameSite=Strict"} <= set(attributes)
    guarded.cookies.clear()
    assert guarded.get("/", headers={"cookie": value}).status_code == 200


def test_with_a_token_pages_of_others_are_refused_all_the_same(guarded):
    bearer = {"authorization": f"Bearer {TOKEN}"}
    answer = guarded.post("/api/predict", headers={**bearer, "origin": "https://evil.example"})
    assert "another origin" in sentence(answer, 403)
    any_name = {**bearer, "host": "studio.example:8017"}
    assert guarded.get(WHERE, headers=any_name).status_code == 200


def test_the_command_asks_for_a_token_if_others_can_reach_it(trained):
    server = Server("--runs", trained, "--host", "0.0.0.0", folder=trained.parent)
    try:
        port = server.address.rsplit(":", 1)[1].strip("/")
        address = f"http://127.0.0.1:{port}/api/state"
        assert server.token and len(server.token) >= 20
        assert server.client.get(address).status_code == 401
        bearer = {"authorization": f"Bearer {server.token}"}
        assert server.client.get(address, headers=bearer).status_code == 200
    finally:
        code, complaints = server.end()
    assert (code, complaints) == (130, "inknet: interrupted\n")


# -- size ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["/api/predict", "/api/corrections?run=one", "/api/similar?run=one", "/api/trainings/check"],
)
@pytest.mark.parametrize(
    "kind", ["image/png", "application/json", "multipart/form-data; boundary=x"]
)
def test_more_than_10_mb_are_refused_whether_they_are_announced_or_not(trained, path, kind):
    studio = client(trained, raises=False)
    headers = {"content-type": kind}
    content = b" " * 10_000_001
    assert "10 MB" in sentence(studio.post(path, content=content, headers=headers), 413)

    def parts():
        yield b'--x\r\ncontent-disposition: form-data; name="image"; filename="a"\r\n\r\n'
        for _ in range(11):
            yield b" " * 1_000_000

    answer = studio.post(path, content=parts(), headers=headers)
    assert "content-length" not in answer.request.headers
    assert "10 MB" in sentence(answer, 413)


@pytest.mark.parametrize("length", ["-1", "ten", "1e3", "99999999999999999999999999", "1" * 5000])
def test_an_odd_content_length_is_refused(read_only, length):
    answer = read_only.post("/api/predict", content=b"x", headers={"content-length": length})
    sentence(answer, 400, 411, 413)
