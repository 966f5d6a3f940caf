"""The numbers that can be followed are right: each is computed again here, in plain NumPy."""

import itertools
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import inknet
from inknet import MLP, InputError
from inknet.data import load
from inknet.recipes import training_recipe
from inknet.studio.answers import Answers
from inknet.studio.source_lines import PLACES, source_of
from inknet.studio.steps import Steps
from inknet.studio.tracing import answered, one_step

SAMPLE = load("sample")
ROWS = np.arange(0, 5000, 125)
N, WIDTHS, EPSILON = 6, (784, 7, 5, 10), 1e-5

FUNCTIONS = {
    "relu": (lambda z: np.where(z > 0, z, 0), lambda z: (z > 0) * 1.0),
    "leaky_relu": (lambda z: np.where(z > 0, z, 0.01 * z), lambda z: np.where(z > 0, 1, 0.01)),
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2),
    "tanh": (np.tanh, lambda z: 1 / np.cosh(z) ** 2),
}
CASES = {
    "plain": {},
    "tanh and momentum": {"activation": "tanh", "optimizer": "momentum"},
    "sigmoid": {"activation": "sigmoid", "optimizer": "gradient_descent", "l2_lambda": 0.3},
    "normalized before": {"batch_norm": "before", "label_smoothing": 0.1},
    "normalized after": {"batch_norm": "after", "l2_lambda": 0.2, "clip_norm": 0.05},
    "dropout": {"keep": 0.6, "activation": "leaky_relu", "clip_value": 0.001},
    "all": {
        "keep": 0.7,
        "batch_norm": "before",
        "activation": "leaky_relu",
        "label_smoothing": 0.2,
        "l2_lambda": 0.5,
        "optimizer": "adamw",
        "weight_decay": 0.1,
    },
}


def trained(activation="relu", batch_norm="none", keep=1.0):
    model = MLP(
        list(WIDTHS),
        [activation, activation, "softmax"],
        [keep, keep, 1.0],
        batch_norm=batch_norm,
        random_seed=1,
        dtype="float64",
    )
    model.train(SAMPLE.features[ROWS], SAMPLE.targets[ROWS], num_epochs=3, batch_size=20)
    return model


def traced(activation="relu", batch_norm="none", keep=1.0, optimizer="adam", **settings):
    model = trained(activation, batch_norm, keep)
    x = SAMPLE.features[ROWS[:N]] / 255
    labels = SAMPLE.targets[ROWS[:N]]
    recipe = training_recipe(optimizer=optimizer, learning_rate=0.02, **settings)
    step = one_step(model, x, labels, recipe)
    return model, x, labels, recipe, step


def by_hand(model, x, labels, recipe, step, activation):
    """Compute every number of a step: values, gradients, and all learned arrays after it."""
    f, slope = FUNCTIONS[activation]
    values, back = [x], []
    for number, layer in enumerate(model.network.layers):
        x, kind = values[-1], type(layer).__name__
        if kind == "Dense":
            values.append(x @ layer.weight + layer.bias)
        elif kind == "BatchNorm":
            mean, variance = x.mean(axis=0), x.var(axis=0)
            normal = (x - mean) / np.sqrt(variance + EPSILON)
            values.append(layer.gamma * normal + layer.beta)
        else:
            keeps, has_function = layer.keep_prob, kind == "Activation"
            own, own_slope = (f(x), slope(x)) if has_function else (x, np.ones_like(x))
            mask = step.kept[number]["mask"]
            # a mask is 0 or 1 / keep_prob; where the slope is 0, what it was has no effect
            assert set(np.unique(mask)) <= {0, 1 / keeps} or np.allclose(
                mask * (mask - 1 / keeps), 0, atol=1e-9
            )
            values.append(own * mask)
            back.append((number, own_slope * mask))
    logits = values[-1]
    powers = np.exp(logits)
    p = powers / powers.sum(axis=1, keepdims=True)
    smoothing = recipe.label_smoothing
    t = np.eye(10)[labels] * (1 - smoothing) + smoothing / 10
    losses = -(t * np.log(p)).sum(axis=1)
    slopes, n = dict(back), len(x)
    gradients, learned = [(p - t) / n], {}
    weights = 0.0
    for number, layer in reversed(list(enumerate(model.network.layers))):
        g, x, kind = gradients[0], values[number], type(layer).__name__
        if kind == "Dense":
            decay = recipe.l2_lambda / n * layer.weight
            weights += (layer.weight**2).sum()
            learned[number, "weight"] = layer.weight, x.T @ g + decay
            learned[number, "bias"] = layer.bias, g.sum(axis=0)
            gradients.insert(0, g @ layer.weight.T)
        elif kind == "BatchNorm":
            deviation = np.sqrt(x.var(axis=0) + EPSILON)
            normal = (x - x.mean(axis=0)) / deviation
            learned[number, "gamma"] = layer.gamma, (g * normal).sum(axis=0)
            learned[number, "beta"] = layer.beta, g.sum(axis=0)
            inner = g - g.mean(axis=0) - normal * (g * normal).mean(axis=0)
            gradients.insert(0, layer.gamma / deviation * inner)
        else:
            gradients.insert(0, g * slopes[number])
    norm = np.sqrt(sum((g**2).sum() for _, g in learned.values()))
    after = {}
    for key, (old, g) in learned.items():
        if recipe.clip_value is not None:
            g = g.clip(-recipe.clip_value, recipe.clip_value)
        if recipe.clip_norm is not None:
            g = g * min(1, recipe.clip_norm / norm)
        moved = {
            "gradient_descent": g,
            "momentum": 0.1 * g,
            "adam": g / (np.abs(g) + 1e-8),
            "adamw": g / (np.abs(g) + 1e-8)
            + (recipe.weight_decay * old if key[1] == "weight" else 0),
        }[recipe.optimizer]
        after[key] = old - recipe.learning_rate * moved
    penalty = recipe.l2_lambda / (2 * n) * weights
    return values, p, losses, losses.mean() + penalty, gradients, learned, after


