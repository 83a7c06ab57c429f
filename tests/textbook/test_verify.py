"""Published figures: how they are checked, and what a wrong [[expect]] is told."""

from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from mlpctl.errors import UsageError
from mlpctl.runner.expect_table import FACT, MEASURES, ExpectTable, decimals_of
from mlpctl.runner.experiment_file import read_experiment
from mlpctl.runner.shipped_experiments import experiments_folder
from mlpctl.store.weights import read_weights
from mlpctl.textbook import measures
from mlpctl.textbook.bow_tutorial import tutorial_draws, write_initial_weights
from mlpctl.textbook.figure_check import VERDICTS, as_printed, check_figure, headline, run_interval, share_below
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
    assert verdict_on(ours, published=0.91, compare="draw") == "typical"  # far from the mean's interval
    assert verdict_on(ours, published=0.92, compare="draw") == "lucky"
    assert verdict_on(ours, published=0.88, compare="draw") == "unusual"
    assert verdict_on(ours, published=0.88, compare="draw", measure="test_loss") == "lucky"
    assert verdict_on(ours, published=0.95, compare="draw") == "contradicted"
    assert verdict_on(ours[:2], published=0.9, compare="draw") == "undecided"


def test_what_accepts_a_fifth_of_the_value_reproduces_nothing() -> None:
    ours = np.random.default_rng(0).normal(0.9, 0.1, 20)
    assert verdict_on(ours, published=0.9, compare="draw") == "not contradicted"
    assert verdict_on(ours, published=0.1, compare="draw") == "contradicted"
    assert verdict_on(np.full(5, 0.9), published=0.9, compare="draw", tolerance=0.2) == "not contradicted"


def test_of_draws_from_our_own_distribution_one_in_a_hundred_is_refused() -> None:
    rng = np.random.default_rng(1)
    for n in (5, 200):
        verdicts = [
            verdict_on(rng.normal(9, 0.1, size=n), published=float(rng.normal(9, 0.1)), compare="draw")
            for _ in range(300)
        ]
        assert verdicts.count("contradicted") < 9
        assert 0.05 < (verdicts.count("lucky") + verdicts.count("unusual")) / 300 < 0.15


def test_the_percentile_is_that_of_the_predictive_distribution() -> None:
    values = np.random.default_rng(3).normal(size=8)
    spread = values.std(ddof=1) * np.sqrt(1 + 1 / 8)
    for at in (-1.0, 0.2, 2.0):
        assert share_below(values, at) == pytest.approx(stats.t.cdf((at - values.mean()) / spread, 7))
    assert share_below(np.arange(100.0), 9.0) == pytest.approx(0.095)
    assert [share_below(np.ones(5), at) for at in (0.0, 1.0, 2.0)] == [0, 0.5, 1]


def test_digits_are_those_that_are_printed() -> None:
    assert verdict_on([-2.53301], published=-2.533, decimals=4, compare="digits") == "exact"
    assert verdict_on([-2.5331], published=-2.533, decimals=4, compare="digits") == "contradicted"
    assert verdict_on([-2.5331], published=-2.533, compare="digits") == "exact"
    assert verdict_on([0.25, 0.2501], published=0.25, decimals=4, compare="digits") == "contradicted"
    assert (as_printed(-0.00001, 4), as_printed(-1.0, 0), as_printed(13.5, 2)) == ("0.0000", "-1", "13.50")


def test_bounds_hold_for_every_trial_and_reached_for_one() -> None:
    assert verdict_on([1, 1, 1], published=1, compare="at_least") == "holds"
    assert verdict_on([1, 1, 0.75], published=1, compare="at_least") == "fails"
    assert verdict_on([0.5, 0.75], published=0.75, compare="at_most") == "holds"
    assert verdict_on([[0.5, 1.0, 0.75]], published=0.75, compare="at_most", epoch="every") == "fails"
    assert verdict_on([0.5, 1.0], published=1, compare="reached") == "holds"
    assert verdict_on([0.5, 0.75], published=1, compare="reached") == "fails"


def test_near_goes_by_the_mean() -> None:
    assert verdict_on([6.75], published=6.75, compare="near") == "holds"
    assert verdict_on([1.0, 3.0], published=2.1, compare="near", tolerance=0.2) == "holds"
    assert verdict_on([1.0, 3.0], published=2.1, compare="near", tolerance=0.05) == "fails"


