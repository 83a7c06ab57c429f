"""Student's t, Fisher's F and the normal distribution agree with scipy's."""

import numpy as np
import pytest
from scipy import special

from mlpctl.report.statistics.student import f_tail, normal, t95, t_quantile, t_tail

FREEDOM = (0.7, 1, 2, 2.5, 3, 9, 30, 99, 1000)


@pytest.mark.parametrize("freedom", FREEDOM)
def test_tails_of_student_s_t(freedom: float) -> None:
    t = np.array([0, 1e-6, 0.1, 0.5, 1, 2, 3, 5, 10, 100, np.inf])
    assert t_tail(t, freedom) == pytest.approx(special.stdtr(freedom, -t), rel=1e-9, abs=1e-300)
    assert np.isnan(t_tail(np.nan, freedom))


@pytest.mark.parametrize("p", [0.51, 0.9, 0.975, 0.995, 0.9999])
def test_quantiles_of_student_s_t(p: float) -> None:
    assert t_quantile(p, FREEDOM) == pytest.approx(special.stdtrit(FREEDOM, p), rel=1e-10)


def test_half_an_interval() -> None:
    assert t95(4) == pytest.approx(2.7764451, abs=1e-7)  # any table of the distribution


@pytest.mark.parametrize("freedom", [(1, 1), (5, 20), (63, 400), (300, 9000)])
def test_tails_of_fisher_s_f(freedom: tuple[int, int]) -> None:
    for f in (0.0, 1e-6, 0.5, 1.0, 1.1, 3.0, 50.0, 1e4):
        assert f_tail(f, *freedom) == pytest.approx(special.fdtrc(*freedom, f), rel=1e-9, abs=1e-300)


def test_the_normal_distribution() -> None:
    x = np.linspace(-9, 9, 101)
    assert normal(x) == pytest.approx(special.ndtr(x), rel=1e-12)
