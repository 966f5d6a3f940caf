from math import cos, pi

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inknet.nn.schedules import SCHEDULES, constant, cosine, one_cycle, step

PROGRESS = st.floats(0, 1, exclude_max=True)


@given(PROGRESS)
def test_constant_never_changes(progress):
    assert constant(progress) == 1


@pytest.mark.parametrize(
    ("progress", "factor"),
    [(0, 1), (0.499, 1), (0.5, 0.1), (0.749, 0.1), (0.75, 0.01), (0.999, 0.01)],
)
def test_step_divides_by_ten_at_half_and_at_three_quarters(progress, factor):
    assert step(progress) == factor


@pytest.mark.parametrize(
    ("progress", "factor"), [(0, 1), (1 / 4, 0.8535533905932737), (1 / 3, 0.75), (1 / 2, 0.5)]
)
def test_cosine_falls_like_half_a_wave(progress, factor):
    assert cosine(progress) == pytest.approx(factor, rel=1e-14)
    assert cosine(1 - progress) == pytest.approx(1 - factor, abs=1e-14)


def pytorch_one_cycle(progress):
    """OneCycleLR with max_lr 1, by its published defaults and its annealing formula.

    pct_start 0.3, div_factor 25, final_div_factor 10,000, anneal_strategy "cos":
    ``end + (start - end) / 2 · (1 + cos(pi · pct))``.
    """
    initial = 1 / 25
    final = initial / 1e4
    start, end, part = (
        (initial, 1.0, progress / 0.3) if progress < 0.3 else (1.0, final, (progress - 0.3) / 0.7)
    )
    return end + (start - end) / 2 * (1 + cos(pi * part))


@given(PROGRESS)
def test_one_cycle_is_that_of_pytorch(progress):
    assert one_cycle(progress) == pytest.approx(pytorch_one_cycle(progress), rel=1e-10, abs=1e-13)


def test_one_cycle_rises_to_its_peak_at_30_percent_and_then_falls():
    assert one_cycle(0) == pytest.approx(1 / 25, rel=1e-12)
    assert one_cycle(0.3) == 1
    assert one_cycle(0.3 - 1e-9) == pytest.approx(1, abs=1e-12)
    assert one_cycle(1 - 1e-12) == pytest.approx(1 / 250_000, rel=1e-6)
    factors = np.array([one_cycle(progress) for progress in np.linspace(0, 1, 1001)])
    assert (np.diff(factors[:301]) > 0).all()
    assert (np.diff(factors[300:]) < 0).all()
    assert np.abs(np.diff(factors)).max() < 0.006, "no jumps: pi / 2 / 0.3 / 1000 at the steepest"


@pytest.mark.parametrize("name", sorted(SCHEDULES))
@given(progress=PROGRESS)
def test_every_schedule_is_a_factor_between_0_and_1(name, progress):
    assert 0 <= SCHEDULES[name](progress) <= 1
