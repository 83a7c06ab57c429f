"""`mlpctl compare`: what differs is said, what does not is not, and better means better beyond chance."""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlpctl.errors import UsageError
from mlpctl.report.compare.environments import differing
from mlpctl.report.compare.experiments import differences
from mlpctl.report.compare.folders import compare_results
from mlpctl.report.compare.paired_test import judge
from mlpctl.runner import sweep
from mlpctl.store.results import load
from mlpctl.system import facts as machine
from tests.helpers.cli import Cli
from tests.helpers.synthetic import write

SWEEP = ("sweep", "--dataset", "iris", "--widths", "8", "--epochs", "4", "--seeds", "3", "-q")


def told(cli: Cli, *arguments: object) -> dict[str, list[dict[str, Any]]]:
    done = cli("compare", *arguments, "--format", "json")
    assert done.code == 0, done.err
    return {title.partition(":")[0]: rows for title, rows in json.loads(done.out).items()}


def said(rows: list[dict[str, Any]]) -> list[str]:
    return [row["B is"] for row in rows]


def test_a_folder_is_equal_to_itself_and_to_its_repetition(cli: Cli) -> None:
    for name in ("a", "b"):
        assert cli(*SWEEP, "--axis", "lr=0.01,0.1", "--name", name).code == 0
    for other in ("results/a", "results/b"):
        found = told(cli, "results/a", other)
        assert not found["Experiment"]
        assert not found["Environment"]
        assert said(found["iris"]) == ["equal", "equal"]
        assert [row["B − A"] for row in found["iris"]] == [0.0, 0.0]
        assert cli("compare", "results/a", other, "--fail-if-worse").code == 0


def test_another_engine_is_equal_up_to_rounding(cli: Cli) -> None:
    for engine in ("kernel", "reference"):
        assert cli(*SWEEP, "--axis", "lr=0.01,0.1", "--engine", engine, "--name", engine).code == 0
    found = told(cli, "results/kernel", "results/reference", "--metric", "loss")
    assert found["Environment"] == [{"what": "engine", "A": "kernel", "B": "reference"}]
    assert said(found["iris"]) == ["equal", "equal"]
    assert 0 < max(abs(row["B − A"]) for row in found["iris"]) < 1e-5


