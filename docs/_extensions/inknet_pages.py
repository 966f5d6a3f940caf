"""What inknet's pages need of Sphinx.

- ``source`` shows lines of inknet, taken from the source (`excerpts`).
- ``shell`` runs commands and shows what they print, and a picture they wrote (`shell`).
- Formulas become MathML, which browsers draw by themselves.
- Links to files of the repository outside of the pages lead to its web page.
- Built pages are checked (`built`).
"""

import base64
import re
import shutil
from logging import getLogger
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

from built import problems
from docutils import nodes
from docutils.parsers.rst import directives
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from excerpts import excerpt
from shell import answer
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

logger = logging.getLogger(__name__)

REPOSITORY = "https://github.com/inknet/inknet"
ROOT = Path(__file__).resolve().parents[2]


class Source(SphinxDirective):
    """Lines of inknet's source, with the file that they are from."""

    required_arguments = 1
    option_spec: ClassVar[dict[str, Any]] = {
        "docstring": directives.flag,
        "body": directives.flag,
        "begin": directives.unchanged_required,
        "end": directives.unchanged_required,
    }

    def run(self) -> list[nodes.Node]:
        name, options = self.arguments[0], self.options
        try:
            found = excerpt(
                name,
                docstring="docstring" in options,
                body="body" in options,
                begin=options.get("begin"),
                end=options.get("end"),
            )
        except ValueError as error:
            raise self.error(str(error)) from None
        self.env.note_dependency(str(found.path))
        file = found.path.resolve().relative_to(ROOT).as_posix()
        code = nodes.literal_block(found.text, found.text, language="python")
        lines = f"lines {found.first}–{found.last}"
        if found.last == found.first:
            lines = f"line {found.first}"
        address = f"{REPOSITORY}/blob/main/{file}#L{found.first}-L{found.last}"
        place = nodes.paragraph(
            "",
            "",
            nodes.literal("", name.removeprefix("inknet.")),
            nodes.Text(", "),
            nodes.reference("", f"{file}, {lines}", refuri=address),
            classes=["source-place"],
        )
        return [nodes.container("", place, code, classes=["source"])]


class Shell(SphinxDirective):
    """Commands of inknet, with what they print."""

    has_content = True
    option_spec: ClassVar[dict[str, Any]] = {
        "picture": directives.unchanged_required,
        "alt": directives.unchanged_required,
        "last": directives.nonnegative_int,
    }

    def run(self) -> list[nodes.Node]:
        folder = _folder(self.env.app, self.env.docname)
        folder.mkdir(parents=True, exist_ok=True)
        shown: list[str] = []
        for line in filter(None, self.content):
            try:
                printed = answer(line, folder).splitlines()
            except ValueError as error:
                raise self.error(str(error)) from None
            last = self.options.get("last", len(printed))
            if len(printed) > last:
                printed = ["…", *printed[len(printed) - last :]]
            shown += [f"$ {line}", *printed]
        text = "\n".join(shown)
        result: list[nodes.Node] = [nodes.literal_block(text, text, language="console")]
        if "picture" in self.options:
            png = base64.b64encode((folder / self.options["picture"]).read_bytes()).decode()
            uri = f"data:image/png;base64,{png}"
            result.append(nodes.image(uri=uri, alt=self.options.get("alt", "")))
        return result


def _folder(app: Sphinx, page: str) -> Path:
    return Path(app.doctreedir).resolve() / "shell" / page


def prepare(app: Sphinx, page: str, content: list[str]) -> None:
    """Begin a page with an empty folder; let its links into the repository arrive."""
    shutil.rmtree(_folder(app, page), ignore_errors=True)
    here = Path(app.env.doc2path(page)).parent

    def address(match: re.Match[str]) -> str:
        path, _, anchor = match[1].partition("#")
        target = (here / path).resolve()
        inside = target.is_relative_to(Path(app.srcdir).resolve())
        if not target.is_relative_to(ROOT) or (inside and target.suffix != ".json"):
            return match[0]
        if not target.exists():
            raise ExtensionError(f"{page}: {match[1]} is not there")
        kind = "tree" if target.is_dir() else "blob"
        file = quote(target.relative_to(ROOT).as_posix())
        return f"]({REPOSITORY}/{kind}/main/{file}{'#' if anchor else ''}{anchor})"

    content[0] = re.sub(r"\]\(([.\w][^):\s]*)\)", address, content[0])


def inline_math(translator: Any, node: nodes.math) -> None:
    """Write a formula in a line of text."""
    translator.body.append(_mathml(node))
    raise nodes.SkipNode


def block_math(translator: Any, node: nodes.math_block) -> None:
    """Write a formula between paragraphs."""
    translator.body.append(f'<div class="formula" tabindex="0">{_mathml(node)}</div>\n')
    raise nodes.SkipNode


def _mathml(node: nodes.math | nodes.math_block) -> str:
    formula = node.astext()
    try:
        return tex2mathml(formula, as_block=isinstance(node, nodes.math_block))
    except MathError as error:
        logger.warning("%s in %s", error, formula, location=node)
        return ""


def ease(app: Sphinx, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Let the keyboard scroll long lines of code; give the headings of the menu their level."""
    if "body" in context:
        context["body"] = context["body"].replace("<pre>", '<pre tabindex="0">')
    menu = "furo_navigation_tree"
    if menu in context:
        heading = 'role="heading"'
        context[menu] = context[menu].replace(heading, f'{heading} aria-level="2"')


def check(app: Sphinx, error: Exception | None) -> None:
    """Refuse a site with a broken link, or one that loads something from elsewhere."""
    if error is None and app.builder.name == "html":
        found = problems(Path(app.outdir))
        if found:
            raise ExtensionError("\n".join(found))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register all of it."""
    # a part of the site may have no pages yet; this warning has no name to suppress it by
    listing = getLogger("sphinx.sphinx.directives.other")
    listing.addFilter(lambda record: not str(record.msg).startswith("toctree glob pattern"))
    app.add_directive("source", Source)
    app.add_directive("shell", Shell)
    app.add_html_math_renderer("mathml", (inline_math, None), (block_math, None))
    app.connect("source-read", prepare)
    app.connect("html-page-context", ease, priority=900)  # when the theme has made its menu
    app.connect("build-finished", check)
    return {"parallel_read_safe": False, "version": "1"}
