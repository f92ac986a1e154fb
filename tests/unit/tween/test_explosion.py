"""The explosion guard: its baseline, what it calls an explosion, how far it cuts and how it recovers."""

import math

import pytest

from loom_py.tween import ExplosionGuard


def warmed(gap: float = 0.1) -> ExplosionGuard:
    guard = ExplosionGuard()
    assert not any(guard.update(gap) for _ in range(10))
    return guard


def test_the_first_ten_gaps_are_the_baseline_whatever_they_do() -> None:
    guard = ExplosionGuard()
    gaps = [0.1, 5.0, 0.2, 30.0, 0.1, 0.1, 90.0, 0.1, 0.1, 0.3]
    assert not any(guard.update(gap) for gap in gaps)
    assert guard.baseline == pytest.approx(sum(gaps) / 10)
    assert guard.factor == 1.0
    guard.update(0.5)
    assert guard.baseline == pytest.approx(sum(gaps) / 10)


def test_growth_by_half_above_the_baseline_explodes() -> None:
    # Smoothed: 0.7 · 0.1 + 0.3 · gap, so 0.2667 is growth by exactly half.
    assert not warmed().update(0.26)
    assert warmed().update(0.27)


def test_a_rise_to_twice_the_lowest_explodes_however_slowly_it_came() -> None:
    guard, gap, smooth = warmed(), 0.1, 0.1
    while smooth <= 0.2:
        gap *= 1.01
        smooth = 0.7 * smooth + 0.3 * gap
        assert guard.update(gap) == (smooth > 0.2)
    assert guard.in_a_row == 1


def test_the_lowest_counts_even_within_the_first_ten() -> None:
    guard = ExplosionGuard()
    for i in range(10):
        guard.update(0.1 * (i + 1))  # a rate that was too high from the first step
    assert guard.baseline == pytest.approx(0.55)
    assert guard.update(1.1)
    assert guard.update(1.1)


def test_one_odd_batch_of_a_net_that_has_learned_is_no_explosion() -> None:
    guard = warmed()
    assert not any(guard.update(0.002) for _ in range(50))
    assert not guard.update(0.02)
    assert guard.factor == 1.0


def test_steady_noise_never_explodes() -> None:
    guard = warmed()
    assert not any(guard.update(0.1 + 0.05 * math.sin(7.3 * i)) for i in range(500))


@pytest.mark.parametrize("gap", [math.nan, math.inf])
def test_a_gap_that_is_not_finite_explodes_at_once_and_spoils_nothing(gap: float) -> None:
    first = ExplosionGuard()
    assert first.update(gap)
    assert first.factor == pytest.approx(0.7)
    assert not any(first.update(0.1) for _ in range(10))  # these are the baseline, the bad one is not
    assert first.baseline == pytest.approx(0.1)
    assert not first.update(0.1)
    later = warmed()
    assert later.update(gap)
    assert not later.update(0.1)


def test_cuts_get_harder_and_end_at_a_hundredth() -> None:
    guard, factor = warmed(), 1.0
    for number in range(1, 14):
        assert guard.update(math.nan)
        factor = max(0.01, factor * (0.3 if number >= 10 else 0.5 if number >= 5 else 0.7))
        assert guard.factor == pytest.approx(factor)
        assert guard.in_a_row == number
    assert guard.factor == 0.01


def test_calm_steps_recover_by_a_twentieth_up_to_1() -> None:
    guard = warmed()
    for _ in range(3):
        guard.update(math.nan)
    assert guard.factor == pytest.approx(0.343)
    guard.update(0.1)
    assert guard.factor == pytest.approx(0.343 * 1.05)
    assert guard.in_a_row == 0
    for _ in range(30):
        guard.update(0.1)
    assert guard.factor == 1.0
