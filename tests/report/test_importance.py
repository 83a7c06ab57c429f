"""Test importance: shares against their definition, coverage of intervals, and designs that cannot tell."""

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlpctl.report.statistics.design import Refused, design_of
from mlpctl.report.statistics.importance import beyond_chance, grid_of, importance, variance_parts, variance_shares
from mlpctl.report.summary import Summary, summarize
from mlpctl.store.results import load
from tests.helpers.cli import Cli
from tests.helpers.synthetic import write

LR, UNITS = (0.1, 0.2, 0.4, 0.8), (4, 8, 16)
TRUTH = np.array([0.0, 1.0, 2.0, 4.0])[:, None] + np.array([0.0, 1.0, 0.5]) + 0.3 * np.outer([0, 1, 2, 4], [0, 1, 0.5])
PARTS = ("main 0", "main 1", "interactions", "total 0")


def grid(folder: Path, seeds: int = 3, *, scale: float = 0.05, noise: float = 0.005, skip: int = 0) -> Path:
    """Write a grid of lr and units whose scores are TRUTH, scaled, and noise."""
    rng = np.random.default_rng(0)
    cells = list(product(range(seeds), range(len(LR)), range(len(UNITS))))
    rows = [
        {"lr": LR[i], "hidden_units": UNITS[j], "widths": str(UNITS[j]), "seed": seed,
         "val_accuracy": 0.5 + scale * TRUTH[i, j] + noise * rng.normal()}
        for seed, i, j in cells[: len(cells) - skip]
    ]  # fmt: skip
    return write(folder, rows, experiment={"spec": {"dataset": "iris"}, "axes": {"lr": list(LR), "hidden_units": [4]}})


def summary_of(folder: Path) -> tuple[Summary, Any]:
    results = load(folder)
    [summary] = summarize(results)
    return summary, results.experiments


def by_definition(table: np.ndarray) -> list[float]:
    """Return the parts of a table by the definition of Sobol's indices, as expectations over independent values."""
    whole = table.var()
    first, second = table.mean(axis=1).var(), table.mean(axis=0).var()
    return [first / whole, second / whole, (whole - first - second) / whole, 1 - second / whole]


def test_without_noise_the_shares_are_sobols_indices() -> None:
    parts = variance_parts(2)
    share, low, high = variance_shares(np.stack([TRUTH] * 3), [parts[name] for name in PARTS])
    assert share == pytest.approx(by_definition(TRUTH))
    assert low == pytest.approx(share)
    assert high == pytest.approx(share)


def test_three_axes_and_their_pairs_add_up() -> None:
    rng = np.random.default_rng(1)
    table = rng.normal(size=(3, 2, 4))
    parts = {name: part(table) for name, part in variance_parts(3).items()}
    mains = sum(parts[f"main {a}"] for a in range(3))
    assert mains + parts["interactions"] == pytest.approx(table.var())
    a, b = table.mean(axis=2), table.mean(axis=(0, 2))
    expected = np.square(a - a.mean(axis=1, keepdims=True) - b + table.mean()).mean()
    assert parts["pair 0 1"] == pytest.approx(expected)
    assert parts["total 2"] == pytest.approx(table.var(axis=2).mean())


@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("noise", [0.3, 1.0])
def test_the_intervals_hold_the_truth(seeds: int, noise: float) -> None:
    rng, parts = np.random.default_rng(seeds), variance_parts(2)
    truth, repeats, held = np.array(by_definition(TRUTH)), 200, np.zeros(4)
    for _ in range(repeats):
        cells = TRUTH + noise * rng.normal(size=(seeds, 4, 3)) + 0.5 * rng.normal(size=(seeds, 1, 1))
        _, low, high = variance_shares(cells, [parts[name] for name in PARTS])
        held += (low <= truth + 1e-12) & (truth - 1e-12 <= high)
    assert (held / repeats).min() > 0.9


def test_where_nothing_matters_nothing_is_told_but_by_chance() -> None:
    rng = np.random.default_rng(3)
    told = [beyond_chance(rng.normal(size=(3, 4, 3)) + rng.normal(size=(3, 1, 1))) < 0.05 for _ in range(1000)]
    assert 0.03 < np.mean(told) < 0.07
    assert beyond_chance(np.zeros((3, 2, 2))) == 1.0
    assert beyond_chance(np.stack([TRUTH] * 3)) == 0.0


def test_a_grid_is_told_with_intervals(tmp_path: Path) -> None:
    table = importance(*summary_of(grid(tmp_path / "r")))
    assert table is not None
    assert [row["axis"] for row in table.rows] == ["lr", "hidden_units", "interactions"]
    assert [row["share"] for row in table.rows] == pytest.approx(by_definition(TRUTH)[:3], abs=0.02)
    for row in table.rows:
        low, share, high = (float(row[name] or 0) for name in ("low", "share", "high"))
        assert 0 <= low <= share <= high <= 1


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"seeds": 2}, "chance is known from 3 seeds on, and 2 cover the grid; --seeds 3"),
        ({"seeds": 3, "skip": 1}, "chance is known from 3 seeds on, and 2 cover the grid"),
        ({"seeds": 1, "skip": 2}, "2 of the 12 cells of the grid have no score"),
        ({"scale": 0.0}, "do not differ by more than seeds do"),
        ({"scale": 0.0, "noise": 0.0}, "do not differ by more than seeds do"),
    ],
)
def test_designs_that_cannot_tell_are_refused(tmp_path: Path, given: dict[str, Any], reason: str) -> None:
    table = importance(*summary_of(grid(tmp_path / "r", **given)))
    assert table is not None
    assert not table.rows
    assert reason in table.notes[0]


