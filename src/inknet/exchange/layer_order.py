"""Which layer of a state dict comes first.

A state dict has no order of its own. Three things can give it: the caller, the numbers in the
names, and the shapes, since each layer takes what the one before gives. Words give none: an
alphabet puts ``hidden`` before ``input``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from inknet.errors import InputError, quoted

MOST_STEPS = 20_000
"""How many layers a search may try. A chain of the most layers that are read takes one each, 2,000;
a search that takes longer is given up as if it had found several orders."""


@dataclass
class Module:
    """The tensors that share a prefix: a linear layer or a batch normalization."""

    prefix: str
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def name(self, part: str) -> str:
        """Return the full name of one of its tensors."""
        return f"{self.prefix}.{part}" if self.prefix else part

    @property
    def is_norm(self) -> bool:
        """Whether it is a batch normalization."""
        return len(self.shapes.get("weight", ())) == 1 or "running_mean" in self.shapes

    @property
    def lacks_bias(self) -> bool:
        """Whether it is a linear layer without a bias."""
        return (
            not self.is_norm
            and len(self.shapes.get("weight", ())) == 2
            and ("bias" not in self.shapes)
        )

    @property
    def takes(self) -> tuple[bool, int]:
        """Whether it is a normalization, and how many features it takes."""
        return self.is_norm, self.shapes["weight"][-1]

    @property
    def width(self) -> int:
        """How many features it gives."""
        return self.shapes["weight"][0]


def in_order(path: Path, modules: list[Module], order: Sequence[str] | None) -> list[Module]:
    """Return the modules from the input to the output.

    Names that differ only in numbers are in the order of these numbers, if they are positions and
    the shapes agree. Where that does not decide, the shapes must allow only one order.

    Raises
    ------
    InputError
        If the order is not known, or ``order`` does not name each module once.
    """
    names = quoted(", ".join(sorted(module.prefix for module in modules)))
    if order is not None:
        order, by_prefix = list(map(str, order)), {module.prefix: module for module in modules}
        if sorted(order) != sorted(by_prefix):
            given = quoted(", ".join(order))
            raise InputError(f"{path}: order is {given}; expected each of these once: {names}")
        return [by_prefix[prefix] for prefix in order]
    families = _families(modules)
    groups = [group for family in families for group in _numbered(family)]
    if len(groups) == 1 and _chains(groups):
        return groups[0]
    attempts = [groups]
    if not any(len({module.is_norm for module in family}) == 2 for family in families):
        attempts.append([[module] for module in modules])  # the numbers may be no positions
    for attempt in attempts:
        chains = _chains(attempt)
        if len(chains) == 1 and _norms_have_one_place(chains[0]):
            return chains[0]
        if chains and len(groups) > 1:
            raise InputError(
                f"{path}: the names of the layers do not give their order, and several orders fit "
                f"their shapes; pass them from input to output as --order A,B,… (order= in "
                f"Python): {names}"
            )
    if len(groups) == 1:
        return groups[0]  # what does not fit is named later
    shapes = ", ".join(f"{module.prefix} {module.shapes['weight']}" for module in modules)
    raise InputError(
        f"{path}: in no order does each layer take what the one before gives, with batch "
        f"normalization after each linear layer except the last, or none: {quoted(shapes)}"
    )


def _families(modules: list[Module]) -> list[list[Module]]:
    """Return the modules in groups whose names differ only in numbers."""
    families: dict[str, list[Module]] = {}
    for module in modules:
        families.setdefault(_family(module.prefix), []).append(module)
    return list(families.values())


def _family(prefix: str) -> str:
    """Return a name without its numbers."""
    return re.sub(r"\d+", "#", prefix)


def _numbered(family: list[Module]) -> list[list[Module]]:
    """Return a family as one group in the order of its numbers, or each by itself without one."""
    family = sorted(family, key=lambda module: list(map(_numbers, module.prefix.split("."))))
    if all(_is_next(one.prefix, other.prefix) for one, other in pairwise(family)):
        return [family]
    return [[module] for module in family]


def _numbers(word: str) -> list[int]:
    return [int(digits[:18]) for digits in re.findall(r"\d+", word)]


def _is_next(prefix: str, other: str) -> bool:
    """Return whether numbers are positions: ``net.5`` may follow ``net.2``, and ``fc3`` ``fc2``.

    The numbers of ``fc64`` and ``fc128`` are something else. So are those of ``w2_1`` and ``w1_2``,
    which say the opposite of each other.
    """
    for word, next_word in zip(prefix.split("."), other.split("."), strict=True):
        if _numbers(word) != _numbers(next_word):
            pairs = zip(_numbers(word), _numbers(next_word), strict=True)
            steps = [after - before for before, after in pairs]
            return min(steps) >= 0 and (word.isdecimal() or max(steps) == 1)
    return False


class _Waiting:
    """Groups of modules, each in its order, from which one module after the other is taken."""

    def __init__(self, groups: list[list[Module]]) -> None:
        self.groups = groups
        self.positions = [0] * len(groups)
        self.heads: dict[tuple[bool, int], set[int]] = {}  # the groups whose next module takes this
        for number, group in enumerate(groups):
            self.heads.setdefault(group[0].takes, set()).add(number)

    def take(self, number: int) -> Module:
        """Take the next module of a group."""
        module = self.groups[number][self.positions[number]]
        self._move(number, 1)
        return module

    def put_back(self, number: int) -> None:
        """Put back the module that was taken last from a group."""
        self._move(number, -1)

    def _move(self, number: int, by: int) -> None:
        group, position = self.groups[number], self.positions[number]
        if position < len(group):
            self.heads[group[position].takes].discard(number)
        self.positions[number] = position = position + by
        if position < len(group):
            self.heads.setdefault(group[position].takes, set()).add(number)


def _chains(groups: list[list[Module]]) -> list[list[Module]]:
    """Return the orders in which each layer takes what the one before gives; at most two of them.

    Groups keep their order. There are either no normalizations, or one follows each linear layer
    except the last.
    """
    modules = [module for group in groups for module in group]
    n_norms = sum(module.is_norm for module in modules)
    if n_norms and 2 * n_norms + 1 != len(modules):
        return []
    waiting, n_steps = _Waiting(groups), 0
    found: list[list[Module]] = []
    chain: list[Module] = []
    taken: list[int] = []
    choices: list[Iterator[int]] = [iter(_starts(groups))]
    while choices and len(found) < 2:
        number = next(choices[-1], None)
        if number is None:
            choices.pop()
            if taken:
                chain.pop()
                waiting.put_back(taken.pop())
            continue
        n_steps += 1
        if n_steps > MOST_STEPS:
            return [modules, modules]
        module = waiting.take(number)
        chain.append(module)
        taken.append(number)
        if len(chain) == len(modules):
            found.append(list(chain))
        wanted = n_norms > 0 and not module.is_norm, module.width
        choices.append(iter(list(waiting.heads.get(wanted, ()))))
    return found


def _starts(groups: list[list[Module]]) -> list[int]:
    """Return the groups whose first module may be the first of all."""
    linear = [module for group in groups for module in group if not module.is_norm]
    surplus = Counter(module.takes[1] for module in linear)
    surplus.subtract(module.width for module in linear)
    inputs = {width for width, n in surplus.items() if n == 1} or set(surplus)
    heads = [(number, group[0]) for number, group in enumerate(groups)]
    return [number for number, one in heads if not one.is_norm and one.takes[1] in inputs]


def _norms_have_one_place(chain: list[Module]) -> bool:
    """Return whether the normalizations cannot be before the first or after the last layer.

    They cannot if no width allows it; if they are numbered together with the layers; or if each has
    the numbers of the layer before it: ``bn1`` follows ``fc1``.
    """
    linear, norms = chain[::2], chain[1::2]
    if not norms or not norms[0].is_norm:
        return True
    widths = {norm.width for norm in norms}
    if linear[0].takes[1] not in widths and linear[-1].width not in widths:
        return True
    return all(
        _family(layer.prefix) == _family(norm.prefix)
        or re.findall(r"\d+", layer.prefix) == re.findall(r"\d+", norm.prefix) != []
        for layer, norm in zip(linear, norms, strict=False)
    )
