"""The report of a training run: one HTML file to read, print or send, with all pictures inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inknet.errors import printable
from inknet.files import as_path, write_text_whole
from inknet.report.curves import curve_of
from inknet.report.evaluation import Evaluation
from inknet.report.figures import DPI, png_of, uri_of
from inknet.report.plots import history_figure
from inknet.training.ending import EARLY_STOPPING, FINISHED, INTERRUPTED
from inknet.training.history import History


@dataclass(frozen=True)
class _Lesson:
    """What a picture is called, and how to read it."""

    heading: str
    reading: str


# By the names of their files; shown in this order.
_LESSONS = {
    "loss": _Lesson(
        "Learning, epoch by epoch",
        "An epoch is one pass over all training samples. Falling loss and rising accuracy mean "
        "that the network learns. Where the training curve keeps improving and the validation "
        "curve does not, it has begun to memorize its samples (overfitting).",
    ),
    "confusion_matrix": _Lesson(
        "Which class was taken for which",
        "Each row is a true class, each column a predicted one. Blue cells on the diagonal are "
        "correct. A strong orange cell is a pair of classes that the network confuses; if the cell "
        "mirrored at the diagonal is strong too, the two look alike to it.",
    ),
    "weights": _Lesson(
        "What the first layer looks for",
        "Each small picture is one neuron of the first layer. Bright pixels where it is red excite "
        "the neuron, where it is blue they inhibit it. Strokes and spots are features it has "
        "learned; what looks like noise is still close to its random start.",
    ),
    "reliability": _Lesson(
        "Whether its confidence can be trusted",
        "Answers are sorted by the confidence of the network. On the dashed line it is right as "
        "often as it says: of 100 answers given with 90%, 90 are right. Below the line it is too "
        "sure, above it not sure enough. One number, the temperature, was fitted to validation "
        "samples to bring it there. The expected calibration error is the distance from the line, "
        "averaged over all answers, in 15 bins of equal width. Hollow marks are bins of fewer than "
        "30 answers, which tell little; the lower part shows how many answers have which "
        "confidence.",
    ),
    "mistakes": _Lesson(
        "The most confident mistakes",
        "The errors that the network made with most confidence. Some are badly written or badly "
        "labelled; the ones that you read at a glance show what it has not learned.",
    ),
}

_STOPPED = {
    FINISHED: "Training ran to its last planned epoch, {last}.",
    EARLY_STOPPING: "Training stopped early, after epoch {last}: "
    "validation had not improved for a while.",
    INTERRUPTED: "Training was interrupted after epoch {last}.",
}


def write_report(
    path: str | Path,
    *,
    title: str,
    recipe_toml: str,
    history: History,
    evaluation: Evaluation,
    pictures: Sequence[str | Path],
    summary: Mapping[str, str],
    changes: Sequence[str] = (),
) -> None:
    """Write ``report.html``: self-contained, readable on a phone, on paper and in dark mode.

    Parameters
    ----------
    path
        Where the report goes.
    title
        The heading, such as the run's name.
    recipe_toml
        All settings of the run, shown as they are.
    history
        What was measured in training.
    evaluation
        The predictions on the test samples; accuracy, errors and the tables come from it.
    pictures
        PNG files that `inknet.report.plots` and `images` wrote: ``loss.png``,
        ``confusion_matrix.png``, ``weights.png``, ``reliability.png``, ``mistakes.png``. One that
        is not listed, or does not exist, is left out.
    summary
        More headline figures, shown in this order after accuracy, errors and best epoch: name
        (``"Parameters"``) and value with its unit (``"109,386"``).
    changes
        What the doctor changed in the recipe, a line each.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("inknet.report", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    found = {picture.stem: picture for picture in map(as_path, pictures) if picture.exists()}
    text = environment.get_template("report.html.jinja").render(
        title=title,
        headline=_headline(history, evaluation) | dict(summary),
        stopped=_how_it_ended(history),
        findings=[(finding, curve_of(finding, history)) for finding in history.findings],
        changes=changes,
        pictures=[_picture(found[stem], _LESSONS[stem]) for stem in _LESSONS if stem in found],
        narrow=_narrow(history) if "loss" in found and len(history) else None,
        rises=_rate_rises(history),
        classes=evaluation.figures_of_classes(),
        confusions=_frequent_confusions(evaluation),
        history=history,
        recipe_toml=recipe_toml,
    )
    # names may hold characters that no page may have, or that turn the text around
    write_text_whole(path, "\n".join(map(printable, text.split("\n"))))


def _headline(history: History, evaluation: Evaluation) -> dict[str, str]:
    """Return the figures that a reader looks for first."""
    headline = {
        "Test accuracy": f"{evaluation.accuracy:.2%}",
        "Errors": f"{evaluation.n_errors:,} of {evaluation.n_samples:,}",
        "Test loss": f"{evaluation.loss:.4f}",
    }
    if history.best_epoch is not None:
        headline["Best epoch"] = f"{history.best_epoch} of {len(history)}"
    return headline


def _how_it_ended(history: History) -> str:
    """Say in words why training ended, and which weights it left."""
    if not len(history):
        return "No epoch was completed."
    last = history[-1].epoch
    own = f"Training was stopped after epoch {last}: {history.ending}."
    sentence = _STOPPED[history.ending].format(last=last) if history.ending in _STOPPED else own
    if history.best_epoch is not None:
        sentence += f" The network has the weights of epoch {history.best_epoch}."
    return sentence


def _narrow(history: History) -> str | None:
    """Return the curves for the screen of a phone; None if they cannot be drawn."""
    try:
        return uri_of(png_of(lambda: history_figure(history, stacked=True)))
    except Exception:  # Matplotlib has errors of many kinds; a report does without
        return None


def _rate_rises(history: History) -> bool:
    """Return whether the learning rate rose for at least a tenth of the epochs before it fell."""
    rates = history.column("learning_rate")
    highest = int(np.argmax(rates)) if rates else 0
    return len(rates) / 10 <= highest < len(rates) - 1 and rates[0] < rates[highest]


def _picture(path: Path, lesson: _Lesson) -> dict[str, Any]:
    """Return what the page needs to show a PNG: its bytes as a URI, and its size on a screen."""
    from PIL import Image

    with Image.open(path) as image:
        width, height = image.size
    inch = 96  # CSS pixels
    return {
        "is_curves": path.stem == "loss",
        "heading": lesson.heading,
        "reading": lesson.reading,
        "uri": uri_of(path.read_bytes()),
        "width": round(width * inch / DPI),
        "height": round(height * inch / DPI),
    }


def _frequent_confusions(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Return the ten most frequent kinds of error, the most frequent first."""
    true, predicted = np.nonzero(evaluation.confusion)
    wrong = true != predicted
    true, predicted = true[wrong], predicted[wrong]
    counts = evaluation.confusion[true, predicted]
    order = np.argsort(-counts, kind="stable")[:10]
    return [
        {
            "true": evaluation.class_names[row],
            "predicted": evaluation.class_names[column],
            "count": int(count),
            "share": count / evaluation.support[row],
        }
        for row, column, count in zip(true[order], predicted[order], counts[order], strict=True)
    ]
