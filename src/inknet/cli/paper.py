"""What a walk is printed on: lines of 80 columns, with colours where there are any."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

from rich.text import Text

from inknet.cli.terminal import Terminal
from inknet.errors import printable
from inknet.explain.checking import Check
from inknet.explain.explaining import Sum, say
from inknet.explain.source_lines import source_of

WIDTH = 80
N_TERMS = 3
"""So many terms of a long sum are printed, the largest; the others as one."""
LESS, MORE, RIGHT, WRONG, QUIET = "color(166)", "color(31)", "color(34)", "bold red", "dim"
"""Colours that can be read on black and on white; the first two are of negative numbers and of
others."""
BLOCKS = " ▏▎▍▌▋▊▉█"

ASCII = str.maketrans("−–×·→─✓✗…█▀▄▏▎▍▌▋▊▉Σ√′λ‖", "--x*>-+!~#'.......#Sr'l|")
"""What stands for a sign that the terminal's encoding has not: a minus must not be lost."""


class Paper:
    """Prints lines, sums, lines of code and comparisons."""

    def __init__(self) -> None:
        self.terminal = Terminal(soft_wrap=True)
        encoding = self.terminal.encoding
        signs = {sign: other for sign, other in ASCII.items() if not _has(encoding, chr(sign))}
        self._signs = signs

    def line(self, *parts: str | tuple[str, str] | Text) -> None:
        """Print a line of parts, each plain or with a style."""
        text = Text(no_wrap=True)
        for part in parts:
            if isinstance(part, Text):
                text.append_text(part)
            else:
                words, style = part if isinstance(part, tuple) else (part, "")
                text.append(printable(words), style)
        text.rstrip()
        text.plain = text.plain.translate(self._signs)  # of the same length, so styles stay
        self.terminal.print(text)

    def title(self, words: str) -> None:
        """Print the title of a part."""
        self.line()
        self.line((f"── {words} ", "bold"), ("─" * (WIDTH - 4 - len(words)), QUIET))

    def words(self, words: str, indent: int = 4, style: str = "") -> None:
        """Print words in as many lines as they need."""
        whole = words.replace(" × ", "\xa0×\xa0")  # a product stays on one line
        for line in wrap(whole, WIDTH - indent, break_on_hyphens=False):
            self.line(" " * indent, (line.replace("\xa0", " "), style))

    def sources(self, names: Sequence[str], indent: int = 4) -> None:
        """Print the lines of inknet that compute something, with file and number."""
        for name in dict.fromkeys(names):
            source = source_of(name)
            for i in source["highlight"]:
                place = f"{source['file'].removeprefix('inknet/')}:{source['first_line'] + i}"
                code = source["lines"][i].strip()
                room = WIDTH - indent - len(place) - 2
                code = code if len(code) <= room else f"{code[: room - 1]}…"
                self.line(" " * indent, (f"{place}  ", QUIET), (code, "italic"))

    def sum(self, found: Sum) -> None:
        """Print the largest terms of a sum, and the others as one."""
        listed = found.to_dict(N_TERMS)
        for term in listed["terms"]:
            self.term(term["text"], term["product"])
        if listed["rest"]["n"]:
            self.term(f"{listed['rest']['n']:,} more", listed["rest"]["sum"])
        for end in listed["ends"]:
            self.term(end["name"], end["value"])

    def term(self, words: str, value: float) -> None:
        """Print a term of a sum: what it is, and the number."""
        room = WIDTH - 6 - 14
        words = words if len(words) <= room else f"{words[: room - 1]}…"
        self.line(f"      {words:{room}}", signed(value, f"{digits(value, 4):>14}"))

    def head_of_checks(self) -> None:
        """Print what the columns of `check_row` are."""
        self.line((f"    {'':30}{'back-propagation':>17}{'differences':>15}{'error':>10}", QUIET))

    def check_row(self, name: str, check: Check) -> None:
        """Print the number that is followed, computed twice."""
        first = check.first
        a, b = float(first.analytic[0]), float(first.numerical[0])
        if first.is_zero:
            a = b = 0.0
        self.line(
            f"    {name:30}",
            signed(a, f"{digits(a, 7):>17}"),
            signed(b, f"{digits(b, 7):>15}"),
            *verdict_on(first),
        )


def verdict_on(check: Check) -> tuple[str | tuple[str, str], ...]:
    """Return the relative error, and a mark that says whether it is small enough."""
    error = error_of(check)
    return f"{error:>10} ", ("✓", RIGHT) if check.is_right else ("✗", WRONG)


def error_of(check: Check) -> str:
    """Return the relative error with one digit, or that there is none but rounding."""
    if check.is_zero:
        return "–"
    return "rounding" if check.is_rounding else f"{check.error:.0e}"


def signed(value: float, words: str | None = None) -> Text:
    """Return a number in the colour of its sign."""
    return Text(say(value) if words is None else words, LESS if value < 0 else MORE)


def digits(value: float, n: int) -> str:
    """Return a number with n digits."""
    return f"{value + 0.0:.{n}g}".replace("-", "−")  # + 0.0 makes 0 of −0


def fixed(value: float, n: int) -> str:
    """Return a number with n digits after the point."""
    return f"{value:.{n}f}".replace("-", "−")


def tidy(formula: str) -> str:
    """Return a formula without two signs in a row."""
    return formula.replace("− −", "+ ").replace("+ −", "− ")


def bar(share: float, width: int) -> str:
    """Return a bar of so many cells for a share of 1; the smallest shares have none."""
    eighths = round(float(share) * width * 8)
    return "█" * (eighths // 8) + BLOCKS[eighths % 8].strip()


def _has(encoding: str, sign: str) -> bool:
    return sign.encode(encoding, "replace").decode(encoding) == sign
