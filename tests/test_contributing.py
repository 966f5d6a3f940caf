"""What CONTRIBUTING.md names is there, and what it says of adding things works."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from inknet.cli import app, commands
from inknet.cli.console import say
from inknet.data import load
from inknet.data.sources import NAMED
from inknet.nn import optimizers
from inknet.recipes import load_recipe
from inknet.runs import train_run
from inknet.training import loop

ROOT = Path(__file__).parents[1]


def test_every_file_that_it_names_exists():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    names = set(re.findall(r"\b(?:src|tests|docs)/[\w/]+\.\w+", text))
    assert len(names) >= 12
    assert [name for name in names if not (ROOT / name).is_file()] == []


class AdaGrad(optimizers.Optimizer):
    """Divide by the root of the sum of squared gradients (Duchi, Hazan and Singer 2011)."""

    remembers = ("squares",)

    def _step(self, parameters, gradients, rate):
        self.squares += gradients**2
        parameters -= rate * gradients / (np.sqrt(self.squares) + 1e-8)


def test_an_optimizer_is_a_class_and_an_entry_that_trainings_and_checkpoints_take(
    tmp_path, monkeypatch, no_pictures
):
    kept = []

    def keep(settings, network):
        kept.append(optimizer_for(settings, network))
        return kept[-1]

    optimizer_for = loop.optimizer_for
    monkeypatch.setattr(loop, "optimizer_for", keep)
    # a recipe's optimizers are listed in its schema, which a test cannot extend
    monkeypatch.setitem(optimizers.OPTIMIZERS, "momentum", AdaGrad)
    changes = ["training.optimizer=momentum", "training.learning_rate=0.05", "data.limit=600"]
    recipe = load_recipe("digits", [*changes, "training.epochs=4"], source="sample")
    run = train_run(recipe, tmp_path / "run")
    assert run.metrics["test"]["accuracy"] > 0.7
    assert kept[0].arrays()["squares"].min() >= 0 < kept[0].arrays()["squares"].max()


def test_one_step_of_that_optimizer_is_the_published_one():
    parameters, gradients = np.array([1.0, 2.0]), np.array([0.5, -4.0])
    optimizer = AdaGrad(parameters)
    optimizer.step(parameters, gradients, 0.1)
    # the first step is as long as the rate, whatever the gradient
    np.testing.assert_allclose(parameters, [0.9, 2.1], rtol=1e-7)


def test_a_source_is_a_function_and_an_entry(tmp_path, monkeypatch, no_pictures):
    def load_upside_down():
        sample = load("sample")
        return replace(sample, features=sample.features[:, ::-1], name="upside-down")

    monkeypatch.setitem(NAMED, "upside-down", load_upside_down)
    assert_array_equal(load("upside-down").features[0], load("sample").features[0][::-1])
    recipe = load_recipe("digits", ["data.limit=200", "training.epochs=1"], source="upside-down")
    run = train_run(recipe, tmp_path / "run")
    assert run.metrics["data"]["source"] == "upside-down"


def test_a_command_is_a_function_and_an_entry(monkeypatch, capsys):
    def greet(name: str) -> None:
        """Say hello."""
        say(f"hello {name}")

    monkeypatch.setitem(commands.COMMANDS, "greet", greet)
    for arguments, expected in ((["greet", "Ada"], "hello Ada"), (["--help"], "Say hello.")):
        monkeypatch.setattr("sys.argv", ["inknet", *arguments])
        with pytest.raises(SystemExit) as ended:
            app.main()
        assert not ended.value.code
        assert expected in capsys.readouterr().out