def test_properties_compare_our_trials_with_themselves() -> None:
    assert verdict_on([[3, 2, 1], [5, 4, 3]], compare="falls") == "holds"
    assert verdict_on([[3, 2, 1], [5, 4, 4]], compare="falls") == "fails"
    assert verdict_on([[3, 2], [3, 2 + 1e-9]], compare="same", tolerance=1e-8) == "holds"
    assert verdict_on([[3, 2], [3, 2.1]], compare="same", tolerance=1e-8) == "fails"
    assert verdict_on([[3, 2]], compare="same") == "undecided"


def test_a_trial_that_diverged_reproduces_nothing() -> None:
    assert verdict_on([0.9, float("nan")], published=0.9, compare="draw") == "contradicted"
    assert verdict_on([], published=0.9, compare="near") == "fails"


def test_a_finding_is_a_failure_where_it_does_not_come_out() -> None:
    for found, failed in ((0.5, False), (0.9, True)):
        expect = ExpectTable(
            figure="f", measure="test_accuracy", published=found, compare="draw", finding="contradicted"
        )
        assert check_figure(expect, {str(k): np.array([0.9 + 0.001 * k]) for k in range(5)}).failed is failed


def test_the_headline_counts_numbers_and_properties() -> None:
    assert (
        headline(["exact", "holds", "lucky", "exact"]) == "3 printed numbers: 2 exact, 1 lucky; 1 properties: 1 holds"
    )
    assert sum(int(part.split()[0]) for part in headline(VERDICTS).split("; ")) == len(VERDICTS)


def test_the_interval_of_one_more_run_covers_it() -> None:
    """Against scipy's normal: with a large n, 2.576 standard deviations."""
    values = np.random.default_rng(2).normal(size=99)
    low, high = run_interval(values, single=True, level=0.99)
    assert (low, high) == pytest.approx((-2.6, 2.6), abs=0.6)
    assert run_interval(values, single=False, level=0.95)[1] == pytest.approx(values.mean() + 0.2, abs=0.05)


@pytest.mark.parametrize(("value", "digits"), [(0.4982, 4), (-2.533, 3), (5e-05, 5), (6.0, 0), (1875, 0), (0.0, 0)])
def test_a_figure_has_the_digits_that_it_is_written_with(value: float, digits: int) -> None:
    assert decimals_of(value) == digits


def test_numbers_of_a_list_have_the_digits_of_the_longest() -> None:
    expect = ExpectTable(figure="f", measure="biases", published=[0.1, -0.0828], compare="digits")
    assert [(one.number, one.decimals, one.figure) for one in expect.single()] == [(1, 4, "f"), (2, 4, "f")]


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
        assert ("fails" in done.out) == (code == 6)
    assert "1 properties: 1 fails" in done.err
    (tmp_path / "gate.toml").write_text('[spec]\ndataset = "gates"\n[select]\non = "test"\n', "utf-8")
    assert cli("verify", "gate.toml").code == 2


def test_every_measure_has_its_function_and_what_it_is_asked_for() -> None:
    for name, needed in MEASURES.items():
        if name != FACT:
            assert list(signature(getattr(measures, name)).parameters) == ["saved", *needed]


def test_the_initial_weights_of_langid_are_those_that_the_tutorial_draws(tmp_path: Path) -> None:
    write_initial_weights(tmp_path / "again.safetensors")
    committed = read_weights(experiments_folder() / "langid.safetensors")
    again = read_weights(tmp_path / "again.safetensors")
    assert {name: array.tolist() for name, array in committed.items()} == {k: a.tolist() for k, a in again.items()}


def test_drawing_leaves_the_generator_where_it_was() -> None:
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    tutorial_draws.cache_clear()
    tutorial_draws()
    assert torch.equal(torch.rand(1), expected)


def test_weights_beside_an_experiment_file_travel_with_it(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "given").mkdir()
    for name in ("langid.toml", "langid.safetensors"):
        (tmp_path / "given" / name).write_bytes((experiments_folder() / name).read_bytes())
    assert cli("verify", "given/langid.toml", "--format", "csv").code == 0
