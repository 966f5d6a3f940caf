"""The page ``/docs``: every call of the studio, from its own description, without other servers."""

from __future__ import annotations

import json
import re
from html import escape
from typing import Any

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Calls of inknet studio</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/static/style.css">
<link rel="stylesheet" href="/static/studio/docs.css">
</head>
<body class="docs">
<header><h1>Calls of inknet studio</h1></header>
<main>
<p>{about} Each failure is answered with <code>{{"error": "a sentence"}}</code>. The same as JSON:
<a href="/openapi.json">openapi.json</a>.</p>
{groups}
</main>
</body>
</html>
"""


def add(app: FastAPI) -> None:
    """Add the page to an application."""

    @app.get("/docs", include_in_schema=False, response_class=HTMLResponse)
    def docs() -> HTMLResponse:
        return HTMLResponse(page(app.openapi()))


def page(schema: dict[str, Any]) -> str:
    """Return the page for an OpenAPI description."""
    groups: dict[str, list[str]] = {}
    for path, methods in schema["paths"].items():
        for method, call in methods.items():
            groups.setdefault(call["tags"][0], []).append(_call(path, method, call))
    sections = [
        f"<section class='card'><h2>{escape(name.capitalize())}</h2>{''.join(calls)}</section>"
        for name, calls in groups.items()
    ]
    return PAGE.format(about=escape(schema["info"]["description"]), groups="\n".join(sections))


def _call(path: str, method: str, call: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><th scope='row'><code>{escape(one['name'])}</code></th>"
        f"<td>{escape(_kind(one['schema']))}{'' if one.get('required') else ', optional'}</td>"
        f"<td>{escape(one.get('description', ''))}</td></tr>"
        for one in call.get("parameters", [])
    )
    body = call.get("requestBody", {}).get("content", {})
    takes = f"<p>Takes {escape(' or '.join(body))}.</p>" if body else ""
    examples = [
        f"<pre>{escape(json.dumps(one, indent=2))}</pre>"
        for content in body.values()
        for one in content.get("schema", {}).get("examples", [])
    ]
    table = f"<table><tbody>{rows}</tbody></table>" if rows else ""
    title = f"<h3><code>{method.upper()} {escape(path)}</code></h3>"
    about = escape(" ".join(call.get("description", "").split()))
    about = re.sub(r"``(.+?)``", r"<code>\1</code>", about)
    return f"<article>{title}<p>{about}</p>{takes}{table}{''.join(examples)}</article>"


def _kind(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"] if one.get("type") != "null")
    low, high = schema.get("minimum"), schema.get("maximum")
    limits = f" from {low:,} to {high:,}" if low is not None and high is not None else ""
    return f"{schema.get('type', 'any')}{limits}"
