"""metrics.json: what a run writes is read, and nothing else is taken for it."""

import json

import numpy as np
import pytest

from inknet.data.dataset import MOST_CLASSES
from inknet.errors import InputError
from inknet.report.evaluation import evaluate, json_text
from inknet.runs.metrics import LARGEST_FILE, read_metrics

METRICS = {
    "format": 1,
    "recipe": "digits",
    "seed": 0,
    "test": {"accuracy": 0.5, "loss": 0.7, "samples": 2, "errors": 1},
    "training": {"seconds": 1.5, "epochs": 2, "stopped": "finished"},
    "data": {"source": "sample", "train": 8},
    "more": ["than", "is", "read"],
}


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps(METRICS))
    assert read_metrics(path) == METRICS


@pytest.mark.slow
def test_the_metrics_of_as_many_classes_as_are_allowed_are_read(tmp_path):
    labels = np.arange(MOST_CLASSES)
    logits = np.zeros((MOST_CLASSES, MOST_CLASSES), np.float32)
    logits[labels, labels[::-1]] = 1
    figures = evaluate(logits, labels, tuple(map(str, labels))).to_dict()
    path = tmp_path / "metrics.json"
    path.write_text(json_text(METRICS | {"test": figures}))
    read = read_metrics(path)["test"]
    assert (read["errors"], len(read["confusion_matrix"])) == (MOST_CLASSES, MOST_CLASSES)
    # at worst, all cells have as many digits as the counts of a million samples
    assert MOST_CLASSES**2 * len("1234567, ") < LARGEST_FILE


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "cannot be read"),
        ("[" * 90_000, "cannot be read"),
        ("[" + "{}," * 100_000 + "1]", "more than 100,000 lists and tables"),
        ("9" * 5_000, "cannot be read"),
        ("[]", "not the metrics of an inknet run"),
        (json.dumps(METRICS | {"format": 2}), "not the metrics of an inknet run"),
        ('{"format": 1}', "recipe: Field required"),
        (json.dumps(METRICS | {"recipe": ["digits"]}), "recipe: Input should be a valid string"),
        (json.dumps(METRICS | {"test": {"accuracy": "high"}}), "test.accuracy"),
        (json.dumps(METRICS | {"test": {"accuracy": float("nan")}}), "test.accuracy"),
        (json.dumps(METRICS | {"test": METRICS["test"] | {"accuracy": 7}}), "test.accuracy"),
        (json.dumps(METRICS | {"test": METRICS["test"] | {"errors": -1}}), "test.errors"),
        (json.dumps(METRICS | {"test": METRICS["test"] | {"samples": 10**400}}), "test.samples"),
        (json.dumps(METRICS | {"test": METRICS["test"] | {"errors": True}}), "test.errors"),
        (json.dumps(METRICS | {"training": None}), "training"),
        (json.dumps(METRICS | {"data": {"source": 1}}), "data.source"),
    ],
)
def test_anything_else_is_refused_in_one_line(tmp_path, content, says):
    path = tmp_path / "metrics.json"
    path.write_text(content)
    with pytest.raises(InputError) as caught:
        read_metrics(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert says in str(caught.value)
    assert str(caught.value).isprintable()
