"""Test the dry run: a sweep then does what it told, and nothing is written."""

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from mlpctl.cli.screens.dry_run import left_out, tables
from mlpctl.display.tables import Table
from mlpctl.runner.budget import Limits
from mlpctl.runner.dry_run import SweepPlan, epochs_of, preview, rest
from mlpctl.runner.estimate import measure, shape_of, shapes_of
from mlpctl.runner.experiment import Experiment
from mlpctl.runner.experiment_file import read_experiment
from mlpctl.runner.run_groups import run_groups
from mlpctl.runner.shard import parse_shard, sharded
from mlpctl.runner.sweep import sweep, trial_count
from mlpctl.runner.trial import trial_of
from mlpctl.runner.types import Counts, RunOptions, Stop
from mlpctl.search.axes import parse_axis
from mlpctl.search.table import Method
from tests.helpers.cli import Cli
from tests.helpers.runs import BASE, REFERENCE, Counting, experiment


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def do(what: Experiment, options: RunOptions = REFERENCE) -> Counting:
    looking = Counting()
    sweep(what, Path("results"), options, looking, Stop())
    return looking


@pytest.mark.parametrize("method", ["grid", "random", "sobol", "tpe", "gp", "halving", "asha", "hyperband"])
def test_the_plan_of_every_search_is_what_it_does(method: Method) -> None:
    what = experiment(method)
    plan = preview(what, Path("results"), REFERENCE)
    assert not Path("results").exists()
    assert plan.guessed == (method not in ("grid", "random", "sobol"))
    looking = do(what)
    planned = sum(epochs for _, epochs in plan.runs)
    if method == "asha":  # promotions follow the scores
        assert planned == pytest.approx(looking.epochs.total(), rel=0.35)
    else:
        assert (len(plan.trials), planned) == (len(looking.rows), looking.epochs.total())
    seconds, low, high = plan.seconds
    assert 0 < low <= seconds <= high
    peak, data, trial = plan.memory
    assert peak > data + trial > 0
    again = preview(what, Path("results"), REFERENCE)
    assert (again.stored, again.trials, again.left) == (len(looking.rows), [], [])


@pytest.mark.parametrize("limits", [Limits(trials=7), Limits(epochs=50), Limits(trials=13, epochs=1000)])
def test_what_is_said_to_fit_is_what_is_trained(limits: Limits) -> None:
    what = experiment(seeds=(0, 1))
    do(experiment(seeds=(0,)), RunOptions(engine="reference", limits=Limits(trials=3)))  # some are there already
    options = RunOptions(engine="reference", limits=limits)
    plan = preview(what, Path("results"), options)
    assert plan.stored == 3
    assert len(plan.trials) + len(plan.left) + plan.stored == 24
    looking = do(what, options)
    assert [trial.key for trial in plan.trials] == [row["key"] for row in looking.rows]
    assert {trial.key for trial in plan.left}.isdisjoint(row["key"] for row in looking.rows)


def test_a_time_that_is_short_leaves_out_what_comes_last() -> None:
    whole = preview(experiment(seeds=(0, 1)), Path("results"), REFERENCE)
    plan = preview(
        experiment(seeds=(0, 1)), Path("results"), RunOptions(engine="reference", limits=Limits(seconds=1e-4))
    )
    assert plan.limit == "--budget 0.0001s"
    order = [trial.key for trial in whole.trials]
    assert [trial.key for trial in (*plan.trials, *plan.left)] == order
    assert 0 < len(plan.trials) < len(order)


def test_what_is_left_out_is_listed_for_people_and_machines(cli: Cli) -> None:
    command = ("sweep", "--dataset", "iris", "--axis", "lr=0.1,0.2,0.3,0.4,0.5,0.6,0.7", "--seeds", "2",
               "--epochs", "2", "--engine", "reference", "-n", "--max-trials", "4")  # fmt: skip
    said = cli(*command).out
    assert "Left out by --max-trials 4" in said
    assert "order of training: seed by seed" in said
    assert "and 2 more configurations; --format json lists all 10 trials" in said.replace("\n", " ").replace("  ", " ")
    found = json.loads(cli(*command, "--format", "json").out)
    [line] = found["iris-mlp"]
    assert {name: line[name] for name in ("trials", "new", "fit", "left_out", "epochs")} == {
        "trials": 14, "new": 14, "fit": 4, "left_out": 10, "epochs": 8,
    }  # fmt: skip
    left = found["Left out by --max-trials 4"]
    assert Counter(row["seed"] for row in left) == {0: 3, 1: 7}
    assert [row["lr"] for row in left[:3]] == [0.5, 0.6, 0.7]
    assert not Path("results").exists()
    whole = json.loads(cli(*command[:-2], "--format", "json").out)
    assert whole[0]["new"] == 14  # one table: a list, as ever