def nodes(explainer, generator, with_gradients):
    """Some nodes of every kind, wherever they are."""
    widths = [len(v) for v in explainer_values(explainer)]
    for position, width in enumerate(widths):
        for unit in generator.choice(width, min(4, width), replace=False).tolist():
            for sample in (0, 3) if with_gradients else (0,):
                place = {"position": position, "unit": unit, "sample": sample}
                yield {"kind": "value", **place}
                if with_gradients:
                    yield {"kind": "gradient", **place}


def explainer_values(explainer):
    trace = explainer.answer if isinstance(explainer, Answers) else explainer.step
    return [values[0] for values in trace.values]


def adds_up(found):
    total = sum(product for _, _, product in found.terms) + sum(value for _, value in found.ends)
    return not found.terms or np.isclose(total, found.value, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_a_hundred_numbers_of_a_step_are_those_computed_by_hand(case):
    settings = CASES[case]
    model, x, labels, recipe, step = traced(**settings)
    explainer = Steps(step, model.facts.class_names, 28)
    activation = settings.get("activation", "relu")
    values, p, losses, objective, gradients, learned, after = by_hand(
        model, x, labels, recipe, step, activation
    )
    n_compared = 0

    def compare(node, expected):
        nonlocal n_compared
        found = explainer.explain(node)
        assert found.value == pytest.approx(expected, rel=1e-7, abs=1e-12), found.title
        assert node["kind"] == "probability" or adds_up(found), found.title
        n_compared += 1

    generator = np.random.default_rng(0)
    for node in nodes(explainer, generator, with_gradients=True):
        table = values if node["kind"] == "value" else gradients
        compare(node, table[node["position"]][node["sample"], node["unit"]])
    for unit, sample in itertools.product((0, 4, 9), (0, 3)):
        node = {"kind": "probability", "unit": unit, "sample": sample}
        compare(node, p[sample, unit])
        found = explainer.explain(node)
        powers = [product for _, _, product in found.terms]
        assert powers[unit] / sum(powers) == pytest.approx(found.value)
    for sample in range(N):
        compare({"kind": "sample loss", "sample": sample}, losses[sample])
    compare({"kind": "loss"}, objective)
    for (layer, name), (old, gradient) in learned.items():
        for _ in range(3):
            index = tuple(int(generator.integers(size)) for size in old.shape)
            node = {"layer": layer, "name": name, "unit": index[-1], "input": index[0]}
            compare({"kind": "parameter", **node}, old[index])
            compare({"kind": "parameter gradient", **node}, gradient[index])
            compare({"kind": "update", **node}, after[layer, name][index])
    assert n_compared > 100


@pytest.mark.parametrize("batch_norm", ["none", "before", "after"])
@pytest.mark.parametrize("activation", FUNCTIONS)
def test_the_numbers_of_an_answer_are_those_that_predict_gives(activation, batch_norm):
    model = trained(activation, batch_norm, keep=0.8)
    model.calibrate(SAMPLE.features[ROWS], SAMPLE.targets[ROWS])
    image = SAMPLE.features[ROWS[3:4]]
    explainer = Answers(answered(model, image / 255), model.facts.class_names, 28)
    expected = model.predict_proba(image)[0]
    for unit in range(10):
        found = explainer.explain({"kind": "probability", "unit": unit})
        assert found.value == pytest.approx(expected[unit], rel=1e-9)
        powers = [product for _, _, product in found.terms]
        assert powers[unit] / sum(powers) == pytest.approx(found.value)
    found = [
        explainer.explain(node)
        for node in nodes(explainer, np.random.default_rng(0), with_gradients=False)
    ]
    assert len(found) > 15
    assert all(map(adds_up, found))
    logit = explainer.explain({"kind": "value", "position": explainer.last, "unit": 2})
    last = model.network.dense_layers[-1]
    before = explainer_values(explainer)[-2]
    assert logit.value == pytest.approx(float(before @ last.weight[:, 2] + last.bias[2]))


def test_requests_at_the_same_time_disturb_neither_one_another_nor_the_step():
    model, *_, step = traced()
    explainer = Steps(step, model.facts.class_names, 28)
    array = {"layer": 0, "name": "weight", "input": 400}
    kinds = "parameter", "parameter gradient", "update"
    asked = [{"kind": kind, "unit": unit, **array} for kind in kinds for unit in range(7)]
    expected = [explainer.explain(node).value for node in asked]
    before, switching = step.network.parameters.copy(), sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            rounds = [
                pool.submit(lambda: [explainer.explain(node).value for node in asked])
                for _ in range(60)
            ]
            assert all(one.result() == expected for one in rounds)
    finally:
        sys.setswitchinterval(switching)
    assert np.array_equal(step.network.parameters, before)


def test_a_path_leads_from_the_loss_to_a_pixel_and_to_an_update():
    model, *_, step = traced()
    explainer = Steps(step, model.facts.class_names, 28)
    node, kinds = {"kind": "loss"}, []
    while True:
        found = explainer.explain(node)
        kinds.append(node["kind"])
        if not found.terms:
            break
        node = max(
            (term for term in found.terms if term[0] is not None), key=lambda term: abs(term[2])
        )[0]
    assert kinds[:3] == ["loss", "sample loss", "probability"]
    assert (node["kind"], node["position"]) == ("value", 0)
    neuron = explainer.explain({"kind": "value", "position": 1, "unit": 2})
    titles = dict(neuron.more)
    weight = next(node for title, node in titles.items() if title.startswith("the weight from"))
    update = dict(explainer.explain(weight).more)["what the step makes of it"]
    assert explainer.explain(update).title.endswith("after the step")


def test_the_rest_is_what_is_not_shown():
    model, *_, step = traced()
    explainer = Steps(step, model.facts.class_names, 28)
    node = {"kind": "value", "position": 1, "unit": 2}
    for most in (1, 12, 784):
        found = explainer.explain(node).to_dict(most)
        assert len(found["terms"]) == min(most, 784)
        assert found["rest"]["n"] == 784 - len(found["terms"])
        sizes = [abs(term["product"]) for term in found["terms"]]
        assert sizes == sorted(sizes, reverse=True)
        total = sum(term["product"] for term in found["terms"]) + found["rest"]["sum"]
        total += sum(end["value"] for end in found["ends"])
        assert total == pytest.approx(found["value"])


@pytest.mark.parametrize(
    "node",
    [
        {},
        {"kind": "weights"},
        {"kind": "value", "position": 99},
        {"kind": "value", "position": 1, "unit": 7},
        {"kind": "value", "position": 1, "unit": -1},
        {"kind": "value", "position": 1, "unit": "2"},
        {"kind": "value", "position": True},
        {"kind": "gradient", "position": 1, "sample": N},
        {"kind": "parameter", "layer": 1, "name": "weight"},
        {"kind": "parameter", "layer": 0, "name": "__class__"},
        {"kind": "update", "layer": 0, "name": "weight", "unit": 0, "input": 784},
    ],
    ids=str,
)
def test_a_number_that_is_not_there_is_refused(node):
    model, *_, step = traced()
    with pytest.raises(InputError):
        Steps(step, model.facts.class_names, 28).explain(node)


@pytest.mark.parametrize("place", PLACES)
def test_the_lines_are_those_of_the_source(place):
    found = source_of(place)
    assert found["file"].startswith("inknet/nn/")
    path = Path(inknet.__file__).parent.parent / found["file"]
    first = found["first_line"] - 1
    text = path.read_text("utf-8").splitlines()
    assert text[first : first + len(found["lines"])] == found["lines"]
    marked = PLACES[place][1]
    shown = [found["lines"][i] for i in found["highlight"]]
    assert shown
    assert all(any(mark in line for line in shown) for mark in marked)


def test_numbers_that_are_none_are_null():
    model, x, labels, recipe, _ = traced()
    model.network.parameters[0] = np.nan
    with np.errstate(all="ignore"):
        step = one_step(model, x, labels, recipe)
        found = Steps(step, model.facts.class_names, 28).explain({"kind": "loss"}).to_dict()
    assert found["value"] is None
    json.dumps(found, allow_nan=False)
