"""The weights of the best configuration are kept, whatever the sweep, and no others."""

from pathlib import Path

import numpy as np
import pytest

from mlpctl.store.find_trial import find
from mlpctl.store.weights import read_weights
from tests.helpers.cli import Cli

GRID = ("sweep", "--dataset", "iris", "--axis", "lr=0.001,0.3,0.1", "--widths", "8", "--name", "g", "-q")
FOLDER = Path("results/g")


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def kept() -> list[str]:
    return [path.stem for path in (FOLDER / "best").glob("*")]


def best_by_all_weights(cli: Cli, *more: str) -> tuple[str, dict[str, np.ndarray]]:
    """Return the key and the weights of the best trial of the same sweep with all weights saved."""
    assert cli(*GRID, *more, "--save", "--out", "all").code == 0
    place = find("all/g")
    return place.key, read_weights(place.file)


@pytest.mark.parametrize("engine", ["kernel", "reference", "lanes"])
@pytest.mark.parametrize(
    "more", [("--epochs", "5"), ("--axis", "epochs=2,9"), ("--search", "halving", "--epochs", "9")]
)
def test_after_a_plain_sweep_the_best_is_kept_bit_for_bit(cli: Cli, engine: str, more: tuple[str, ...]) -> None:
    if "halving" in more and engine != "kernel":
        return
    assert cli(*GRID, *more, "--engine", engine).code == 0
    key, weights = best_by_all_weights(cli, *more, "--engine", engine)
    assert kept() == [key]
    for name, array in read_weights(find("results/g").file).items():
        np.testing.assert_array_equal(array, weights[name])
    assert cli("predict", "results/g", "--index", "1").code == 0


def test_several_seeds_keep_one_of_the_best_configuration(cli: Cli) -> None:
    assert cli(*GRID, "--epochs", "5", "--seeds", "3").code == 0
    key, _ = best_by_all_weights(cli, "--epochs", "5", "--seeds", "3")
    rows = {line.split(",")[1]: line.split(",")[2] for line in (FOLDER / "trials.csv").read_text().splitlines()}
    assert [rows[name] for name in kept()] == [rows[key]]


def test_a_folder_without_the_best_weights_gets_them_once(cli: Cli) -> None:
    assert cli(*GRID, "--epochs", "5", "--no-save-best").code == 0
    assert not (FOLDER / "best").exists()
    before = (FOLDER / "trials.csv").read_bytes()
    assert cli(*GRID, "--epochs", "5").code == 0
    key, weights = best_by_all_weights(cli, "--epochs", "5")
    assert kept() == [key]
    for name, array in read_weights(find("results/g").file).items():
        np.testing.assert_array_equal(array, weights[name])
    assert (FOLDER / "trials.csv").read_bytes() == before


def test_a_better_configuration_takes_the_place_of_the_best(cli: Cli) -> None:
    assert cli(*[part.replace("0.001,0.3,0.1", "0.001,0.002") for part in GRID], "--epochs", "5").code == 0
    first = kept()
    assert cli(*GRID, "--epochs", "5").code == 0
    assert len(kept()) == 1
    assert kept() != first


def test_weights_that_were_asked_for_stay(cli: Cli) -> None:
    assert cli(*GRID, "--epochs", "5", "--save").code == 0
    assert cli(*GRID, "--epochs", "6").code == 0
    assert len(list((FOLDER / "weights").iterdir())) == 3
    assert len(kept()) == 1
    assert cli("results", "check", str(FOLDER)).code == 0
