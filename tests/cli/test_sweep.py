"""`mlpctl sweep` as a user calls it: it finishes what was begun, and no more."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from mlpctl.store.results import load
from tests.helpers.cli import Cli

SWEEP = ("sweep", "--dataset", "iris", "--widths", "6", "--epochs", "3", "--jobs", "2", "-q")
TIMES = ["seconds", "group_seconds", "started", "jobs", "environment"]


def table(folder: str | Path) -> pd.DataFrame:
    return load(folder).trials.drop(columns=TIMES).sort_values("key", ignore_index=True)


def test_a_sweep_trains_every_cell_once(cli: Cli) -> None:
    done = cli(*SWEEP, "--axis", "lr=0.01,0.1,1", "--axis", "activation=relu,tanh", "--seeds", "2")
    assert done.code == 0
    assert "iris: 6 settings × 2 seeds = 12 runs, all finished." in done.out
    assert "\nBEST   " in done.out
    trials = load("results/iris-mlp").trials
    assert len(trials) == trials["key"].nunique() == 12
    assert trials["config"].nunique() == 6


def test_the_same_command_runs_nothing_and_a_wider_one_only_what_is_new(cli: Cli) -> None:
    cli(*SWEEP, "--axis", "lr=0.01,0.1")
    before = Path("results/iris-mlp/trials.csv").read_text()
    assert cli(*SWEEP, "--axis", "lr=0.1,0.01").code == 0  # reordered
    assert Path("results/iris-mlp/trials.csv").read_text() == before
    dry = json.loads(cli(*SWEEP, "--axis", "lr=0.1,0.01,1", "--seeds", "2", "--dry-run", "--format", "json").out)
    assert {name: dry[0][name] for name in ("trials", "stored", "new", "invalid")} == {
        "trials": 6, "stored": 2, "new": 4, "invalid": 0
    }  # fmt: skip
    assert 0 < dry[0]["low"] <= dry[0]["seconds"] <= dry[0]["high"]
    assert cli(*SWEEP, "--axis", "lr=0.1,0.01,1", "--seeds", "2").code == 0
    after = Path("results/iris-mlp/trials.csv").read_text()
    assert after.startswith(before)
    assert len(load("results/iris-mlp").trials) == 6


def test_an_epochs_axis_costs_its_largest_value(cli: Cli) -> None:
    cli(*SWEEP[:5], "--axis", "epochs=1,2,5", "--name", "shared", "-q")
    shared = load("results/shared")
    assert shared.trials["epochs_done"].tolist() == [1, 2, 5]
    for epochs in (1, 2, 5):  # and each is what it is alone
        alone = f"alone{epochs}"
        cli("train", "--dataset", "iris", "--widths", "6", "--epochs", epochs, "--name", alone, "-q")
        one = load(f"results/{alone}").trials.iloc[0]
        other = shared.trials[shared.trials["epochs"] == epochs].iloc[0]
        assert one["key"] == other["key"]
        assert one["test_loss"] == other["test_loss"]
    assert sorted(shared.epochs.groupby("key").size()) == [1, 2, 5]


def test_jobs_and_engines_give_the_same_trials(cli: Cli) -> None:
    axes = ("--axis", "lr=0.01,0.1,1", "--seeds", "2")
    for jobs in ("1", "2"):
        for engine in ("kernel", "reference"):
            cli(*SWEEP, *axes, "--jobs", jobs, "--engine", engine, "--name", f"{engine}{jobs}")
    pd.testing.assert_frame_equal(
        table("results/kernel1").drop(columns="folder"), table("results/kernel2").drop(columns="folder")
    )
    kernel, reference = table("results/kernel1"), table("results/reference1")
    assert kernel["key"].tolist() == reference["key"].tolist()  # an engine by flag is no part of the experiment
    pd.testing.assert_series_equal(kernel["val_loss"], reference["val_loss"], rtol=1e-4)


def test_an_impossible_cell_is_a_row_and_the_others_are_trained(cli: Cli) -> None:
    done = cli(*SWEEP, "--set", "batch_norm=all", "--axis", "batch_size=1,8")
    assert done.code == 3
    trials = load("results/iris-mlp").trials
    assert sorted(trials["status"]) == ["invalid", "ok"]
    assert "Failures" in done.out
    assert "1 of 2 trials failed: 1 invalid" in done.err


def test_nothing_possible_is_refused_before_anything_is_written(cli: Cli) -> None:
    done = cli(*SWEEP, "--set", "momentum=0.5", "--axis", "lr=0.1,1")
    assert done.code == 2
    assert "momentum applies to" in done.err
    assert not Path("results").exists()


def test_a_diverged_trial_is_counted_and_not_run_again(cli: Cli) -> None:
    command = ("sweep", "--dataset", "diabetes", "--epochs", "3", "--axis", "lr=0.01,1e9", "-q")
    assert cli(*command).code == 3
    before = Path("results/diabetes-linear/trials.csv").read_text()
    again = cli(*command)
    assert (again.code, again.err.count("1 of 2 trials failed: 1 diverged")) == (3, 1)
    assert Path("results/diabetes-linear/trials.csv").read_text() == before


def test_random_search_by_flags(cli: Cli) -> None:
    axes = ("--axis", "lr=log:1e-3:1", "--axis", "hidden_units=int:2:9", "--search", "random", "--trials", "5")
    assert cli("sweep", "--dataset", "iris", "--epochs", "2", *axes, "-q").code == 0
    first = load("results/iris-mlp").trials
    assert len(first) == 5
    assert first["lr"].nunique() == 5
    cli("sweep", "--dataset", "iris", "--epochs", "2", *axes, "--trials", "7", "-q")
    assert len(load("results/iris-mlp").trials) == 7


def test_a_dataset_without_validation_asks_what_to_choose_on(cli: Cli) -> None:
    done = cli("sweep", "--dataset", "gates", "--axis", "data.gate=and,xor", "-q")
    assert done.code == 2
    assert "--select-on train" in done.err
    done = cli("sweep", "--dataset", "gates", "--axis", "data.gate=and,xor", "--select-on", "train", "-q")
    assert done.code == 0
    assert "data.gate and" in done.out
    assert "says how well a configuration fits" in done.out.replace("\n", " ")


def test_choosing_on_the_test_set_stamps_the_report(cli: Cli) -> None:
    done = cli(*SWEEP, "--axis", "lr=0.01,0.1", "--select-on", "test")
    assert "Chosen on the test set" in done.out
    assert load("results/iris-mlp").epochs["test_accuracy"].notna().all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--axis", "lr="), "axis lr is empty"),
        (("--axis", "lr=0.1", "--axis", "lr=0.2"), "axis lr is given twice"),
        (("--axis", "seed=1,2"), "the seed is no axis"),
        (("--axis", "lr=log:1e-3:1"), "range without a count"),
        (("--seeds", "0"), "one seed at least"),
        (("--metric", "acuracy"), "metric must be one of"),
        (("--name", "a/b"), "a folder's name"),
        (("nothing.toml",), "no experiment file nothing.toml"),
    ],
)
def test_bad_sweeps(cli: Cli, arguments: tuple[str, ...], message: str) -> None:
    done = cli(*SWEEP, *arguments)
    assert done.code == 2, done.out
    assert message in done.err
    assert not Path("results").exists()


def test_memory_does_not_grow_with_the_number_of_trials(tmp_path: Path) -> None:
    script = (
        "import resource, sys; sys.argv = ['mlpctl', 'sweep', '--dataset', 'gates', '--epochs', '2', '--seeds', '2', "
        "'--select-on', 'train', '-q', '--engine', 'kernel', '--axis', 'lr=lin:0.1:1:' + sys.argv[1]]\n"
        "from mlpctl.cli import main\nimport pandas\n"
        "try:\n    main()\nfinally:\n    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
    )
    peaks = []
    for trials in ("50", "1000"):
        done = subprocess.run(
            [sys.executable, "-c", script, trials], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        peaks.append(int(done.stderr.splitlines()[-1]) / 1024)
    assert peaks[1] < peaks[0] + 40, peaks  # MiB; the report's table of 2,000 rows is part of it


def test_plain_lines_and_no_colour_off_a_terminal(cli: Cli) -> None:
    done = cli(*SWEEP[:-1], "--axis", "lr=0.01,0.1")
    assert not re.search("\x1b", done.out + done.err)
