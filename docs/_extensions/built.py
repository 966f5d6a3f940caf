"""What must hold for the built pages: every link arrives, and nothing is loaded from elsewhere."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {
    "script": ("src",),
    "img": ("src", "srcset"),
    "link": ("href",),
    "iframe": ("src",),
    "video": ("src",),
    "source": ("src", "srcset"),
    "object": ("data",),
    "use": ("href",),
}
"""What a browser loads by itself; a link is followed only by a reader."""
NOT_LOADED = {"canonical", "next", "prev", "index", "search", "author", "copyright", "license"}


class _Page(HTMLParser):
    """The names, the links and the loaded files of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        self.names |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if tag == "link" and set(values.get("rel", "").split()) & NOT_LOADED:
            return
        self.loaded += [values[name] for name in LOADED.get(tag, ()) if name in values]
        self.loaded += re.findall(r"url\(([^)]*)\)", values.get("style", ""))


def problems(folder: Path) -> list[str]:
    """Return a line for each link that leads nowhere, and for each file from elsewhere.

    Parameters
    ----------
    folder
        The built pages.
    """
    pages = {
        path.relative_to(folder).as_posix(): _Page(path.read_text("utf-8"))
        for path in sorted(folder.rglob("*.html"))
        if "_static" not in path.parts
    }
    found = []
    for name, page in pages.items():
        for address in page.loaded:
            if _is_elsewhere(address):
                found.append(f"{name}: loads {address}")
            elif not address.startswith("data:") and not _file(folder, name, address).is_file():
                found.append(f"{name}: loads {address}, which is not there")
        for address in page.links:
            if _is_elsewhere(address) or urlsplit(address).scheme:
                continue
            path = _file(folder, name, address)
            anchor = unquote(urlsplit(address).fragment)
            target = pages.get(path.relative_to(folder.resolve()).as_posix())
            if not path.is_file():
                found.append(f"{name}: links to {address}, which is not there")
            elif anchor and target is not None and anchor not in target.names:
                found.append(f"{name}: links to {address}, which has no such anchor")
    for path in sorted(folder.rglob("*.css")):
        name, text = path.relative_to(folder).as_posix(), path.read_text("utf-8")
        addresses = re.findall(r"(?:url\(|@import )['\"]?([^)'\"]*)", text)
        found += [f"{name}: loads {address}" for address in addresses if _is_elsewhere(address)]
    return found


def _is_elsewhere(address: str) -> bool:
    return address.startswith("//") or urlsplit(address).scheme in ("http", "https")


def _file(folder: Path, page: str, address: str) -> Path:
    path = unquote(urlsplit(address).path)
    return (folder / page if not path else (folder / page).parent / path).resolve()
