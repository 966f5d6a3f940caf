"""Which requests are answered: from this page, to this host, with the token, and not too large.

A page of another origin could send requests to a server on this machine, and by a name that it
resolves to this machine it could read the answers (DNS rebinding). So the name of the host and the
origin of the request are compared with what the server was started with. A server that others can
reach asks for a token besides.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = ("127.0.0.1", "localhost", "::1")
MOST_BYTES = 10_000_000
"""The largest body of a request."""
_TOO_LARGE = f"Too large: the studio takes at most {MOST_BYTES // 1_000_000} MB."
COOKIE = "inknet-studio"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


class TooLargeError(HTTPException):
    """The body of a request is larger than `MOST_BYTES`."""

    def __init__(self) -> None:
        super().__init__(413, _TOO_LARGE)


class Guard:
    """An ASGI application around another, which refuses what must not reach it.

    Parameters
    ----------
    app
        What answers.
    token
        What every request must have; None if only this machine can reach the server.
    """

    def __init__(self, app: ASGIApp, token: str | None = None) -> None:
        self.app, self.token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await _refuse(send, *refusal)
            return
        offered = _token_of_address(scope)
        if self.token is not None and offered is not None and scope["path"] == "/":
            await _send(
                send,
                303,
                b"",
                {
                    "location": "/",
                    "set-cookie": f"{COOKIE}={self.token}; Path=/; HttpOnly; SameSite=Strict",
                },
            )
            return
        n_bytes = 0

        async def limited() -> Message:
            nonlocal n_bytes
            message = await receive()
            n_bytes += len(message.get("body", b""))
            if n_bytes > MOST_BYTES:
                raise TooLargeError  # in the application, which answers with it
            return message

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name.lower() for name, _ in message["headers"]}
                more = [
                    (name.encode(), value.encode())
                    for name, value in HEADERS.items()
                    if name.encode() not in own
                ]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        await self.app(scope, limited, with_headers)

    def _refusal(self, scope: Scope, headers: Mapping[str, str]) -> tuple[int, str] | None:
        """Return status and sentence if a request must not be answered."""
        host = headers.get("host", "")
        if self.token is None and _name_of(host) not in LOOPBACK:
            return 403, "This studio answers on this machine only, under the name localhost."
        origin = headers.get("origin")
        if origin is not None and _place_of(origin) != host.lower():
            return 403, "A page of another origin may not use this studio."
        if headers.get("sec-fetch-site") in ("cross-site", "same-site") and not (
            scope["method"] == "GET" and headers.get("sec-fetch-mode") == "navigate"
        ):
            return 403, "A page of another origin may not use this studio."
        if self.token is not None and not self._has_token(scope, headers):
            return 401, "This studio asks for its token: open the address that it printed."
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length[:20]) > MOST_BYTES:
            return 413, _TOO_LARGE
        return None

    def _has_token(self, scope: Scope, headers: Mapping[str, str]) -> bool:
        assert self.token is not None, "asked where there is one"
        kind, _, bearer = headers.get("authorization", "").partition(" ")
        offered = [bearer if kind.lower() == "bearer" else ""]
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
            offered.append(cookie.value if cookie else "")
        except CookieError:
            pass
        if scope["path"] == "/":
            offered.append(_token_of_address(scope) or "")
        wanted = self.token.encode()
        return any(hmac.compare_digest(one.encode(), wanted) for one in offered)


def _name_of(host: str) -> str:
    """Return the name in a Host header, without the port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _place_of(origin: str) -> str | None:
    """Return the host and port of an origin; None if it is no address."""
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None


def _token_of_address(scope: Scope) -> str | None:
    values = parse_qs(scope["query_string"].decode("latin-1")).get("token")
    return values[0] if values else None


async def _refuse(send: Send, status: int, sentence: str) -> None:
    body = json.dumps({"error": sentence}).encode()
    await _send(send, status, body, {"content-type": "application/json", **HEADERS})


async def _send(send: Send, status: int, body: bytes, headers: Mapping[str, str]) -> None:
    listed = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    listed.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": listed})
    await send({"type": "http.response.body", "body": body})
