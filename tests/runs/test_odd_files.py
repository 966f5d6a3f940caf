"""The files of a run with any of their values replaced: one line, or what they say is used."""

import json
import tomllib

import numpy as np
import pytest
import tomli_w
from safetensors.numpy import load_file, save_file

from inknet import MLP, InputError
from inknet.recipes import load_recipe
from odd_values import ODD, variants


def is_refused(use):
    try:
        use()
    except InputError as error:
        assert str(error).isprintable() and len(str(error)) < 1500
        return True
    return False


def test_a_model_with_any_odd_value_in_its_header_is_refused_or_used(tmp_path):
    names = ["a", "b", "c"]
    path = tmp_path / "model.safetensors"
    MLP([6, 4, 3], batch_norm="before", keep_probs=[0.5, 1.0], class_names=names).save(path)
    length = int.from_bytes(path.read_bytes()[:8], "little")
    header = json.loads(path.read_bytes()[8 : 8 + length])["__metadata__"]["inknet"]
    arrays, x = load_file(path), np.zeros((2, 6), np.float32)

    def use():
        model = MLP.load(path)
        assert np.isfinite(model.predict_proba(x)).all()
        model.save(tmp_path / "again.safetensors")
        assert MLP.load(tmp_path / "again.safetensors").facts == model.facts

    refused = n_tried = 0
    for values in variants(json.loads(header), len(ODD)):
        save_file(arrays, path, {"inknet": json.dumps(values)})
        n_tried += 1
        refused += is_refused(use)
    assert n_tried > refused > 0.7 * n_tried > 100


@pytest.mark.parametrize("name", ["quick", pytest.param("strong", marks=pytest.mark.slow)])
def test_a_recipe_with_any_odd_value_is_refused_or_can_be_written_again(name, tmp_path):
    path = tmp_path / "recipe.toml"
    recipe = tomllib.loads(load_recipe(name).to_toml())

    def use():
        read = load_recipe(str(path))
        path.write_text(read.to_toml(), "utf-8")
        assert load_recipe(str(path)) == read

    refused = n_tried = 0
    for values in variants(recipe, len(ODD)):
        try:
            text = tomli_w.dumps(values)
            path.write_text(text, "utf-8")
        except (TypeError, ValueError, AttributeError, RecursionError):
            continue  # TOML has no such value
        n_tried += 1
        refused += is_refused(use)
    assert n_tried > refused > 0.5 * n_tried > 100
