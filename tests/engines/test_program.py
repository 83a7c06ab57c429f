"""Sweeps over programs: what a program gets, how it fails, what is run again, what is left when mlpctl is gone."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from mlpctl.engines.program.command import filled, names_in, program_name, words_of
from mlpctl.engines.program.scores import columns_of
from mlpctl.errors import UsageError
from mlpctl.spec import Spec
from mlpctl.store.maintenance.check import check_contents
from tests.helpers.cli import Cli, trial_rows

HOSTILE = ["; rm -rf /", "$(touch made)", "`touch made`", "a 'b' \"c\"", "two\nlines", "*", "--lr=3", "{lr} %s", "é\t"]

ECHO = "import json, sys; json.dump(sys.argv[1:], open('said', 'w')); print('{\"score\": 1}')"
NOTES = """
import json, os, sys, time
with open("begun", "a") as stream:
    stream.write(sys.argv[1] + "\\n")
time.sleep(float(sys.argv[2]))
with open("ended", "a") as stream:
    stream.write(sys.argv[1] + "\\n")
print(json.dumps({"score": int(sys.argv[1])}))
"""


def python(program: str) -> str:
    """Return the beginning of a command that runs a program of a few lines."""
    Path("program.py").write_text(program, "utf-8")
    return f"{sys.executable} program.py"


@pytest.mark.parametrize("value", HOSTILE)
def test_a_value_is_one_argument_whatever_it_holds(cli: Cli, value: str) -> None:
    command = json.dumps(f"{python(ECHO)} first {{x}} last --x={{x}}")
    Path("sweep.toml").write_text(f"[spec]\ncommand = {command}\n[axes]\nx = [{json.dumps(value)}]\n", "utf-8")
    assert cli("sweep", "sweep.toml").code == 0
    assert json.loads(Path("said").read_text("utf-8")) == ["first", value, "last", f"--x={value}"]
    assert not Path("made").exists()
    check_contents(Path("results/sweep"))


def test_a_command_is_taken_apart_once() -> None:
    words = words_of("run 'a b' --x={x-1} {{x}} {1} '{x_1}{y}'")
    assert names_in(words) == {"x_1", "y"}
    assert filled(words, {"x_1": "1 2", "y": "{x_1}"}) == ["run", "a b", "--x=1 2", "{x}", "{1}", "1 2{x_1}"]
    assert [program_name(c) for c in ("python -m x.y", "python a/train.py --lr {lr}", "./go {x}")] == [
        "python",
        "train",
        "go",
    ]


def test_what_a_program_prints_becomes_columns() -> None:
    keras = {"accuracy": 0.5, "loss": 2, "val_accuracy": 0.4, "val_loss": 3, "lr": 1, "ok": True, "name": "x"}
    assert columns_of(keras, Spec()) == {"train_accuracy": 0.5, "train_loss": 2, "val_accuracy": 0.4, "val_loss": 3}
    assert columns_of({"loss": "1.5", "test_mse": 2}, Spec()) == {"val_loss": 1.5, "test_mse": 2}
    found = {"score": 1, "cost": 2, "bleu": 3}
    assert columns_of(found, Spec(maximize="bleu")) == {"val_score": 3, "val_cost": 2}
    assert columns_of(found, Spec(minimize="bleu")) == {"val_score": 1, "val_cost": 3}
    assert columns_of({"cost": 2}, Spec(minimize="bleu")) == {}


FAILURES = {
    "crash": (
        "import sys; print('{\"loss\": 1}'); sys.exit('a\\nlast words\\n')",
        "crashed",
        "exit code 1: last words",
    ),
    "signal": ("import os; os.kill(os.getpid(), 11)", "crashed", "killed by SIGSEGV"),
    "silent": ("print('hello')", "crashed", "no score: print a line"),
    "nothing": ("print('{\"step\": 3}')", "crashed", "no score: the last JSON line has none of loss"),
    "nan": ("print('{\"loss\": NaN}')", "diverged", "val_loss is nan"),
    "nan-epoch": ('print(\'{"epoch": 0, "loss": Infinity}\')', "diverged", "val_loss is inf in epoch 1"),
    "back": ('[print(\'{"epoch": %d, "loss": 1}\' % e) for e in (1, 1)]', "crashed", "epochs must grow"),
    "slow": ("import time; time.sleep(60)", "timeout", "not done after 0.5 s"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_program_that_fails_is_a_row_with_its_reason(cli: Cli, name: str) -> None:
    program, status, error = FAILURES[name]
    done = cli(
        "sweep",
        "--command",
        f"{python(program)} {{x}}",
        "--axis",
        "x=1",
        "--timeout",
        "0.5" if name == "slow" else "60",
    )
    assert done.code == 3
    (row,) = trial_rows("program").values()
    assert (row["status"], row["error"][: len(error)]) == (status, error)
    assert {path.name for path in Path("results/program/logs", row["key"]).iterdir()} == {"stdout.txt", "stderr.txt"}


@pytest.mark.parametrize(
    ("command", "options", "said"),
    [
        ("{program} {x}", [], "{x}, which neither varies nor is set"),
        ("{program} {x}", ["--axis", "x=1", "--axis", "lr=1,2"], "lr is set, and the command has no {lr}"),
        ("{program} {x}", ["--axis", "x=1", "--epochs", "3"], "no {epochs}"),
        ("{program} {x} {epochs}", ["--axis", "x=1"], "{epochs}, which neither varies"),
        ("{program} {x}", ["--axis", "x=1", "--device", "cuda"], "device is set, and the command has no {device}"),
        ("{program} {x}", ["--axis", "x=1", "--save"], "leave --save out"),
        ("{program} {x}", ["--axis", "x=1", "--cluster", "auto"], "leave --cluster out"),
        ("no-such-program-here {x}", ["--axis", "x=1"], "no program 'no-such-program-here'"),
        ("{program} '{x}", ["--axis", "x=1"], "no closing quotation"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_runs(cli: Cli, command: str, options: list[str], said: str) -> None:
    done = cli("sweep", "--command", command.replace("{program}", python("print(1)")), *options)
    assert (done.code, said in done.err) == (2, True), done.err
    assert not Path("results").exists()


def test_parameters_of_a_program_are_no_fields_of_a_network(cli: Cli) -> None:
    command = f"{python(ECHO)} {{dropout}} {{swish}} {{learning_rate}} {{model}}"
    axes = ["--axis", "dropout=7", "--axis", "swish=true", "--set", "learning-rate=fast", "--model", "none"]
    assert cli("sweep", "--command", command, *axes).code == 0
    assert json.loads(Path("said").read_text("utf-8")) == ["7", "true", "fast", "none"]
    assert cli("sweep", "--dataset", "iris", "--axis", "params.x=1,2").code == 2


def test_a_curve_is_read_from_a_file_or_the_output(cli: Cli) -> None:
    rows = "epoch,loss\n" + "".join(f"{e},{1 / (e + 1)}\n" for e in range(4))
    write = f"import sys; open(sys.argv[1] + '/log.csv', 'w').write({rows!r}); print('done')"
    assert (
        cli("sweep", "--command", f"{python(write)} {{folder}}", "--seeds", "1,2", "--curve-file", "log.csv").code == 0
    )
    (row, _) = trial_rows("program").values()
    assert (row["epochs_done"], row["val_loss"], row["task"]) == ("4", "0.25", "loss")
    printed = (
        "import json, sys\nfor e in range(1, int(sys.argv[1]) + 1): print(json.dumps({'epoch': e, 'loss': 1 / e}))"
    )
    command = f"{python(printed)} {{epochs}} {{x}}"
    halving = ["--search", "halving", "--trials", "4", "--epochs", "4", "--eta", "2"]
    assert cli("sweep", "--command", command, "--axis", "x=log:0.1:1", *halving, "--name", "rungs").code == 0
    found = Counter(int(row["epochs_done"]) for row in trial_rows("rungs").values())
    assert found == {1: 4, 2: 2, 4: 1}


def test_a_results_folder_runs_nothing(cli: Cli) -> None:
    command = f"{python(ECHO)} {{x}}"
    assert cli("sweep", "--command", command, "--axis", "x=1,2", "--name", "r").code == 0
    Path("said").unlink()
    for words in (["sweep", "results/r/experiment.toml", "--force"], ["verify", "results/r"], ["inspect", "results/r"]):
        assert cli(*words).code == 2
    assert cli("report", "results/r", "--html", "page.html").code == 0
    assert not Path("said").exists()
    assert cli("sweep", "results/r/experiment.toml", "--force", "--command", command).code == 0
    assert Path("said").exists()


def test_a_killed_sweep_goes_on_and_runs_nothing_twice(cli: Cli) -> None:
    command = f"{python(NOTES)} {{x}} 0.2"
    words = [
        "sweep",
        "--command",
        command,
        "--axis",
        f"x={','.join(map(str, range(12)))}",
        "--jobs",
        "2",
        "--name",
        "r",
    ]
    process = subprocess.Popen([sys.executable, "-m", "mlpctl", *words, "-q"], stdout=subprocess.DEVNULL)
    while len(lines("ended")) < 4:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(0.6)  # what ran was killed too, else it would have ended by now
    begun, stored = lines("begun"), {json.loads(row["params"])["x"] for row in trial_rows("r").values()}
    assert len(set(begun) - set(lines("ended"))) <= 2
    assert cli(*words).code == 0
    assert sorted(float(row["val_score"]) for row in trial_rows("r").values()) == [*range(12)]
    again = Counter(lines("begun"))
    assert {x for x, count in again.items() if count > 1} <= set(begun) - stored
    assert cli(*words).code == 0
    assert Counter(lines("begun")) == again


def lines(name: str) -> list[str]:
    """Return the lines of a file; none where it is not there."""
    return Path(name).read_text("utf-8").split() if Path(name).exists() else []


def test_a_second_interrupt_kills_what_runs(cli: Cli) -> None:
    command = f"{python(NOTES)} {{x}} 30"
    words = [sys.executable, "-m", "mlpctl", "sweep", "--command", command, "--axis", "x=1,2", "--jobs", "2"]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while len(lines("begun")) < 2:
        time.sleep(0.02)
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
    assert process.wait() == 130
    time.sleep(0.3)
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(Path.cwd()) not in running
    assert f"{command.replace('{x}', '1')}" not in running


def test_a_usage_error_names_an_empty_command() -> None:
    with pytest.raises(UsageError, match="names no program"):
        words_of("''  #"[:0])


def test_the_example_is_searched(cli: Cli) -> None:
    example = Path(__file__).parents[2] / "examples" / "softmax_digits.py"
    command = f"{sys.executable} {example} --lr {{lr}} --epochs {{epochs}} --seed {{seed}}"
    axes = ["--axis", "lr=0.001,0.3", "--epochs", "4", "--seeds", "2", "--jobs", "2"]
    assert cli("sweep", "--command", command, *axes).code == 0
    rows = trial_rows("softmax_digits").values()
    best = {json.loads(row["params"])["lr"]: float(row["val_accuracy"]) for row in rows}
    assert best["0.3"] > 0.9 > best["0.001"]
