"""The numbers that can be followed are right: each is computed again here, in plain NumPy."""

import itertools
import json
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import inknet
from inknet import MLP, InputError
from inknet.data import load
from inknet.explain.answers import Answers
from inknet.explain.source_lines import PLACES, source_of
from inknet.explain.steps import Steps
from inknet.explain.tracing import answered, double, one_step
from inknet.recipes import training_recipe
from inknet.training.loop import optimizer_for
from inknet.training.step import Training
from tests.studio.by_hand import FUNCTIONS, ByHand, place_of

SAMPLE = load("sample")
ROWS = np.arange(0, 5000, 125)
N, WIDTHS = 6, (784, 7, 5, 10)

CASES = {
    "plain": {},
    "tanh and momentum": {"activation": "tanh", "optimizer": "momentum"},
    "sigmoid": {"activation": "sigmoid", "optimizer": "gradient_descent", "l2_lambda": 0.3},
    "no activation": {"activation": "identity", "optimizer": "gradient_descent"},
    "normalized before": {"batch_norm": "before", "label_smoothing": 0.1},
    "normalized after": {"batch_norm": "after", "l2_lambda": 0.2, "clip_norm": 0.05},
    "dropout": {"keep": 0.6, "activation": "leaky_relu", "clip_value": 0.001},
    "dropout of what is 0": {"keep": 0.6, "l2_lambda": 0.4, "l2_on_biases": True},
    "dropout alone": {"keep": 0.7, "batch_norm": "after", "optimizer": "momentum"},
    "both limits": {"clip_value": 0.01, "clip_norm": 0.02, "optimizer": "gradient_descent"},
    "limits that are not reached": {"clip_value": 50.0, "clip_norm": 900.0},
    "short weights": {"max_norm": 0.9, "optimizer": "gradient_descent"},
    "all": {
        "keep": 0.7,
        "batch_norm": "before",
        "activation": "leaky_relu",
        "label_smoothing": 0.2,
        "l2_lambda": 0.5,
        "l2_on_biases": True,
        "optimizer": "adamw",
        "weight_decay": 0.1,
        "clip_norm": 0.3,
        "max_norm": 1.1,
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


def some_nodes(hand, generator):
    """Some nodes of every kind that a step has, wherever they are."""
    for position, values in enumerate(hand.values):
        width = values.shape[1]
        for unit in generator.choice(width, min(4, width), replace=False).tolist():
            for sample in (0, 3):
                place = {"position": position, "unit": unit, "sample": sample}
                yield {"kind": "value", **place}
                yield {"kind": "gradient", **place}
    for unit, sample in itertools.product((0, 4, 9), (0, 3)):
        yield {"kind": "probability", "unit": unit, "sample": sample}
    yield from ({"kind": "sample loss", "sample": sample} for sample in range(N))
    yield {"kind": "loss"}
    for layer, name in itertools.product(hand.statistics, ("mean", "variance")):
        yield {"kind": "statistic", "layer": layer, "name": name, "unit": 2}
    recipe = hand.recipe
    is_clipped = recipe.clip_norm is not None or recipe.clip_value is not None
    kinds = ["parameter", "parameter gradient", "update"] + ["clipped gradient"] * is_clipped
    for (layer, name), gradient in hand.learned.items():
        for _ in range(3):
            *inputs, unit = (int(generator.integers(size)) for size in gradient.shape)
            own = {"layer": layer, "name": name, "unit": unit}
            for kind in kinds:
                yield {"kind": kind, **own, **({"input": inputs[0]} if inputs else {})}


def rounding_of(node):
    """How far a number may be off: Adam divides by 1e-8 what should be 0, and is 1e-17."""
    return 1e-9 if node["kind"] == "update" else 1e-12


def same_terms(found, expected, rounding=1e-12):
    """Whether an explanation has the terms that it should, each of which leads where it should."""
    shown = [(node and place_of(node), product) for node, _, product in found.terms]
    shown += [(node and place_of(node), value) for _, value, node in found.ends]
    order = [sorted(terms, key=lambda term: (str(term[0]), term[1])) for terms in (shown, expected)]
    places = [[place for place, _ in terms] for terms in order]
    sizes = [[size for _, size in terms] for terms in order]
    return places[0] == places[1] and np.allclose(*sizes, rtol=1e-7, atol=rounding)


def number(text):
    return float(text.replace("−", "-"))


def same_text(text, product):
    """Whether a term's text is a product or a quotient; then it is the one that it should be."""
    one = r"(−?[\d.]+(?:e[−+]\d+)?)"
    if found := re.search(rf"(?:^|: ){one} ([×/]) {one}$", text):
        a, b = number(found[1]), number(found[3])
        assert product == pytest.approx(a * b if found[2] == "×" else a / b, rel=2e-3, abs=1e-9)
    return bool(found)


@pytest.mark.parametrize("case", CASES)
def test_hundreds_of_numbers_of_a_step_and_all_their_terms_are_those_computed_by_hand(case):
    settings = CASES[case]
    model, x, labels, recipe, step = traced(**settings)
    explainer = Steps(step, model.facts.class_names, 28)
    activation = settings.get("activation", "relu")
    hand = ByHand(model.network.layers, activation, x, labels, recipe)
    n_compared = n_terms = n_texts = 0
    for node in some_nodes(hand, np.random.default_rng(0)):
        found, rounding = explainer.explain(node), rounding_of(node)
        assert found.value == pytest.approx(hand.value(node), rel=1e-7, abs=rounding), found.title
        assert same_terms(found, hand.terms(node), rounding), found.title
        products = [product for *_, product in found.terms]
        total = sum(products) + sum(value for _, value, _ in found.ends)
        if node["kind"] == "probability":
            assert found.value == pytest.approx(products[node["unit"]] / total)
        elif products:
            assert found.value == pytest.approx(total, rel=1e-9, abs=1e-12)
        n_texts += sum(same_text(text, product) for _, text, product in found.terms[:50])
        n_compared, n_terms = n_compared + 1, n_terms + len(found.terms) + len(found.ends)
        for _, more in found.more:  # each leads to a number
            explainer.explain(more)
    assert n_compared > 100
    assert n_terms > 10 * n_compared
    assert n_texts > 100


@pytest.mark.parametrize("on_biases", [False, True])
def test_the_penalty_is_a_sum_over_all_weights_of_which_the_largest_are_told(on_biases):
    model, x, labels, recipe, step = traced(l2_lambda=0.3, l2_on_biases=on_biases)
    found = Steps(step, model.facts.class_names, 28).explain({"kind": "penalty"})
    hand = ByHand(model.network.layers, "relu", x, labels, recipe)
    assert found.value == pytest.approx(hand.penalty)
    n = sum(part.size for part in hand.penalties.values())
    assert len(found.terms) == 1000
    assert found.others[0] == n - 1000
    for node, _, product in found.terms:
        key, index = hand.place(node)
        assert node["kind"] == "parameter"
        assert product == pytest.approx(hand.penalties[key][index])
    parts = np.sort(np.concatenate([part.ravel() for part in hand.penalties.values()]))
    products = [product for *_, product in found.terms]
    assert np.allclose(np.sort(products), parts[-1000:])
    assert sum(products) + found.others[1] == pytest.approx(found.value)
    told = found.to_dict(12)["rest"]
    assert told["n"] == n - 12
    assert told["sum"] == pytest.approx(parts[:-12].sum())


@pytest.mark.parametrize("case", CASES)
def test_a_step_is_the_one_that_training_takes(case):
    model, x, labels, recipe, step = traced(**CASES[case])
    network = double(model.network)
    settings = recipe.model_copy(update={"schedule": "constant"})
    training = Training(
        network, optimizer_for(settings, network), settings, np.random.default_rng(0), 1, []
    )
    batch = network.ops.new_batch(network.dtype)
    batch.load(x)
    loss = training.learn(batch, labels)
    assert loss == pytest.approx(step.loss - step.penalty, rel=1e-12)
    assert np.allclose(network.parameters, step.after.parameters, rtol=1e-6, atol=1e-9)
    assert np.allclose(network.statistics, step.network.statistics, rtol=1e-12, atol=1e-12)


def test_dropout_is_blamed_only_for_what_it_switched_off():
    model, *_, step = traced(keep=0.6)
    explainer, seen = Steps(step, model.facts.class_names, 28), set()
    for sample, unit in itertools.product(range(N), range(7)):
        node = {"kind": "value", "position": 2, "unit": unit, "sample": sample}
        found = explainer.explain(node)
        mask, z = step.kept[1]["mask"][sample, unit], step.values[1][sample, unit]
        assert mask == 0 or mask == pytest.approx(1 / 0.6)
        assert ("switched this neuron off" in found.about) == (mask == 0)
        assert found.value == pytest.approx(max(z, 0) * mask)
        seen.add((bool(mask), bool(z > 0)))
    assert len(seen) == 4  # neurons that are kept, but give 0 by themselves, too


@pytest.mark.parametrize("batch_norm", ["none", "before", "after"])
@pytest.mark.parametrize("activation", FUNCTIONS)
def test_the_numbers_of_an_answer_and_their_terms_are_those_computed_by_hand(
    activation, batch_norm
):
    model = trained(activation, batch_norm, keep=0.8)
    model.calibrate(SAMPLE.features[ROWS], SAMPLE.targets[ROWS])
    image = SAMPLE.features[ROWS[3:4]]
    explainer = Answers(answered(model, image / 255), model.facts.class_names, 28)
    x, f, n_compared = image[0] / 255, FUNCTIONS[activation][0], 0

    def compare(node, expected, terms):
        nonlocal n_compared
        found = explainer.explain(node)
        assert found.value == pytest.approx(expected, rel=1e-7, abs=1e-12), found.title
        assert same_terms(found, [(to and place_of(to), size) for to, size in terms]), found.title
        n_compared += 1 + len(terms)

    for k, layer in enumerate(model.network.layers):
        kind = type(layer).__name__
        before = [{"kind": "value", "position": k, "unit": i} for i in range(len(x))]
        if kind == "Dense":
            weight, bias = np.float64(layer.weight), np.float64(layer.bias)
            y = x @ weight + bias
        elif kind == "BatchNorm":
            factor = layer.gamma / np.sqrt(layer.running_var + 1e-5)
            y = factor * (x - layer.running_mean) + layer.beta
        else:
            y = x if kind == "Dropout" else f(x)
        for unit in range(len(y)):
            terms = [(before[unit], y[unit])] if kind in ("Activation", "Dropout") else []
            own = {"layer": k, "unit": unit}
            if kind == "Dense":
                terms = list(zip(before, x * weight[:, unit], strict=True))
                terms.append(({"kind": "parameter", "name": "bias", **own}, bias[unit]))
            elif kind == "BatchNorm":
                mean = {"kind": "statistic", "name": "mean", **own}
                terms = [
                    (before[unit], x[unit] * factor[unit]),
                    (mean, -layer.running_mean[unit] * factor[unit]),
                    ({"kind": "parameter", "name": "beta", **own}, layer.beta[unit]),
                ]
                compare(mean, layer.running_mean[unit], [])
                compare({**mean, "name": "variance"}, layer.running_var[unit], [])
            compare({"kind": "value", "position": k + 1, "unit": unit}, y[unit], terms)
        x = y
    powers = np.exp((x - x.max()) / model.facts.temperature)
    logits = [{"kind": "value", "position": explainer.last, "unit": k} for k in range(10)]
    for unit in range(10):
        p = powers[unit] / powers.sum()
        compare({"kind": "probability", "unit": unit}, p, list(zip(logits, powers, strict=True)))
        assert p == pytest.approx(model.predict_proba(image)[0, unit], rel=1e-9)
    assert n_compared > 100


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
        {"kind": "statistic", "layer": 0, "name": "mean", "unit": 1},
        {"kind": "penalty"},
        {"kind": "clipped gradient", "layer": 0, "name": "weight", "unit": 0, "input": 1},
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
