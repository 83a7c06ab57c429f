"""Reports are about the trials that the folder's experiment asked for; others are counted."""

from pathlib import Path

import pytest

import mlpctl
from mlpctl.store.experiment_keys import own_keys
from mlpctl.store.maintenance.check import check_contents
from mlpctl.store.maintenance.merge import merge
from mlpctl.store.maintenance.repair import repair
from mlpctl.store.results import load
from mlpctl.store.schema import EXPERIMENT_FILE, KEYS_FILE
from tests.helpers.cli import Cli

WIDE = ("sweep", "--dataset", "iris", "--axis", "hidden_units=32,64", "--epochs", "3", "-q")
NARROW = ("sweep", "--dataset", "iris", "--axis", "hidden_units=4,8,32", "--epochs", "3", "-q")
FOLDER = Path("results/iris-mlp")


def units(*, every: bool = False) -> list[int]:
    return sorted(load(FOLDER, every=every).trials["hidden_units"].tolist())


def test_a_second_sweep_reports_its_own_trials(cli: Cli) -> None:
    assert cli(*WIDE).code == 0
    done = cli(*NARROW)
    assert (done.code, units(), units(every=True)) == (0, [4, 8, 32], [4, 8, 32, 64])
    assert "64" not in done.out
    assert cli("report", str(FOLDER)).err.startswith("note: 1 trial of other experiments")
    assert cli("report", str(FOLDER), "--all").err == ""
    assert len(mlpctl.load(FOLDER).trials) == 3
    assert mlpctl.load(FOLDER).notes
    assert len(mlpctl.load(FOLDER, every=True).trials) == 4
    assert cli(*WIDE).code == 0  # all of it is in the store
    assert units() == [32, 64]


def test_a_single_training_shows_the_whole_folder(cli: Cli) -> None:
    assert cli(*WIDE).code == 0
    assert cli("train", "--dataset", "iris", "--hidden-units", "4", "--epochs", "3", "-q").code == 0
    assert units() == [4, 32, 64]


def test_a_sweep_that_was_cut_keeps_what_it_had(cli: Cli) -> None:
    assert cli(*WIDE).code == 0
    assert cli(*NARROW, "--max-trials", "1").code == 7
    assert units() == [4, 32]
    assert cli(*NARROW).code == 0
    assert units() == [4, 8, 32]


@pytest.mark.parametrize("change", ["removed", "emptied", "of another experiment"])
def test_without_a_list_that_fits_all_trials_are_shown(cli: Cli, change: str) -> None:
    assert cli(*WIDE).code == 0
    assert cli(*NARROW).code == 0
    path = FOLDER / KEYS_FILE
    if change == "removed":
        path.unlink()
    else:
        path.write_bytes(b"" if change == "emptied" else b"0" * 64 + path.read_bytes()[64:])
    assert own_keys(FOLDER) is None
    assert units() == [4, 8, 32, 64]
    (FOLDER / EXPERIMENT_FILE).unlink()
    assert units() == [4, 8, 32, 64]


def test_a_key_that_was_changed_is_found_and_mended(cli: Cli) -> None:
    assert cli(*WIDE).code == 0
    assert cli(*NARROW).code == 0
    path = FOLDER / KEYS_FILE
    content = bytearray(path.read_bytes())
    content[70] ^= 1
    path.write_bytes(content)
    assert [problem.file for problem in check_contents(FOLDER).problems] == [KEYS_FILE]
    assert repair(FOLDER)
    assert not check_contents(FOLDER).problems
    assert cli(*NARROW).code == 0
    assert units() == [4, 8, 32]


def test_shards_that_are_merged_are_one_experiment(cli: Cli) -> None:
    for number in (1, 2):
        assert cli(*WIDE, "--seeds", "4", "--shard", f"{number}/2", "--name", "a").code == 0
    assert cli(*NARROW, "--name", "c").code == 0
    merge([Path("results/a-1-of-2"), Path("results/a-2-of-2")], Path("results/both"))
    assert len(load("results/both").rows) == 8
    assert own_keys(Path("results/both")) is not None
    merge([Path("results/both"), Path("results/c")], Path("results/all"))
    assert len(load("results/all").rows) == 10
