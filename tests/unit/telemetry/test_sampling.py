"""How often observers are told: every N-th run, or as the budget allows; simulated time, no clock."""

import numpy as np
import pytest

from loom_py import ConfigError, Dense, LayerStats, Network, Observer, TrainingConfig
from loom_py.ops.histogram import BINS, histogram_edges
from loom_py.telemetry.sampling import Sampling


def drive(sampling: Sampling, runs: int, bare: int, extra: int) -> tuple[int, float]:
    """Runs that were watched, and the share of the time that watching took."""
    watched, total, spent = 0, 0, 0
    for tick in range(runs):
        seen = sampling.due(tick)
        ns = bare + extra * seen
        sampling.note(seen, ns)
        watched, total, spent = watched + seen, total + ns, spent + extra * seen
    return watched, spent / total


@pytest.mark.parametrize("extra", [100, 1_000, 50_000])
@pytest.mark.parametrize("budget", [0.01, 0.05, 0.3])
def test_watching_stays_inside_the_budget_and_uses_it(budget: float, extra: int) -> None:
    sampling = Sampling(1, budget)
    watched, share = drive(sampling, 20_000, 1_000, extra)
    assert share <= budget * 1.05 + 3 * extra / (20_000 * 1_000)  # the first ones are spent on measuring
    assert watched >= min(0.6 * 20_000 * budget * 1_000 / extra, 6_000)
    assert sampling.share is not None and sampling.share <= budget


def test_a_cost_that_grows_makes_the_gap_longer() -> None:
    sampling = Sampling(1, 0.05)
    drive(sampling, 500, 1_000, 100)
    short = sampling.gap
    drive(sampling, 2_000, 1_000, 5_000)
    assert sampling.gap > 10 * short


def test_without_a_budget_every_counts_runs() -> None:
    assert [tick for tick in range(7) if Sampling(3, None).due(tick)] == [0, 3, 6]
    assert Sampling(3, None).share is None


def test_every_is_the_least_gap_of_a_budget() -> None:
    watched, _ = drive(Sampling(50, 0.5), 1_000, 1_000, 10)
    assert watched <= 20


def test_a_budget_must_be_a_share() -> None:
    for wrong in (0, 1, -0.1):
        with pytest.raises(ConfigError, match="budget"):
            Observer(budget=wrong)


def test_an_observer_with_a_budget_is_told_its_share() -> None:
    class Counting(Observer):
        seen = 0

        def on_layer_forward(self, layer_idx: int, stats: LayerStats) -> None:
            self.seen += 1

    net, observer = Network.of(4, [Dense(4, 2)], seed=0), Counting(budget=0.2)
    net.set_observer(observer)
    x = np.random.default_rng(0).normal(size=(400, 4))
    net.fit(x, (x[:, 0] > 0).astype(int), TrainingConfig(batch_size=4, epochs=3))
    assert 1 < observer.seen < 300
    assert observer.measured_share is not None and 0 <= observer.measured_share < 0.3


def test_histograms_count_every_finite_output() -> None:
    class Notes(Observer):
        def on_layer_forward(self, layer_idx: int, stats: LayerStats) -> None:
            self.stats = stats

    net, notes = Network.of(4, [Dense(4, 8, "relu")], seed=0), Notes(histograms=True, output_values=True)
    net.set_observer(notes)
    net.forward(np.random.default_rng(0).normal(size=(64, 4)))
    counts, values = notes.stats.histogram, notes.stats.output_values
    assert counts is not None and values is not None
    assert len(counts) == BINS == len(histogram_edges())
    assert sum(counts) == values.size
    low, high = next(edge for edge in histogram_edges() if edge[0] <= 0.5 < edge[1])
    assert counts[histogram_edges().index((low, high))] == ((values >= low) & (values < high)).sum()
    assert counts[BINS // 2] == (values == 0).sum()
