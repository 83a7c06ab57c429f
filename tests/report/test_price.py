"""Test the price of a search beside a grid and random search, counted from the store."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlpctl.report.statistics.price import price
from mlpctl.report.summary import summarize
from mlpctl.store.results import load
from tests.helpers.synthetic import write

SPEC = {"dataset": "iris", "epochs": 9}


def told(folder: Path, rows: list[dict[str, Any]], experiment: Mapping[str, Any]) -> str:
    write(folder, rows, experiment={"spec": SPEC, **experiment})
    results = load(folder)
    [summary] = summarize(results)
    table = price(summary, results.experiments[0])
    return "" if table is None else " ".join(table.notes)


def rungs(schedule: str = "constant") -> list[dict[str, Any]]:
    """Return what halving with eta 3 trains of nine configurations."""
    lrs = [round(0.1 * k, 1) for k in range(1, 10)]
    return [
        {"lr": lr, "epochs": epochs, "epochs_done": epochs, "lr_schedule": schedule, "config": f"{lr} {epochs}",
         "val_accuracy": lr}
        for epochs, among in ((1, lrs), (3, lrs[-3:]), (9, lrs[-1:])) for lr in among
    ]  # fmt: skip


def test_epochs_of_a_search_over_epochs(tmp_path: Path) -> None:
    listed = {"axes": {"lr": [round(0.1 * k, 1) for k in range(1, 10)]}, "search": {"method": "halving"}}
    said = told(tmp_path / "a", rungs(), listed)
    # 9 begin with 1 epoch, 3 of them go on to 3, 1 of these to 9: 9 + 3 * 2 + 6
    assert (
        "halving trained 21 model-epochs; its 9 configurations (the whole grid) with 9 epochs each would be 81" in said
    )
    assert "26% of them" in said
    assert "one certain configuration of the 9 after 45 model-epochs on average" in said  # the fifth of nine
    assert "not known" in said
    said = told(tmp_path / "b", rungs("cosine"), listed)  # each rung is trained from the start: 9 + 9 + 9
    assert "halving trained 27 model-epochs" in said
    said = told(
        tmp_path / "c", rungs(), {"axes": {"lr": [0.01 * k for k in range(1, 37)]}, "search": {"method": "asha"}}
    )
    assert "The grid has 36 configurations: 324 model-epochs." in said
    said = told(tmp_path / "d", rungs(), {"axes": {"lr": {"log": [0.1, 0.9]}}, "search": {"method": "halving"}})
    assert "grid" not in said


def test_what_draws_cost_beside_the_grid(tmp_path: Path) -> None:
    rows = [{"lr": lr, "epochs": 9, "epochs_done": 9, "val_accuracy": lr} for lr in (0.1, 0.2, 0.3)]
    said = told(tmp_path / "a", rows, {"axes": {"lr": [0.1 * k for k in range(1, 13)]}, "search": {"method": "tpe"}})
    assert "tpe trained 27 model-epochs; the grid of 12 configurations would be 108: 25% of it." in said
    assert "How good the other 9 are is not known" in said
    said = told(tmp_path / "b", rows, {"axes": {"lr": {"lin": [0.1, 0.9]}}, "search": {"method": "gp"}})
    assert "the axes are ranges, so no grid has a price" in said


def test_nothing_searched_has_no_price(tmp_path: Path) -> None:
    assert not told(tmp_path / "a", [{"val_accuracy": 0.5}], {})
    grid = [{"lr": lr, "seed": seed, "val_accuracy": lr} for lr in (0.1, 0.2) for seed in range(3)]
    assert not told(tmp_path / "c", grid, {"axes": {"lr": [0.1, 0.2]}, "seeds": [0, 1, 2]})
    odd = {"axes": {"no_such_field": [1, 2]}}
    assert not told(tmp_path / "b", [{"lr": lr, "val_accuracy": 0.5} for lr in (0.1, 0.2)], odd)
