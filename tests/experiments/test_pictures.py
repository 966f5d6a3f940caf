"""The picture of a study: every mark to be seen, every text to be read."""

import itertools

import numpy as np
import pytest

from inknet.experiments.catalogue import grid_study, load_study, study_names
from inknet.experiments.pictures import study_figure
from inknet.experiments.results import Result, TestFigures
from inknet.experiments.summary import RowSummary, StudySummary

STEEP = "training.learning_rate=0.1,0.01,0.001,0.0001,0.00001"


def summary(study, n_epochs=20, best=0.98):
    """What would come of a study whose rows reach less and less."""
    return StudySummary(
        study,
        tuple(
            RowSummary(
                row, 2, (result(row, 0, best, n_epochs), result(row, 1, worse, n_epochs)), ()
            )
            for row, worse in zip(study.rows, np.linspace(best, 0.1, len(study.rows)), strict=True)
        ),
    )


def result(row, seed, accuracy, n_epochs):
    curve = accuracy * (1 - 0.5 * np.exp(-np.arange(n_epochs)))
    return Result(
        format=1,
        name=f"{row.name}-{seed}",
        row=row.name,
        seed=seed,
        outcome="finished",
        test=TestFigures(accuracy=float(accuracy), errors=1, samples=50, loss=0.1),
        train_accuracy=float(accuracy),
        active=0.5,
        epochs=n_epochs,
        history={"val_accuracy": curve.tolist()},
    )


STUDIES = [
    *map(load_study, study_names()),
    grid_study("digits", [STEEP], [0, 1], "small"),
    grid_study("digits", [STEEP, "training.batch_size=8,16,32,64,128"], [0, 1], "large"),
]


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
@pytest.mark.parametrize(("n_epochs", "best"), [(1, 0.98), (20, 1.0), (200, 0.9)])
def test_no_legend_lies_on_a_mark_and_no_text_is_cut_off(study, n_epochs, best):
    figure = study_figure(summary(study, n_epochs, best))
    figure.draw_without_rendering()
    assert not any(axes.get_legend() for axes in figure.axes)
    legends = [legend.get_window_extent() for legend in figure.legends]
    for legend, axes in itertools.product(legends, figure.axes):
        assert not legend.overlaps(axes.get_tightbbox())
    texts = [text for axes in figure.axes for text in (axes._left_title, axes.xaxis.label)]
    for axes in figure.axes:
        bottom, top = sorted(axes.get_ylim())
        ticks = axes.yaxis.get_major_ticks()
        texts += [tick.label1 for tick in ticks if bottom <= tick.get_loc() <= top]
    shown = [text.get_window_extent() for text in texts if text.get_text()]
    for box in [*shown, *legends]:
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= box.y0 and box.y1 <= figure.bbox.y1
    for one, other in itertools.combinations(shown, 2):
        assert not one.overlaps(other)
    low, high = figure.axes[1].get_xlim()
    assert low > 0 and high > n_epochs, "there is no epoch 0"
