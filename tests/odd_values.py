"""Odd values: what a file from elsewhere may hold in the place of any of its values."""

import copy
import json

NAN, INF = float("nan"), float("inf")
DEEP = json.loads("[" * 400 + "]" * 400)
ODD = (None, True, -1, -0.5, 0, 1, 2, 2**63, 10**400, 1e308, NAN, INF, -INF, 0.5, 7.0)
ODD += ("", "text", "1", "\x1b[2J", "a\nb", "\ud800", "x" * 5000, "../up", "$x^{")
ODD += ([], [[]], {}, [1, "a"], {"a": 1}, DEEP, [[0.5], [0.5, 0.5]], [NAN], [1e308, 1e308])


def places(value, path=()):
    """The paths to all values within a value, except its own."""
    if isinstance(value, (dict, list)):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield (*path, key)
            yield from places(one, (*path, key))


def changed(values, path, change):
    """A copy in which the value at a path is what ``change`` makes of it."""
    values = copy.deepcopy(values)
    if not path:
        return change(values)
    parent = values
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = change(parent[path[-1]])
    return values


def without(values, path):
    """A copy in which the value at a path is missing."""

    def left(parent):
        del parent[path[-1]]
        return parent

    return changed(values, path[:-1], left)


def variants(values, n_each):
    """Copies in which one value is missing, or replaced by one of so many odd ones in turn."""
    n_tried = 0
    for path in places(values):
        yield without(values, path)
        for _ in range(n_each):
            odd = ODD[n_tried % len(ODD)]
            n_tried += 1
            yield changed(values, path, lambda _, odd=odd: odd)
