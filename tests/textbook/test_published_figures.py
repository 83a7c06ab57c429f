"""Figures of the shipped experiments: all are in the committed table, and short runs on real data reproduce them."""

import csv
import re
from pathlib import Path

import pytest

from mlpctl.runner.experiment_file import read_experiment
from mlpctl.runner.shipped_experiments import experiments_with
from mlpctl.textbook.figure_check import FAILURES
from tests.helpers.cli import Cli

ROOT = Path(__file__).parents[2]
FILES = {path.stem: path for path in experiments_with("expect")}

FEWER_STEPS = {"epochs = 10": "epochs = 6\ndata = { examples = 20000 }", "batch_size = 256": "batch_size = 64"}

SHORTER = {
    "affine": {"epochs = 10": "epochs = 2\ndata = { examples = 2000 }"},
    "d2l-concise": FEWER_STEPS,
    "d2l-scratch": FEWER_STEPS,
    "keras": {"seeds = 5": "seeds = 3"},
    **{name: {"epochs = 500": "epochs = 30"} for name in FILES if name.startswith("ladder")},
}
"""Changes that let an experiment show the same in seconds; `make reproductions` trains all of it."""

FASHION_MNIST = {name for name, path in FILES.items() if "fashion-mnist" in path.read_text("utf-8")}


def test_every_figure_is_in_the_committed_table_and_reproduced() -> None:
    with (ROOT / "results" / "reproductions.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    recorded = [(row["experiment"], row["figure"], float(row["published"] or "nan")) for row in rows]
    expected = [
        (name, single.figure, float("nan") if single.published is None else single.published)
        for name, path in FILES.items()
        for expect in read_experiment(path).expect
        for single in expect.single()
    ]
    assert sorted(str(row) for row in recorded) == sorted(str(row) for row in expected)
    assert not [row for row in rows if row["verdict"] != row["finding"] and row["verdict"] in FAILURES]
    assert not [row for row in rows if row["finding"] and row["verdict"] != row["finding"]]


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.needs("fashion-mnist")] * (n in FASHION_MNIST)) for n in FILES]
)
def test_a_shipped_figure_is_reproduced(cli: Cli, tmp_path: Path, name: str) -> None:
    """With the seeds of --quick, and shorter where that shows the same."""
    text = FILES[name].read_text("utf-8")
    for long, short in SHORTER.get(name, {}).items():
        text, count = re.subn(f"^{re.escape(long)}$", short, text, flags=re.MULTILINE)
        assert count, f"{name} has no line '{long}'"
    (tmp_path / f"{name}.toml").write_text(text, "utf-8")
    for weights in FILES[name].parent.glob("*.safetensors"):
        (tmp_path / weights.name).write_bytes(weights.read_bytes())
    done = cli("verify", f"{name}.toml", "--quick", "--format", "csv")
    assert done.code == 0, done.out
