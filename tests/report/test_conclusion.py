"""Check the conclusions of a sweep: whether its best is sure, and the next command, which does what it says."""

import json
import re
import shlex
import sys
from pathlib import Path

import pytest

from mlpctl.report.conclusion import next_runs, sure_of
from mlpctl.report.summary import summarize
from mlpctl.store.results import load
from tests.helpers.cli import Cli
from tests.helpers.synthetic import write

SWEEP = ("sweep", "--dataset", "iris", "--epochs", "2", "--axis", "lr=0.1,0.11", "--engine", "reference")


@pytest.mark.parametrize(
    ("more", "seeds"),
    [
        (("--seeds", "2"), "5"),
        (("--seeds", "1,7"), "1,7,0,2,3"),
        (("--seeds", "2", "--out", "else where"), "5"),
        (("--seeds", "2", "--shard", "1/1"), "5"),
    ],
)
def test_the_next_command_trains_what_it_says(cli: Cli, more: tuple[str, ...], seeds: str) -> None:
    said = cli(*SWEEP, *more).out
    command = re.search(r"Next: (.+?)(?:  6 new|\n)", said)
    assert command is not None
    words = shlex.split(command[1])
    assert words[words.index("--seeds") + 1] == seeds
    assert "6 new runs, about " in said
    assert "2 settings × 5 seeds = 10 runs, all finished." in cli(*words[1:]).out


def test_the_next_command_names_what_a_results_folder_may_not(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "p.py").write_text(
        "import sys\nprint('{\"accuracy\": 0.%s}' % (int(sys.argv[1]) + int(sys.argv[2])))\n"
    )
    (tmp_path / "net.py").write_text(
        "from torch import nn\ndef net(inputs, outputs):\n    return nn.Linear(4, outputs)\n"
    )
    program = ("--command", f"{sys.executable} {tmp_path}/p.py {{x}} {{seed}}", "--axis", "x=4,5")
    own = (*SWEEP[1:7], "--model", f"{tmp_path}/net.py:net")
    for name, options in (("program", program), ("own", own)):
        said = cli("sweep", *options, "--seeds", "2", "--name", name, "--format", "json").out
        command = json.loads(said)["next"]["command"]
        done = cli(*shlex.split(command)[1:])
        assert done.code == 0, done.err
        assert "2 settings × 5 seeds = 10 runs, all finished." in done.out


def test_json_has_the_same_for_programs(cli: Cli) -> None:
    told = json.loads(cli(*SWEEP, "--seeds", "2", "--format", "json").out)
    assert told["sure"] == "not yet"
    assert {row["verdict"] for row in told["settings"]} <= {"best", "close", "behind", "worse"}
    assert told["next"]["runs"] == 6
    assert told["next"]["command"].startswith("mlpctl sweep results/iris-mlp/experiment.toml")
    assert told["best"]["lr"] in (0.1, 0.11)


def test_one_seed_is_unknown_and_one_setting_nothing_to_compare(tmp_path: Path) -> None:
    rows = [{"lr": lr, "val_accuracy": lr} for lr in (0.1, 0.2)]
    [summary] = summarize(load(write(tmp_path / "two", rows)))
    assert sure_of(summary) == "unknown"
    results = load(write(tmp_path / "one", rows[:1]))
    [summary] = summarize(results)
    assert (sure_of(summary), next_runs(summary, results)) == (None, None)
