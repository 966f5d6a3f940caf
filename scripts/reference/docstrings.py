"""Docstrings, which are reStructuredText in numpydoc's form, as Markdown.

Only what the docstrings of inknet use is known: paragraphs, code in double backticks, names in
single ones, literal blocks after ``::``, lines with ``>>>``, lists, and numpydoc's sections.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from inspect import cleandoc

from numpydoc.docscrape import NumpyDocString

Link = Callable[[str], str | None]
"""From a name in single backticks to the target of a link; None if the name has no page."""

SECTIONS = ("Parameters", "Attributes", "Returns", "Yields", "Raises", "Warns", "Notes")
INLINE = re.compile(r"``(.+?)``|`([^`]+)`|\bdocs/([\w-]+\.md)|<")
LITERAL = re.compile(r"\{[^}]*\}|default=.*|(?<!`)\"[^\"]*\"(?!`)")
"""What a type has that is to be typed as it stands: otherwise its quotes would be made round."""
CLASS = re.compile(r"(?<![\w`./])[A-Z]\w+(?![\w`/])")


def no_link(name: str) -> None:
    """Link nothing."""


def markdown(text: str, link: Link = no_link) -> str:
    """Return the text of a docstring without sections as Markdown."""
    return "\n".join(_blocks(cleandoc(text).split("\n"), link))


def inline(text: str, link: Link = no_link) -> str:
    """Return a line or a paragraph as Markdown."""

    def written(match: re.Match[str]) -> str:
        literal, name, page = match.groups()
        if literal is not None:
            return f"`` {literal} ``" if "`" in literal else f"`{literal}`"
        if page is not None:
            return f"[docs/{page}](../{page})"
        if name is None:
            return r"\<"
        target = link(name)
        return f"`{name}`" if target is None else f"[`{name}`]({target})"

    return INLINE.sub(written, text)


def sections(docstring: str, link: Link = no_link) -> Iterator[str]:
    """Go through the lines of a docstring as Markdown: its text, then each of its sections."""
    parsed = NumpyDocString(docstring)
    yield from _blocks([*parsed["Summary"], "", *parsed["Extended Summary"]], link)
    for section in SECTIONS:
        content = parsed[section]
        if not content:
            continue
        yield from ("", f"**{section}**", "")
        if section == "Notes":
            yield from _blocks(content, link)
            continue
        for name, kind, text in content:
            yield from _item(name, kind, text, link)


def _item(name: str, kind: str, text: list[str], link: Link) -> Iterator[str]:
    """Go through the lines of one parameter, attribute, result or error as an item of a list."""

    def linked(match: re.Match[str]) -> str:
        target = link(match[0])
        return match[0] if target is None else f"[{match[0]}]({target})"

    names = ", ".join(f"`{one.strip()}`" for one in name.split(",")) if name else ""
    kind = LITERAL.sub(lambda match: f"``{match[0]}``", kind)
    head = " : ".join(filter(None, (names, CLASS.sub(linked, inline(kind)))))
    body = "\n".join(_blocks(text, link)).split("\n") if text else []
    yield f"- {head}{'  ' if body else ''}"
    yield from (f"  {line}".rstrip() for line in body)


def _blocks(lines: list[str], link: Link) -> Iterator[str]:
    """Go through lines as Markdown, block by block."""
    paragraph: list[str] = []
    position = 0

    def flush() -> Iterator[str]:
        if paragraph:
            yield inline("\n".join(paragraph), link)
            paragraph.clear()

    while position < len(lines):
        line = lines[position]
        position += 1
        if line.lstrip().startswith(">>>"):
            end = next((n for n in range(position, len(lines)) if not lines[n].strip()), len(lines))
            yield from flush()
            yield from ("```pycon", *lines[position - 1 : end], "```")
            position = end
        elif line.rstrip().endswith("::"):
            kept = line.rstrip().removesuffix("::")
            if kept.strip():
                paragraph.append(f"{kept}:")
            yield from flush()
            end = position
            while end < len(lines) and (not lines[end].strip() or lines[end].startswith(" ")):
                end += 1
            yield from ("", "```text", cleandoc("\n".join(["", *lines[position:end]])), "```", "")
            position = end
        elif line.strip():
            paragraph.append(line)
        else:
            yield from flush()
            yield ""
    yield from flush()
