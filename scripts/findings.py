"""Write docs/reference/findings.md, the page of all findings, from the rules themselves."""

from __future__ import annotations

from pathlib import Path

from inknet.doctor.diagnosis import RULES
from inknet.files import write_text_whole

PAGE = Path(__file__).resolve().parent.parent / "docs/reference/findings.md"

HEAD = """\
# What the doctor finds

Every finding, how it is decided, and why it matters. An *error* or a *warning* is a fault of a
training; a *note* explains, or names a habit that costs little. How often the doctor is right is
[measured](../doctor.md); [reading a finding](../howto/reading-a-finding.md) shows one.

A finding that follows from another is not said beside it: neurons that died because the rate was
too high are told as a rate that is too high.
"""

OTHERS = """\
## Findings of `inknet doctor` alone

### `cannot-learn-one-batch`

The network cannot learn a single batch: `inknet doctor --data` trains a copy of it on 64 samples
alone, by 300 steps of Adam, and fewer than 95 % of these are right. What does not learn 64
samples by heart will not learn the others.

### `wrong-gradient`

A gradient is wrong: that of a narrow network with the same kinds of layers differs from finite
differences by more than 1e-4. It is a fault of a layer of one's own.

### `surest-mistakes`

Training samples that the finished model finds next to impossible: the probability of their label
is below 1 %, that of another class above 99 %. `inknet doctor RUN` lists them, the surest first.
Northcutt, Jiang and Chuang 2021, "Confident learning", find wrong labels in this way.

### `same-but-for-noise`, `different`

`inknet doctor RUN OTHER` compares the answers of two models for the same test samples by the
exact form of McNemar's test (McNemar 1947). Two runs are not different if chance makes such a
difference in 5 of 100 pairs or more.
"""


def page() -> str:
    """Return the page."""
    parts = [HEAD]
    for rule in RULES:
        decision = " ".join(rule.decision.split())
        parts.append(
            f"## `{rule.identifier}`\n\n**{_sentence(rule.title)}** {decision}\n\n"
            f"Why it matters: {rule.reason}.\n"
        )
        if rule.explains:
            names = ", ".join(f"`{name}`" for name in rule.explains)
            parts.append(f"Not said beside it: {names}.\n")
    return "\n".join([*parts, OTHERS])


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


if __name__ == "__main__":
    write_text_whole(PAGE, page())