def test_a_sweep_that_is_cut_lists_what_is_left(cli: Cli) -> None:
    command = ("sweep", "--dataset", "iris", "--axis", "lr=0.1,0.2,0.3", "--epochs", "2", "--engine", "reference",
               "--max-trials", "2")  # fmt: skip
    done = cli(*command)
    assert done.code == 7
    assert "Left out by --max-trials 2" in done.err
    assert re.search(r"0\.3 +2 +0", done.err)  # lr, epochs, seeds
    assert "0.1 " not in done.err


def test_a_part_of_an_experiment_counts_prices_and_lists_its_own_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parts are the whole, none has what another has; one of very many is measured as the whole is."""
    monkeypatch.setattr(
        "mlpctl.runner.estimate.LONG", 0.0
    )  # as where each epoch is timed by itself: some must be trained
    what = experiment(seeds=(0, 1))
    whole = {trial.key for trial in preview(what, Path("results"), REFERENCE).trials}
    found: list[str] = []
    for number in (1, 2, 3):
        part = parse_shard(f"{number}/3")
        named = sharded(what, part)
        options = replace(REFERENCE, shard=part, limits=Limits(trials=2))
        plan = preview(named, Path("results"), options)
        assert len(plan.trials) == 2
        mine = [trial.key for trial in (*plan.trials, *plan.left)]
        assert len(mine) == trial_count(named, part)
        looking = do(named, options)
        assert [row["key"] for row in looking.rows] == mine[:2]
        left = rest(named, Path("results"), options, Counts(cut="--max-trials 2"))
        assert left is not None
        assert [trial.key for trial in left.left] == mine[2:]
        found += mine
    assert sorted(found) == sorted(whole)
    few = next(shard for shard in map(parse_shard, (f"{n}/60" for n in range(1, 61))) if trial_count(what, shard) == 1)
    plan = preview(sharded(what, few), Path("results"), replace(REFERENCE, shard=few))
    assert len(plan.trials) == 1
    assert plan.seconds[0] > 0


def test_people_see_units() -> None:
    plan = preview(experiment(), Path("results"), REFERENCE)
    [table] = tables(plan, people=True)
    said = {row["what"]: str(row["number"]) for row in table.rows}
    assert re.fullmatch(r"\d+ MiB|[\d.]+ GiB", said["memory"])
    assert re.fullmatch(r"[\d.]+ (s|min) \([\d.]+ (s|min) to [\d.]+ (s|min)\)", said["time"])
    assert said["new"] == "12"
    assert isinstance(left_out(plan, people=True)[0], Table)


def test_an_estimate_knows_shapes_runs_and_epochs() -> None:
    """Two shapes; an epochs axis is one run of its largest value; seeds and learning rates do not change a shape."""
    axes = (parse_axis("widths=4;64"), parse_axis("lr=0.1,0.2"), parse_axis("epochs=2,5"))
    what = Experiment("priced", dict(BASE), axes, seeds=(0, 1))
    plan = preview(what, Path("results"), REFERENCE)
    shapes = shapes_of(plan.runs)
    assert sorted((s.example.spec.widths, s.trials, s.epochs) for s in shapes.values()) == [
        ((4,), 4, 20),
        ((64,), 4, 20),
    ]
    rates = measure(shapes, what, REFERENCE)
    for name in shapes:
        for few, many in zip(rates.seconds(name, 1, 5), rates.seconds(name, 10, 50), strict=True):
            assert 0 < few < many
    assert shape_of(plan.trials[0]) in rates.rounds


def test_survivors_cost_what_they_add() -> None:
    trials = [trial_of(experiment().specs({"lr": 0.1, "epochs": epochs}, 0)) for epochs in (1, 3, 9)]
    done: dict[str, int] = {}
    assert [epochs_of(run, done) for run in run_groups(trials, share=False)] == [1, 2, 6]
    assert [epochs_of(run, {}) for run in run_groups(trials, share=False)] == [1, 3, 9]
    cosine = [trial_of(experiment().specs({"lr_schedule": "cosine", "epochs": epochs}, 0)) for epochs in (1, 3)]
    assert [epochs_of(run, done) for run in run_groups(cosine, share=False)] == [1, 3]


def test_every_shipped_experiment_can_be_measured_from_its_resolved_spec() -> None:
    """A measurement trains resolved specs: resolving them again must change nothing."""
    for path in sorted((Path(__file__).parents[2] / "experiments").glob("*.toml")):
        what = read_experiment(path)
        proposal = next(iter(what.space().combinations())) if what.search.method == "grid" else {}
        if str(what.base.get("dataset")) in ("fashion-mnist", "table"):
            continue  # not on every machine
        trial = trial_of(what.specs(proposal, 0))
        assert trial_of(trial.spec).key == trial.key, path


def test_jobs_wait_for_the_last_of_a_batch() -> None:
    from mlpctl.runner.dry_run import _side_by_side

    assert _side_by_side([1.0] * 8, [1] * 8, 1) == 8
    assert _side_by_side([1.0], [1], 4) == 4  # one run: the other three jobs have nothing to do
    assert _side_by_side([1.0] * 8, [1] * 8, 2) == 8.5
    assert _side_by_side([1.0, 1.0, 1.0, 1.0], [1, 1, 1, 2], 2) == 3.5 + 2


LR, UNITS = "lr=log:1e-3:1:10000", "hidden_units=int:1:10000:10000"


def counted(*axes: str, limits: Limits | None = None, **fields: object) -> SweepPlan:
    what = Experiment("many", {"dataset": "iris", **fields}, axes=tuple(map(parse_axis, axes)))
    return preview(what, Path("results"), replace(REFERENCE, limits=limits or Limits()))


def test_an_experiment_of_many_trials_is_counted_and_not_walked_through() -> None:
    plan = counted(LR, UNITS, "momentum=lin:0.1:0.9:10000", optimizer="momentum", model="mlp", epochs=2)
    assert (plan.fit, plan.left_out, plan.epochs, plan.stored) == (10**12, 0, 2 * 10**12, 0)
    assert plan.left == []
    assert plan.seconds[0] > 1e6
    assert 0 < plan.sample < 1000


def test_limits_of_an_experiment_of_many_trials() -> None:
    few = counted(LR, UNITS, limits=Limits(trials=5), model="mlp", epochs=2)
    assert (few.fit, few.left_out, few.epochs, len(few.trials)) == (5, 10**8 - 5, 10, 5)
    many = counted(LR, UNITS, limits=Limits(trials=10**6), model="mlp", epochs=2)
    assert (many.fit, many.left_out, many.limit) == (10**6, 10**8 - 10**6, "--max-trials 1e+06")
    by_epochs = counted(LR, UNITS, limits=Limits(epochs=10**6), model="mlp", epochs=2)
    assert (by_epochs.fit, by_epochs.epochs) == (500_000, 10**6)
    by_time = counted(LR, UNITS, limits=Limits(seconds=60.0), model="mlp", epochs=2)
    assert 0 < by_time.fit < 10**8
    assert by_time.fit + by_time.left_out == 10**8


def test_trials_that_differ_in_epochs_alone_are_priced_once() -> None:
    plan = counted("epochs=1,2,4,8", LR, model="softmax")
    assert plan.fit == 40_000
    assert plan.epochs == pytest.approx(80_000, rel=0.01)  # 10,000 runs of 8 epochs


def test_conditional_axes_are_counted_by_arithmetic() -> None:
    axes = ["optimizer=sgd,momentum,adam", "momentum=lin:0.1:0.9:1000 when optimizer=momentum", LR, UNITS]
    space = Experiment("x", {"dataset": "gates", "model": "mlp"}, axes=tuple(map(parse_axis, axes))).space()
    assert space.size() == (1 + 1000 + 1) * 10**8
    small = ["optimizer=sgd,momentum", "momentum=0.5,0.9 when optimizer=momentum", "lr=0.1,0.2,0.3"]
    few = Experiment("x", {"dataset": "gates"}, axes=tuple(map(parse_axis, small))).space()
    assert few.size() == len(list(few.combinations())) == 9
