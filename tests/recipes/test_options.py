"""An option of training is in the recipe, and from there everywhere else."""

import inspect
import re
from collections.abc import Callable
from typing import Literal, get_args, get_origin, get_type_hints

import numpy as np
import pytest

from inknet import MLP, InputError, MLPClassifier
from inknet.recipes import TrainingRecipe
from inknet.recipes.options import StepOptions, TrainingOptions

FIELDS = TrainingRecipe.model_fields
OWN_NAME = {"epochs": "num_epochs"}
OF_THE_MODEL = {"l2_lambda"}  # a parameter of MLP, which it was before there were recipes
SIGNATURE = inspect.signature(MLP.train).parameters

# a value for each that is not the default, and what must be given with it
OTHER = {
    "epochs": 2,
    "batch_size": "all",
    "shuffle": False,
    "standardize": True,
    "deslant": True,
    "optimizer": "momentum",
    "weight_decay": 0.1,
    "learning_rate": 0.5,
    "schedule": "step",
    "warmup": 0.25,
    "label_smoothing": 0.1,
    "adversarial": 0.5,
    "l2_lambda": 0.5,
    "l2_on_biases": True,
    "clip_norm": 0.1,
    "clip_value": 0.1,
    "max_norm": 0.5,
    "average_decay": 0.9,
    "measured_samples": 7,
    "patience": 3,
    "monitor": "val_loss",
    "on_divergence": "go_back",
}
BESIDES = {"weight_decay": {"optimizer": "adamw"}}


def values_of(kind):
    """The types and words that an annotation allows, without what a recipe adds to them.

    A function can only be given in Python.
    """
    if get_origin(kind) is Callable:
        return set()
    if get_origin(kind) is Literal:
        return set(get_args(kind))
    if arguments := get_args(kind):
        return set().union(*(values_of(one) for one in arguments if not callable_extra(one)))
    return {kind}


def callable_extra(one):
    return not (isinstance(one, type) or get_origin(one) is not None or one is None)


def test_there_is_an_other_value_for_each_option():
    assert set(OTHER) == set(FIELDS)


@pytest.mark.parametrize("name", FIELDS)
def test_every_option_of_a_recipe_can_be_given_to_train_and_arrives(name, monkeypatch):
    arrived = []
    monkeypatch.setattr(
        MLP, "train_on", lambda self, train, val, settings, *_, **__: arrived.append(settings)
    )
    model = MLP([4, 3, 2], l2_lambda=OTHER[name] if name in OF_THE_MODEL else 0.0)
    given = {} if name in OF_THE_MODEL else {OWN_NAME.get(name, name): OTHER[name]}
    X, y = np.zeros((8, 4)), np.arange(8) % 2
    model.train(X, y, X, y, **given, **BESIDES.get(name, {}))
    (settings,) = arrived
    expected = TrainingRecipe(**{name: OTHER[name]}, **BESIDES.get(name, {}))
    assert settings == expected


def test_train_without_options_is_a_recipe_without_any(monkeypatch):
    arrived = []
    monkeypatch.setattr(
        MLP, "train_on", lambda self, train, val, settings, *_, **__: arrived.append(settings)
    )
    MLP([4, 3, 2]).train(np.zeros((8, 4)), np.arange(8) % 2)
    assert arrived == [TrainingRecipe()]


@pytest.mark.parametrize("name", FIELDS)
def test_an_editor_knows_every_option_with_its_type(name):
    if OWN_NAME.get(name, name) in SIGNATURE or name in OF_THE_MODEL:
        return
    of_field = get_type_hints(TrainingRecipe)[name]
    assert values_of(get_type_hints(TrainingOptions)[name]) == values_of(of_field)


def test_nothing_is_offered_that_a_recipe_does_not_have():
    assert set(TrainingOptions.__annotations__) <= set(FIELDS)
    assert not set(TrainingOptions.__annotations__) & {OWN_NAME.get(n, n) for n in SIGNATURE}


@pytest.mark.parametrize("name", FIELDS)
def test_every_option_is_described_where_it_is_defined(name):
    assert FIELDS[name].description


@pytest.mark.parametrize("name", StepOptions.__annotations__)
def test_an_option_of_the_estimator_has_default_and_description_of_the_recipe(name):
    assert MLPClassifier().get_params()[name] == FIELDS[name].default
    assert f"\n{name} : " in inspect.getdoc(MLPClassifier)
    assert FIELDS[name].description.split()[-1] in MLPClassifier.__doc__
    assert "SHARED OPTIONS" not in MLPClassifier.__doc__
    changed = MLPClassifier(**{name: OTHER[name]})
    assert f"{name}={OTHER[name]!r}" in repr(changed)


def test_an_unknown_option_is_refused_by_name():
    X, y = np.zeros((8, 4)), np.arange(8) % 2
    with pytest.raises(InputError, match=r"warmpu is not a recipe key; did you mean warmup\?"):
        MLP([4, 3, 2]).train(X, y, warmpu=0.1)
    with pytest.raises(TypeError, match="MLPClassifier has no parameter 'warmpu'"):
        MLPClassifier(warmpu=0.1)


def test_the_documentation_of_train_names_every_option():
    text = MLP.train.__doc__.split("**options")[1].split("Returns")[0]
    assert sorted(re.findall(r"``(\w+)``", text)) == sorted(TrainingOptions.__annotations__)


@pytest.mark.parametrize(("name", "place"), [("epochs", "num_epochs"), ("l2_lambda", "MLP(")])
def test_an_option_under_its_name_in_recipes_is_told_where_it_goes(name, place):
    with pytest.raises(InputError, match=re.escape(f"{name} is not an option here; use {place}")):
        MLP([4, 3, 2]).train(np.zeros((8, 4)), np.arange(8) % 2, **{name: 1})
