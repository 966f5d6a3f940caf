"""Join the page, its style and its modules into one HTML file that needs nothing else.

A module in a page of one file cannot import another by its path. So each becomes a function that
returns what it exports, in an order in which what is imported comes before. Browsers run only the
script, and use only the style, whose hash is in the page's content security policy; a page like
this may load nothing and send nothing.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from importlib import resources
from pathlib import PurePosixPath
from typing import Any

FIRST = "main.js"
IMPORT = re.compile(r'^import \{([^}]*)\} from "([^"]+)";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async )?(?:function|const|class) (\w+))", re.MULTILINE)


def joined(model: dict[str, Any]) -> str:
    """Return the page as one HTML text, with a model in it.

    Parameters
    ----------
    model
        What the page needs of a model, as JSON; see `inknet.exchange.html_file`.
    """
    style, script = _text("style.css"), joined_modules(FIRST)
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    # a name of a class may be "</script>"; "<" can be written otherwise in JSON
    data = json.dumps(model, ensure_ascii=True).replace("<", "\\u003c")
    places = {
        '<meta charset="utf-8">': f'<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<link rel="stylesheet" href="style.css">': f"<style>{style}</style>",
        '<script type="application/json" id="model">null</script>': (
            f'<script type="application/json" id="model">{data}</script>'
        ),
        f'<script type="module" src="{FIRST}"></script>': (
            f'<script type="module">{script}</script>'
        ),
    }
    page = _text("index.html")
    for place in places:
        if page.count(place) != 1:
            raise ValueError(f"expected {place!r} once in index.html")
    pattern = "|".join(map(re.escape, places))
    return re.sub(pattern, lambda found: places[found[0]], page)


def joined_modules(first: str) -> str:
    """Return the modules that a module needs, and itself, as the text of one module."""
    order: list[str] = []
    _visit(first, order, ())
    parts = []
    for number, name in enumerate(order):

        def bound(found: re.Match[str], name: str = name) -> str:
            names = found[1].replace(" as ", ": ")
            return f"const {{{names}}} = module{order.index(_resolved(name, found[2]))};\n"

        source = _text(name)
        exports = EXPORT.findall(source)
        body = EXPORT.sub("", IMPORT.sub(bound, source))
        if re.search(r"^(?:import|export)\b", body, re.MULTILINE) or "</script" in body:
            raise ValueError(f"{name} has an import, an export or a tag that cannot be joined")
        returned = f"return {{ {', '.join(exports)} }};\n" if exports else ""
        parts.append(f"// -- {name}\nconst module{number} = (() => {{\n{body}{returned}}})();\n")
    return '"use strict";\n' + "".join(parts)


def _visit(name: str, order: list[str], above: tuple[str, ...]) -> None:
    """Add the modules that a module imports, then itself, to the order."""
    if name in above:
        raise ValueError(f"{name} imports itself, through {', '.join(above)}")
    for _, path in IMPORT.findall(_text(name)):
        _visit(_resolved(name, path), order, (*above, name))
    if name not in order:
        order.append(name)


def _resolved(name: str, path: str) -> str:
    """Return the name of a module that another imports by a relative path."""
    parts: list[str] = list(PurePosixPath(name).parent.parts)
    for part in path.split("/"):
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def _text(name: str) -> str:
    """Return the text of a file of the page."""
    return resources.files("inknet.page").joinpath(*name.split("/")).read_text("utf-8")


def _hash(text: str) -> str:
    return "sha256-" + b64encode(sha256(text.encode("utf-8")).digest()).decode("ascii")
