"""Estimates and verdicts on simulated machines, where the truth is known: how often they hold, and are found."""

from collections import Counter

import numpy as np
import pytest

from mlpctl.bench import timing_statistics
from mlpctl.bench.sampling import MOST_LOOKS, Samples, next_look
from mlpctl.bench.timing_statistics import (
    CONFIDENCE_PER_LOOK,
    MATTERS,
    block_length,
    compare_times,
    estimate,
    median_interval,
    ratio_interval,
    sign_interval,
    verdict_of,
)
from tests.helpers.noises import NOISES, Noise, crowded, lognormal

MOST = 768
"""Rounds of a minute's budget, and of these tests."""


@pytest.fixture(autouse=True)
def _few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing_statistics, "RATIO_RESAMPLES", 400)


def taken(noise: Noise, true: list[float], rounds: int, rng: np.random.Generator) -> Samples:
    """Return the samples of workloads that truly take `true` seconds, in an order drawn anew in each round."""
    works = len(true)
    order = np.array([rng.permutation(works) for _ in range(rounds)])
    times = np.empty((rounds, works))
    np.put_along_axis(times, order, noise(rounds * works, rng).reshape(rounds, works), axis=1)
    times *= true
    nothing = np.zeros(times.shape, bool).tolist()
    return Samples(tuple(range(works)), times.tolist(), nothing)


def verdicts(noise: Noise, ratio: float, repetitions: int = 25) -> Counter[str]:
    """Return how often each verdict is given by the whole procedure: looks at 24, 48, … rounds until both are clear."""
    rng, said = np.random.default_rng(0), Counter[str]()
    for _ in range(repetitions):
        whole, n = taken(noise, [1.0, ratio, ratio], MOST, rng), 12
        while True:
            n = min(next_look(n), MOST)
            some = Samples(whole.workloads, whole.rounds[:n], whole.marks[:n])
            words = [compare_times(some, work, 0).verdict for work in (1, 2)]
            if n >= MOST or "undecided" not in words:
                break
        said.update(words)
    return said


@pytest.mark.parametrize("noise", NOISES, ids=lambda noise: noise.__name__)
def test_equals_are_the_same_and_differences_are_found(noise: Noise) -> None:
    equal = verdicts(noise, 1.0)
    assert equal["same"] >= 47  # of 50
    assert equal["slower"] + equal["faster"] < 3
    assert verdicts(noise, 1.1, 10)["slower"] >= 18  # of 20
    assert verdicts(noise, 1 / 1.1, 10)["faster"] >= 18


@pytest.mark.parametrize("noise", [lognormal, crowded], ids=lambda noise: noise.__name__)
def test_a_difference_just_as_large_as_matters_is_neither_same_nor_slower(noise: Noise) -> None:
    said = verdicts(noise, 1 + MATTERS, 10)
    assert said["same"] <= 2
    assert said["slower"] <= 2
    assert said["faster"] == 0


def test_few_or_wild_runs_decide_nothing() -> None:
    rng = np.random.default_rng(0)
    assert compare_times(taken(lognormal, [1.0, 2.0], 6, rng), 1, 0).verdict == "undecided"
    wild = taken(lambda n, r: np.exp(r.normal(size=n)), [1.0, 1.0], 48, rng)
    assert compare_times(wild, 1, 0).verdict == "undecided"


def test_runs_that_lost_the_processor_are_left_out_but_not_where_few_remain() -> None:
    samples = taken(lognormal, [1.0, 1.0], 100, np.random.default_rng(0))
    for number in range(0, 100, 2):  # another program runs whenever the first work does
        samples.rounds[number][1] *= 9
        samples.marks[number][1] = True
    judged = compare_times(samples, 1, 0)
    assert judged.rounds == 50
    assert judged.ratio == pytest.approx(1.0, abs=0.03)
    samples.marks = [[True, True]] * 95 + [[False, False]] * 5
    assert compare_times(samples, 1, 0).rounds == 100


def test_a_verdict_is_per_useful_operation() -> None:
    samples = taken(lognormal, [1.0, 8.0], 96, np.random.default_rng(0))
    assert compare_times(samples, 1, 0, scale=1 / 8).verdict == "same"
    assert compare_times(samples, 1, 0).ratio == pytest.approx(8.0, rel=0.03)


def test_the_sign_interval_holds_the_median_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    ends = [sign_interval(rng.standard_cauchy(30), 0.9) for _ in range(2000)]
    share = np.mean([low <= 0 <= high for low, high in ends])
    assert 0.90 <= share <= 0.97  # 30 coins have no interval of exactly 90 %
    assert sign_interval(np.zeros(5), 0.99) == (-np.inf, np.inf)
    gaps = np.arange(20.0)
    assert sign_interval(gaps, 0.95) == (5.0, 14.0)  # of 20 coins, 5 or fewer: 2.07 %; tables of the sign test


def test_the_interval_is_never_narrower_than_its_signs() -> None:
    x = np.random.default_rng(0).normal(size=60)
    low, high = ratio_interval(x)
    signs = sign_interval(x, CONFIDENCE_PER_LOOK)
    assert low <= signs[0] < signs[1] <= high


def test_words() -> None:
    margin = np.log1p(MATTERS)
    assert [
        verdict_of(a * margin, b * margin, MATTERS) for a, b in ((-0.9, 0.9), (1.1, 2), (-2, -1.1), (0.5, 1.5))
    ] == [
        "same",
        "slower",
        "faster",
        "undecided",
    ]
    assert next_look(next_look(0) * 2 ** (MOST_LOOKS - 1)) > 20_000


def series(n: int, rho: float, rng: np.random.Generator) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    x = rng.normal(size=n)
    for i in range(1, n):
        x[i] = rho * x[i - 1] + np.sqrt(1 - rho**2) * x[i]
    return np.exp(0.1 * x)


@pytest.mark.parametrize("rho", [0.0, 0.7])
def test_intervals_of_medians_hold_the_truth_though_neighbours_are_alike(rho: float) -> None:
    rng = np.random.default_rng(0)
    drawn = [median_interval(series(400, rho, rng), resamples=200) for _ in range(150)]
    assert 0.88 <= np.mean([low <= 1.0 <= high for low, high in drawn]) <= 0.99


def test_blocks_are_as_long_as_slow_moments() -> None:
    rng = np.random.default_rng(1)
    assert block_length(series(400, 0.0, rng)) <= 3
    assert block_length(series(400, 0.9, rng)) >= 10
    assert block_length(np.ones(100)) == 1
    assert block_length(np.array([1.0, 2.0])) == 1


def test_an_estimate_of_one_run_is_that_run() -> None:
    assert (one := estimate(np.array([2.0]))).low == one.median == one.high == 2.0
    assert one.iqr == 0.0