def test_what_moves_together_is_one_axis_and_what_follows_is_none(tmp_path: Path) -> None:
    def rows(seed: int) -> list[dict[str, Any]]:
        return [
            {"lr": lr, "hidden_units": units, "widths": str(units), "activation": a, "init": i, "seed": seed,
             "val_accuracy": lr + (a == "tanh") / 10 + seed / 100 + units * lr * seed / 1e4}
            for lr, units in ((0.1, 4), (0.2, 8), (0.4, 16)) for a, i in (("relu", "he"), ("tanh", "xavier"))
        ]  # fmt: skip

    asked = {"axes": {"lr": [0.1], "hidden_units": [4], "activation": ["relu"]}}
    folder = write(tmp_path / "r", [row for seed in range(3) for row in rows(seed)], experiment=asked)
    table = importance(*summary_of(folder))
    assert table is not None
    assert {str(row["axis"]) for row in table.rows} == {"lr + hidden_units", "activation", "interactions"} or {
        str(row["axis"]) for row in table.rows
    } == {"hidden_units + lr", "activation", "interactions"}
    assert any("moved together" in note for note in table.notes)


def drawn(folder: Path, count: int, *, effect: float, method: str = "random") -> Path:
    """Write a random search in which the logarithm of lr has an effect and units have none."""
    rng = np.random.default_rng(5)
    rows = []
    for _ in range(count):
        lr, units = float(10 ** rng.uniform(-3, 0)), int(rng.integers(2, 64))
        score = 0.5 + effect * np.sin(np.log10(lr)) + 0.01 * rng.normal()
        rows.append({"lr": lr, "hidden_units": units, "widths": str(units), "val_accuracy": score, "epochs": 1})
    if method == "halving":
        rows += [{**row, "epochs": 9, "config": f"more {row['lr']}"} for row in rows if row["val_accuracy"] > 0.5]
    axes = {"lr": {"log": [0.001, 1.0]}, "hidden_units": {"int": [2, 64]}}
    return write(folder, rows, experiment={"axes": axes, "search": {"method": method}})


@pytest.mark.parametrize("method", ["random", "halving"])
def test_a_forest_tells_of_what_was_drawn(tmp_path: Path, method: str) -> None:
    summary, experiments = summary_of(drawn(tmp_path / "r", 80, effect=0.2, method=method))
    refused = importance(summary, experiments)
    assert refused is not None
    assert "were drawn and are no grid; --importance" in refused.notes[0]
    table = importance(summary, experiments, forest=True)
    assert table is not None
    first, second = table.rows
    assert (first["axis"], second["axis"]) == ("lr", "hidden_units")
    assert float(first["low"] or 0) > 0.5
    assert float(second["high"] or 0) < 0.1
    assert any("Of the trials with 1 epochs" in note for note in table.notes) == (method == "halving")


@pytest.mark.parametrize(
    ("count", "effect", "reason"), [(20, 0.2, "needs 24 at least"), (60, 0.0, "so it does not know what the axes do")]
)
def test_a_forest_that_knows_nothing_is_refused(tmp_path: Path, count: int, effect: float, reason: str) -> None:
    table = importance(*summary_of(drawn(tmp_path / "r", count, effect=effect)), forest=True)
    assert table is not None
    assert reason in table.notes[0]


def test_an_axis_that_some_configurations_have_goes_to_the_forest(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    rows = [
        {"optimizer": o, "momentum": m, "lr": lr, "config": f"{o} {m} {lr}", "seed": seed,
         "val_accuracy": 0.5 + 0.2 * (o == "momentum") + 0.01 * rng.normal()}
        for seed in range(3) for lr in np.linspace(0.1, 1, 12).tolist()
        for o, m in (("sgd", None), ("momentum", 0.5), ("momentum", 0.9))
    ]  # fmt: skip
    asked = {"axes": {"optimizer": ["sgd"], "momentum": {"values": [0.5], "when": {}}, "lr": [0.1]}}
    summary, experiments = summary_of(write(tmp_path / "r", rows, experiment=asked))
    design = design_of(summary, experiments)
    assert set(design.factors) == {"momentum + optimizer", "lr"}  # one says the other, so nothing tells them apart
    assert grid_of(design, "val_accuracy").shape in {(3, 12, 3), (3, 3, 12)}


def test_nothing_that_varies_is_no_design(tmp_path: Path) -> None:
    summary, experiments = summary_of(write(tmp_path / "r", [{"val_accuracy": 0.5}]))
    assert importance(summary, experiments) is None
    with pytest.raises(Refused, match="nothing varies"):
        design_of(summary, experiments)


def test_the_section_of_the_report(cli: Cli, tmp_path: Path) -> None:
    grid(tmp_path / "r")
    assert "MATTERS  lr " in cli("report", "r").out
    assert "**MATTERS** lr " in cli("report", "r", "--format", "md").out
    assert "Importance for validation accuracy" in cli("report", "r", "--stats").out
    rows = json.loads(cli("report", "r", "--format", "json", "--importance").out)
    assert [row["axis"] for row in rows] == ["lr", "hidden_units", "interactions"]
    grid(tmp_path / "two", seeds=2)
    assert "Not told: chance is known from 3 seeds on" in cli("report", "two").out
    refused = cli("report", "two", "--format", "json", "--importance")
    assert refused.code == 2
    assert "a forest over 2 axes needs 24 at least" in refused.err
