"""The contract is small, and every backend keeps it to the letter."""

import inspect

import pytest

from inknet.nn.ops import NumpyOps
from inknet.nn.ops.batch import Loading
from inknet.nn.ops.contract import Ops
from inknet.nn.ops.numba import NumbaOps


def public(kind):
    return {name for name in vars(kind) if not name.startswith("_")}


def test_what_is_public_is_the_formulas_and_the_loading_of_rows():
    formulas = Ops.__abstractmethods__
    assert public(Ops) == formulas | {"xp"}
    others = {"name", "in_parts", "prepare"}
    assert public(NumpyOps) <= formulas | others
    assert public(NumbaOps) <= formulas | public(Loading) | others


@pytest.mark.parametrize("backend", [NumpyOps, NumbaOps])
@pytest.mark.parametrize("name", sorted(Ops.__abstractmethods__))
def test_every_backend_takes_what_the_contract_says(backend, name):
    assert not backend.__abstractmethods__
    assert inspect.signature(getattr(backend, name)) == inspect.signature(getattr(Ops, name))


def test_a_backend_that_leaves_out_a_formula_cannot_be_made():
    class Half(Ops):
        name = "half"

    with pytest.raises(TypeError, match="abstract"):
        Half()
