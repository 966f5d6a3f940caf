"""The doctor: says what is wrong with a training, from what it measures while it trains.

`facts` looks at the samples, `signs` at the layers; `doctor` is the callback that collects both in
a `case`. Each of the `rules_of_…` reads the case and returns a finding or nothing, and `diagnosis`
asks them all. `second_opinion` is what simple models reach on the same samples, `checkup` looks at
data and recipe before a training, `remedy` mends what has one safe remedy, and `comparing` says
whether two runs differ.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inknet.doctor.doctor import Doctor as Doctor
    from inknet.training.findings import Finding as Finding


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used: a model in use needs none of it."""
    if name == "Doctor":
        from inknet.doctor.doctor import Doctor

        return Doctor
    if name == "Finding":
        from inknet.training.findings import Finding

        return Finding
    raise AttributeError(f"module 'inknet.doctor' has no attribute {name!r}")
