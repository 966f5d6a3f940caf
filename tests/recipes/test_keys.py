"""Every key of a recipe is described, and close names are named."""

import json
import sys

import pytest

from commands import inknet
from inknet import InputError
from inknet.recipes import load_recipe, recipe_names
from inknet.recipes.keys import about, described_keys
from inknet.recipes.reading import _keys
from inknet.recipes.schema import Recipe

KEYS = {key.name: key for key in described_keys(load_recipe("quick"))}


def test_all_keys_are_there_in_their_order():
    assert list(KEYS) == _keys(Recipe)


@pytest.mark.parametrize("name", KEYS)
def test_a_key_has_a_meaning_and_says_what_it_may_be(name):
    key = KEYS[name]
    assert key.meaning.endswith(".")
    assert "``" not in key.meaning
    assert key.allowed and "<" not in key.allowed and "Annotated" not in key.allowed


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("training.learning_rate", "a number above 0"),
        ("training.batch_size", "a whole number from 1 or all"),
        ("training.warmup", "a number from 0 and below 1"),
        ("training.clip_norm", "a number above 0 or none"),
        ("training.schedule", "constant or step or cosine or one_cycle"),
        ("data.validation", "a number above 0 and below 1"),
        ("augment.rotation", "a number from 0 to 180"),
        ("network.hidden", "a list of at most 999, each a whole number from 1"),
        ("data.label", "a text of at most 1,000 characters or none"),
        ("guard.samples", "a whole number from 100 to 10,000,000"),
    ],
)
def test_what_a_key_may_be_is_said_in_words(name, allowed):
    assert KEYS[name].allowed == allowed


def test_values_are_those_of_the_recipe_and_defaults_those_of_the_schema():
    quick = load_recipe("quick")
    assert KEYS["augment.rotation"].value == quick.augment.rotation == 15
    assert KEYS["augment.rotation"].default == Recipe().augment.rotation == 0


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        ("dropout=0.2", "dropout is not a recipe key; it is network.keep_probs: dropout 0.2 is "),
        ("network.dropout=0.2", "it is network.keep_probs: dropout 0.2 is keep_probs 0.8"),
        ("learning_rate=0.1", "did you mean training.learning_rate?"),
        ("training.hidden=[3]", "did you mean network.hidden?"),
        ("training.learnig_rate=1", "did you mean training.learning_rate?"),
        ("training.foo=1", "expected one of epochs, batch_size"),
    ],
)
def test_a_wrong_key_is_answered_with_the_right_one(change, hint):
    with pytest.raises(InputError) as caught:
        load_recipe("digits", [change])
    assert hint in str(caught.value)


@pytest.mark.skipif(sys.platform == "win32", reason="commands are started as on POSIX")
def test_the_commands_show_recipes(tmp_path):
    listed = inknet("recipe", "list", folder=tmp_path).stdout
    for name in recipe_names():
        assert f"  {name} " in listed
        assert about(name).split()[0] in listed
    shown = inknet("recipe", "show", "quick", "--set", "training.epochs=3", folder=tmp_path).stdout
    assert "* epochs = 3   (default 20)\n" in shown
    assert "  shuffle = true\n" in shown
    assert max(map(len, shown.splitlines())) <= 100
    keys = json.loads(inknet("recipe", "show", "quick", "--json", folder=tmp_path).stdout)
    assert [key["name"] for key in keys] == list(KEYS)
    message = inknet("recipe", "show", "slow", folder=tmp_path, expect=2).stderr
    assert "no recipe is called 'slow'" in message
