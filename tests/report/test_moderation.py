"""Variances and correlation of few seeds, against scipy and against what they were drawn from."""

import numpy as np
import pytest
from scipy import special, stats

from mlpctl.report.statistics.moderation import moderated_variances, seed_correlation
from mlpctl.report.statistics.student import digamma, trigamma


def test_digamma_and_trigamma_are_scipys() -> None:
    x = np.array([0.05, 0.5, 1.0, 1.5, 2.0, 4.5, 30.0, 1e4])
    assert digamma(x) == pytest.approx(special.digamma(x), rel=1e-10)
    assert trigamma(x) == pytest.approx(special.polygamma(1, x), rel=1e-10)


def test_variances_are_drawn_to_their_common_value_by_two_degrees_of_freedom_at_most() -> None:
    rng = np.random.default_rng(0)
    drawn = 0.01 * rng.chisquare(2, 500) / 2  # one true variance of 0.01, three seeds
    moderated, freedom = moderated_variances(drawn, np.full(500, 2.0))
    assert freedom == pytest.approx(4.0)
    common = (moderated * 4 - drawn * 2) / 2
    assert common == pytest.approx(common[0])  # the same for all
    assert 0.005 < common[0] < 0.02
    assert (np.argsort(moderated) == np.argsort(drawn)).all()


def test_variances_that_differ_much_lend_each_other_less() -> None:
    rng = np.random.default_rng(1)
    true = 10.0 ** rng.uniform(-8, 0, 400)
    _, freedom = moderated_variances(true * rng.chisquare(9, 400) / 9, np.full(400, 9.0))
    assert 9.0 < freedom[0] < 10.0


def test_a_configuration_with_one_seed_stays_unknown() -> None:
    moderated, freedom = moderated_variances(np.array([0.1, np.nan, 0.2, 0.3]), np.array([2.0, 1.0, 2.0, 2.0]))
    assert np.isnan(moderated).tolist() == [False, True, False, False]
    assert freedom[1] == 1.0


def test_independent_seeds_have_no_correlation() -> None:
    rng = np.random.default_rng(2)
    assert np.mean([seed_correlation(rng.normal(size=(5, 9))) > 0 for _ in range(300)]) == pytest.approx(0.1, abs=0.05)


@pytest.mark.parametrize("true", [0.3, 0.9])
def test_the_correlation_is_a_lower_bound(true: float) -> None:
    """The share of tables where it exceeds the true one is the 10 % that it is made for."""
    rng, covariance = np.random.default_rng(3), np.full((9, 9), true) + np.eye(9) * (1 - true)
    draws = stats.multivariate_normal(np.zeros(9), covariance).rvs((300, 10), random_state=rng)
    found = np.array([seed_correlation(scores) for scores in draws])
    assert (found > true).mean() < 0.15
    assert found.mean() > true / 3


def test_scores_that_never_vary_say_nothing_of_correlation() -> None:
    assert seed_correlation(np.full((5, 4), 0.9)) == 0.0
    assert seed_correlation(np.random.default_rng(4).normal(size=(2, 4))) == 0.0
