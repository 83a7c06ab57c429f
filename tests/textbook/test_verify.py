"""Published figures: how they are checked, and what a wrong [[expect]] is told."""

from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlpctl.errors import UsageError
from mlpctl.runner.expect_table import DERIVATIVE, MEASURES, ExpectTable
from mlpctl.runner.experiment_file import read_experiment
from mlpctl.textbook import measures
from mlpctl.textbook.figure_check import check_figure, half_a_digit, run_interval
from tests.helpers.cli import Cli


def verdict_on(values: Any, **fields: Any) -> str:
    """Return the verdict on values, one a trial or an array of epochs a trial."""
    expect = ExpectTable(**{"figure": "f", "measure": "test_accuracy", **fields})
    return check_figure(
        expect, {str(k): np.atleast_1d(np.array(v, dtype=np.float64)) for k, v in enumerate(values)}
    ).verdict


def test_a_single_published_run_is_judged_by_where_single_runs_lie() -> None:
    rng = np.random.default_rng(0)
    ours = rng.normal(0.9, 0.01, 20)
    assert verdict_on(ours, published=0.92, compare="draw") == "reproduced"  # far from the mean's interval
    assert verdict_on(ours, published=0.95, compare="draw") == "not reproduced"
    assert verdict_on(ours, published=0.95, compare="draw", tolerance=0.03) == "reproduced"
    assert verdict_on(ours[:2], published=0.9, compare="draw") == "undecided"


def test_of_draws_from_our_own_distribution_one_in_a_hundred_is_refused() -> None:
    rng = np.random.default_rng(1)
    for n in (5, 200):
        refused = sum(
            verdict_on(rng.normal(size=n), published=float(rng.normal()), compare="draw") == "not reproduced"
            for _ in range(300)
        )
        assert refused < 9


def test_bounds_hold_for_every_trial_and_reached_for_one() -> None:
    assert verdict_on([1, 1, 1], published=1, compare="at_least") == "reproduced"
    assert verdict_on([1, 1, 0.75], published=1, compare="at_least") == "not reproduced"
    assert verdict_on([0.5, 0.75], published=0.75, compare="at_most") == "reproduced"
    assert verdict_on([[0.5, 1.0, 0.75]], published=0.75, compare="at_most", epoch="every") == "not reproduced"
    assert verdict_on([0.5, 1.0], published=1, compare="reached") == "reproduced"
    assert verdict_on([0.5, 0.75], published=1, compare="reached") == "not reproduced"


def test_near_goes_by_the_mean() -> None:
    assert verdict_on([6.75], published=6.75, compare="near") == "reproduced"
    assert verdict_on([1.0, 3.0], published=2.1, compare="near", tolerance=0.2) == "reproduced"
    assert verdict_on([1.0, 3.0], published=2.1, compare="near", tolerance=0.05) == "not reproduced"


def test_properties_compare_our_trials_with_themselves() -> None:
    assert verdict_on([[3, 2, 1], [5, 4, 3]], compare="falls") == "reproduced"
    assert verdict_on([[3, 2, 1], [5, 4, 4]], compare="falls") == "not reproduced"
    assert verdict_on([[3, 2], [3, 2 + 1e-9]], compare="same", tolerance=1e-8) == "reproduced"
    assert verdict_on([[3, 2], [3, 2.1]], compare="same", tolerance=1e-8) == "not reproduced"
    assert verdict_on([[3, 2]], compare="same") == "undecided"


def test_a_trial_that_diverged_reproduces_nothing() -> None:
    assert verdict_on([0.9, float("nan")], published=0.9, compare="draw") == "not reproduced"
    assert verdict_on([], published=0.9, compare="near") == "not reproduced"


def test_the_interval_of_one_more_run_covers_it() -> None:
    """Against scipy's normal: with a large n, 2.576 standard deviations."""
    values = np.random.default_rng(2).normal(size=99)
    low, high = run_interval(values, single=True, level=0.99)
    assert (low, high) == pytest.approx((-2.6, 2.6), abs=0.6)
    assert run_interval(values, single=False, level=0.95)[1] == pytest.approx(values.mean() + 0.2, abs=0.05)


@pytest.mark.parametrize(("published", "half"), [(0.4982, 5e-5), (-2.533, 5e-4), (5e-05, 5e-06), (6.75, 0.005)])
def test_a_figure_is_as_exact_as_it_is_printed(published: float, half: float) -> None:
    assert half_a_digit(published) == pytest.approx(half)


def test_every_mistake_in_an_expectation_is_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(
        '[spec]\ndataset = "iris"\n'
        '[[expect]]\nfigure = "a"\nmeasure = "test_acuracy"\npublished = 0.9\ncompare = "draw"\n'
        '[[expect]]\nfigure = "b"\nmeasure = "test_loss"\ncompare = "near"\n'
        '[[expect]]\nfigure = "c"\nmeasure = "weight_error"\npublished = 0.1\ncompare = "draw"\n'
        '[[expect]]\nfigure = "d"\nmeasure = "test_loss"\ncompare = "falls"\nwhere = { widht = 3 }\n',
        "utf-8",
    )
    with pytest.raises(UsageError) as told:
        read_experiment(file)
    first, second, third, fourth = told.value.problems
    assert "did you mean 'test_accuracy'?" in first
    assert "needs a published value" in second
    assert "is asked for index" in third
    assert "where must name fields of a spec, got 'widht'" in fourth


def test_a_figure_that_is_not_reproduced_ends_with_six(cli: Cli, tmp_path: Path) -> None:
    text = '[spec]\ndataset = "gates"\nmodel = "gate"\n[select]\non = "test"\n[[expect]]\nfigure = "rows right"\n'
    text += 'measure = "test_accuracy"\ncompare = "near"\npublished = '
    for published, code in ((1.0, 0), (0.5, 6)):
        (tmp_path / "gate.toml").write_text(f"{text}{published}\n", "utf-8")
        done = cli("verify", "gate.toml", "--format", "csv")
        assert done.code == code
        assert ("not reproduced" in done.out) == (code == 6)
    assert "0 of 1 published figures reproduced, 1 not reproduced" in done.err
    (tmp_path / "gate.toml").write_text('[spec]\ndataset = "gates"\n[select]\non = "test"\n', "utf-8")
    assert cli("verify", "gate.toml").code == 2


def test_every_measure_has_its_function_and_what_it_is_asked_for() -> None:
    for name, needed in MEASURES.items():
        if name != DERIVATIVE:
            assert list(signature(getattr(measures, name)).parameters) == ["saved", *needed]