def test_what_was_asked_and_what_it_ran_on_is_told(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    cli(*SWEEP, "--axis", "lr=0.01,0.1", "--name", "a")
    facts = {**machine.environment(), "cpu": "another"}
    monkeypatch.setattr(sweep, "environment", lambda **_: facts)
    cli(*SWEEP[:-2], "5", "-q", "--axis", "lr=0.01,0.1,0.2", "--dropout", "0.2", "--name", "b", "--select-on", "test")
    found = told(cli, "results/a", "results/b")
    asked = {(row["part"], row["what"]): (row["A"], row["B"]) for row in found["Experiment"]}
    assert asked == {
        ("spec", "dropout"): (0.0, 0.2),
        ("seeds", "seeds"): ("0, 1, 2", "0, 1, 2, 3, 4"),
        ("axis", "lr"): ("0.01, 0.1", "0.01, 0.1, 0.2"),
        ("selection", "on"): ("validation", "test"),
    }
    assert found["Environment"] == [{"what": "cpu", "A": machine.cpu_model(), "B": "another"}]
    assert [row["seeds"] for row in found["iris"]] == [3, 3, None]
    assert said(found["iris"])[-1] == "only in B"
    page = " ".join(cli("compare", "results/a", "results/b").out.split())
    assert "1 configuration in B alone: lr 0.2" in page


def scores(folder: Path, shift: float, rng: random.Random, **fields: Any) -> Path:
    """Write two configurations of eight seeds; the seeds move both sides alike."""
    moves = [random.Random(seed).gauss(0.8, 0.05) for seed in range(8)]
    rows = [
        {"lr": lr, "seed": seed, "val_accuracy": moves[seed] + (shift if lr == 0.1 else 0.0) + rng.gauss(0, 0.002),
         "test_accuracy": moves[seed] + (shift if lr == 0.1 else 0.0) + rng.gauss(0, 0.002), "dtype": "float32",
         "key": f"{lr}-{seed}-{fields}", "config": f"{lr}-{fields}", **fields}
        for lr in (0.1, 0.2) for seed in range(8)
    ]  # fmt: skip
    return write(folder, rows)


def test_pairs_of_seeds_find_what_the_spread_over_seeds_hides(cli: Cli, tmp_path: Path) -> None:
    rng = random.Random(1)
    a, b = scores(tmp_path / "a", 0.0, rng), scores(tmp_path / "b", -0.01, rng, dropout=0.2)
    found = compare_results(load(a), load(b))
    rows: dict[Any, Any] = {row["lr"]: row for table in found.outcome for row in table.rows}
    assert rows[0.1]["B is"] == "worse"  # 0.01 with a standard deviation of 0.05 over seeds, 0.003 over pairs
    assert rows[0.2]["B is"] == "undecided"
    assert rows[0.1]["low"] < -0.01 < rows[0.1]["high"] < 0
    assert found.worse
    assert [row["what"] for row in found.experiment] == ["dropout"]
    assert cli("compare", a, b, "--fail-if-worse").code == 6
    assert cli("compare", a, b).code == 0
    assert cli("compare", b, a, "--fail-if-worse").code == 0
    assert [row["B is"] for table in compare_results(load(a), load(b), margin=0.02).outcome for row in table.rows] == [
        "equal"
    ] * 2
    assert not compare_results(load(a), load(b), margin=0.02).worse


def test_of_equals_few_are_called_better_or_worse() -> None:
    """200 comparisons of ten configurations of five seeds each: at least one false verdict in under 5 %, about."""
    rng = np.random.default_rng(0)
    false = sum(
        any(one.judgement in ("better", "worse") for one in judge(a, a + rng.normal(size=a.shape), better="high"))
        for a in (rng.normal(size=(5, 10)) for _ in range(200))
    )
    assert false < 20


def test_equal_accuracies_of_different_networks_prove_nothing() -> None:
    a = np.full((4, 1), 0.9)
    assert judge(a, a, better="high", step=0.05)[0].judgement == "undecided"
    assert judge(a, a, better="high", step=0.05, same=[True])[0].judgement == "equal"
    assert judge(a, a, better="low")[0].judgement == "equal"  # a loss is no share of few examples
    assert judge(a, a, better="high", step=0.05, margin=0.2)[0].judgement == "equal"
    assert judge(a[:1], a[:1] + 0.1, better="high")[0].judgement == "undecided"


def test_one_seed_gives_no_interval_and_says_so(cli: Cli) -> None:
    for name, dropout in (("a", "0"), ("b", "0.5")):
        cli(*SWEEP[:-3], "-q", "--axis", "lr=0.01,0.1", "--dropout", dropout, "--name", name)
    page = cli("compare", "results/a", "results/b")
    assert "One seed gives no interval" in page.out
    assert "95 %" not in page.out
    assert cli("compare", "results/a", "results/b", "--fail-if-worse").code == 0


def trial(folder: str, row: int = 0) -> str:
    return f"{folder}#{load(folder).trials['key'].iloc[row]}"


def test_two_trials(cli: Cli) -> None:
    for name, lr in (("a", "0.01"), ("b", "0.5")):
        cli(*SWEEP, "--axis", f"lr={lr}", "--name", name)
    found = told(cli, trial("results/a"), trial("results/b"))
    assert [(row["what"], row["A"], row["B"]) for row in found["Experiment"]] == [("lr", 0.01, 0.5)]
    a, b = (load(f"results/{name}") for name in "ab")
    for row in found["Scores at the end"]:
        gaps = (b.trials.set_index("seed")[row["score"]] - a.trials.set_index("seed")[row["score"]]).to_numpy()
        assert row["seeds"] == 3
        assert row["B − A"] == pytest.approx(gaps[0])
        assert row["difference"] == pytest.approx(gaps.mean())
        assert row["low"] < row["difference"] < row["high"]
    epochs = [row for row in found["Epochs"] if row["column"] == "train_loss"]
    assert [row["A"] for row in epochs] == list(a.epochs[a.epochs["key"] == a.trials["key"][0]]["train_loss"])
    page = " ".join(cli("compare", trial("results/a"), trial("results/b")).out.split())
    assert "They differ from epoch 1 on" in page
    assert "over 3 seeds, B − A is" in page


def test_two_trials_that_begin_alike(cli: Cli) -> None:
    """A step schedule is the constant one until its first drop."""
    for name, more in (("a", ()), ("b", ("--lr-schedule", "step", "--lr-step", "3"))):
        cli("train", "--dataset", "iris", "--epochs", 5, "--name", name, "-q", *more)
    page = " ".join(cli("compare", trial("results/a"), trial("results/b")).out.split())
    assert "They differ from epoch 4 on (lr, train_loss" in page
    assert "One seed gives no interval" in page
    same = cli("compare", trial("results/a"), trial("results/a"))
    assert "the same, bit for bit" in same.out
    prefix = cli("compare", trial("results/a")[:-8], trial("results/b")[:-8])
    assert prefix.code == 0


def test_a_trial_that_failed_can_be_compared(cli: Cli) -> None:
    cli("sweep", "--dataset", "iris", "--axis", "lr=0.1,1e30", "--epochs", 3, "--name", "r", "-q")
    rows = load("results/r").trials
    good, bad = (f"results/r#{rows.loc[rows['status'] == status, 'key'].iloc[0]}" for status in ("ok", "diverged"))
    done = cli("compare", good, bad)
    assert done.code == 0, done.err
    assert "seed 0, diverged" in done.out


def test_what_cannot_be_compared_is_said(cli: Cli, tmp_path: Path) -> None:
    a = write(tmp_path / "a", [{"val_accuracy": 0.5}])
    b = write(tmp_path / "b", [{"val_accuracy": 0.5, "dataset": "wine"}])
    c = write(tmp_path / "c", [{"test_accuracy": 0.5}])
    assert cli("compare", a, b).code == 2
    with pytest.raises(UsageError, match="different datasets"):
        compare_results(load(a), load(b))
    assert cli("compare", a, c).code == 2
    assert cli("compare", a, tmp_path / "none").code == 4
    assert cli("compare", a, f"{a}#k0").code == 2
    assert cli("compare", f"{a}#k0", f"{a}#k0", "--metric", "loss").code == 2


def test_pure_parts() -> None:
    one = {"seeds": [0], "axes": {"lr": {"log": [0.1, 1.0]}}, "search": {"method": "grid"}, "spec": {"lr": 1}}
    other = {"seeds": [0], "axes": {}, "search": {"method": "tpe"}, "spec": {"lr": 2}, "list": [{"lr": 0.1}]}
    assert {(row["part"], row["what"]) for row in differences(one, other)} == {
        ("list", "list"), ("axis", "lr"), ("search", "method")
    }  # fmt: skip
    facts = {"cpu": ("x", "y"), "numpy": ("1",), "blas openblas": ("0.3",), "only": ("z",)}
    others = {"cpu": ("y", "x"), "numpy": ("2",), "blas openblas": ("0.3, 0.4",)}
    assert differing(facts, others, sides=("A", "B")) == [{"what": "numpy", "A": "1", "B": "2"}]
