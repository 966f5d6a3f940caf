"""In a notebook a training shows a bar and its curves; nothing that is shown can cost it."""

import io
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from inknet import MLP, InputError, LivePlot, MLPClassifier
from inknet.data import load
from inknet.recipes import load_recipe
from inknet.training.notebook import NotebookBar, in_notebook

SAMPLE = load("sample")
X, Y = SAMPLE.features[::25], SAMPLE.targets[::25]


class Notebook:
    """What IPython shows: for each output, all that its content has been."""

    def __init__(self, works=True):
        self.outputs, self.works = [], works

    def display(self, content, raw, display_id):
        assert raw and display_id
        if not self.works:
            raise RuntimeError("the kernel is gone")
        self.outputs.append([content])
        shown = self.outputs[-1]
        return SimpleNamespace(update=lambda content, raw: shown.append(content))

    def enter(self, monkeypatch, shell):
        fake = SimpleNamespace(
            get_ipython=lambda: shell,
            display=SimpleNamespace(display=self.display),
            version_info=(9, 0),  # which Matplotlib asks for
        )
        monkeypatch.setitem(sys.modules, "IPython", fake)
        return self


@pytest.fixture
def notebook(monkeypatch):
    return Notebook().enter(monkeypatch, SimpleNamespace(kernel=object()))


def train(epochs=3, **options):
    model = MLP([784, 8, 10], random_seed=1)
    model.train(X, Y, X, Y, num_epochs=epochs, batch_size=50, **options)
    return model


def test_a_training_shows_one_bar_that_moves_to_its_end(notebook, monkeypatch):
    monkeypatch.setattr(NotebookBar, "REFRESH_SECONDS", 0)
    model = train()
    (bar,) = notebook.outputs
    values = [one["text/html"].split('value="')[1].split('"')[0] for one in bar]
    assert values == [*map(str, range(13)), "12"]
    assert all('max="12"' in one["text/html"] for one in bar)
    assert "epoch 3/3" in bar[-1]["text/plain"]
    assert "finished" in bar[-1]["text/plain"]
    assert f"{model.history[-1].val_accuracy:.2%}" in bar[-1]["text/plain"]


def test_without_lines_there_is_no_bar(notebook):
    train(print_interval=0)
    assert notebook.outputs == []


def test_the_curves_are_drawn_again_in_the_same_place(notebook, monkeypatch):
    train(callbacks=[LivePlot(seconds=0)], print_interval=0)
    (plot,) = notebook.outputs
    assert len(plot) >= 2
    for content in plot:
        with Image.open(io.BytesIO(content["image/png"])) as image:
            assert image.width > image.height > 100
    assert "epoch 3/3" in plot[-1]["text/plain"]


def test_the_curves_of_an_estimator_are_drawn_too(notebook):
    estimator = MLPClassifier((8,), callbacks=[LivePlot(seconds=0)], max_iter=4, tol=10.0)
    estimator.set_params(n_iter_no_change=2).fit(X / 255, Y, X_val=X / 255, y_val=Y)
    (plot,) = notebook.outputs
    assert all("image/png" in content for content in plot)
    assert f"epoch {estimator.n_iter_}/4" in plot[-1]["text/plain"]


def test_a_further_training_has_a_place_of_its_own(notebook):
    plot = LivePlot()
    train(callbacks=[plot], print_interval=0)
    train(callbacks=[plot], print_interval=0)
    assert len(notebook.outputs) == 2


def test_the_same_weights_are_learned_wherever_it_runs(monkeypatch):
    plain = train(callbacks=[LivePlot()])
    Notebook().enter(monkeypatch, SimpleNamespace(kernel=object()))
    shown = train(callbacks=[LivePlot(seconds=0)])
    np.testing.assert_array_equal(plain.network.parameters, shown.network.parameters)


def test_drawing_that_fails_ends_no_training_and_is_not_tried_again(monkeypatch):
    broken = Notebook(works=False).enter(monkeypatch, SimpleNamespace(kernel=object()))
    calls = []
    display = sys.modules["IPython"].display
    monkeypatch.setattr(
        display, "display", lambda *a, **k: calls.append(a) or broken.display(*a, **k)
    )
    model = train(callbacks=[LivePlot(seconds=0)])
    assert len(model.history) == 3
    assert len(calls) == 2  # once by the bar, once by the plot


@pytest.mark.parametrize("shell", [None, SimpleNamespace()], ids=["no IPython", "a terminal"])
def test_elsewhere_nothing_is_shown(monkeypatch, shell, capsys):
    notebook = Notebook().enter(monkeypatch, shell)
    assert not in_notebook()
    train(callbacks=[LivePlot(seconds=0)])
    assert notebook.outputs == []
    assert capsys.readouterr() == ("", "")


def test_wrong_callbacks_are_refused_in_a_notebook_too(notebook):
    with pytest.raises(InputError, match="callbacks is of type int"):
        train(callbacks=3)
    assert notebook.outputs == []


# -- what values show of themselves -----------------------------------------------------------------


def test_a_model_shows_its_layers_and_how_much_they_learn():
    html = MLP([784, 8, 10], batch_norm="before", class_names="abcdefghij")._repr_html_()
    assert "Dense(784 → 8)" in html and "weight 784 × 8, bias 8" in html
    assert ">6,280</td>" in html  # 784 · 8 + 8
    assert "gamma 8, beta 8" in html
    assert "10 classes: a, b, c, d, e, f, g, h, i, j; not trained yet" in html
    assert "not trained yet" not in train()._repr_html_()


def test_an_evaluation_shows_each_class():
    model = train()
    result = model.evaluate(X, Y)
    html = result._repr_html_()
    assert f"Accuracy {result.accuracy:.2%}: {result.n_errors} errors in 200" in html
    assert html.count("<tr>") == 11
    assert f"{result.recall[3]:.2%}" in html


def test_a_recipe_shows_its_keys_with_their_meaning():
    html = load_recipe("final")._repr_html_()
    assert "training.learning_rate" in html and "The highest rate of the schedule." in html
    assert "``" not in html
    part = load_recipe("final").network._repr_html_()
    assert ">keep_probs</td>" in part and "training." not in part


def test_names_are_escaped():
    model = MLP([4, 2], class_names=["<b>", "&"])
    assert "<b>" not in model._repr_html_() and "&lt;b&gt;, &amp;" in model._repr_html_()
