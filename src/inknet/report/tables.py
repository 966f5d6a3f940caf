"""How models and evaluations show themselves in a notebook."""

from __future__ import annotations

from typing import Any

from inknet.output import html_table

MOST_ROWS = 60
"""So many classes have a row of their own."""


def model_html(network: Any, facts: Any) -> str:
    """Return a table of the layers of a network, each with its shapes and learned numbers.

    Parameters
    ----------
    network : inknet.nn.Network
    facts : inknet.model_file.ModelFacts
    """
    rows, width = [], network.architecture.layer_dims[0]
    for layer in network.layers:
        width = getattr(layer, "fan_out", width)
        learned = [array for array in layer.learned if array.kind != "statistic"]
        shapes = ", ".join(f"{a.name} {' × '.join(map(str, a.shape))}" for a in learned)
        rows.append((repr(layer), f"{width:,}", shapes, f"{sum(a.size for a in learned):,}"))
    n, classes = len(facts.class_names), ", ".join(facts.class_names[:12])
    trained = "" if facts.scale is not None else "; not trained yet"
    return html_table(
        ("layer", "outputs", "learns", "parameters"),
        rows,
        f"MLP: {network.n_parameters:,} parameters, {network.dtype}; {n:,} classes: {classes}"
        f"{', …' if n > 12 else ''}{trained}",
    )


def evaluation_html(evaluation: Any) -> str:
    """Return a table of the figures of each class.

    Parameters
    ----------
    evaluation : inknet.report.evaluation.Evaluation
    """
    rows = [
        (name, *(f"{own[figure]:.2%}" for figure in ("precision", "recall", "f1")), own["support"])
        for name, own in evaluation.figures_of_classes().items()
    ]
    if len(rows) > MOST_ROWS:
        rows = [*rows[:MOST_ROWS], ("…", "", "", "", "")]
    errors = f"{evaluation.n_errors:,} error{'s' if evaluation.n_errors != 1 else ''}"
    return html_table(
        ("class", "precision", "recall", "F1", "samples"),
        rows,
        f"Accuracy {evaluation.accuracy:.2%}: {errors} in {evaluation.n_samples:,}, "
        f"loss {evaluation.loss:.4f}",
    )
