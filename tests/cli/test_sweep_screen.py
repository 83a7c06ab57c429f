"""Watching a sweep: what is counted, who leads, how it looks on a terminal, in a file and from another process."""

import io
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
from itertools import islice
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import pytest
from rich.console import Console

from mlpctl.cli.screens.sweep import SweepScreen, plain_line, view
from mlpctl.cli.screens.time_left import seconds_left
from mlpctl.display.text import LEVELS, sparkline
from mlpctl.engines.base import Event
from mlpctl.metrics import SelectOn
from mlpctl.report.statistics.student import t95
from mlpctl.report.watch import changes, expected_trials, standing
from mlpctl.runner.callbacks.progress import Progress, SeedScores
from mlpctl.runner.experiment import Experiment
from mlpctl.runner.trial import Trial, trial_of
from mlpctl.search.axes import Axis
from mlpctl.spec import make_spec
from mlpctl.store import reader
from tests.helpers.cli import Cli
from tests.helpers.synthetic import write


def row(config: str, score: float | None, **more: Any) -> dict[str, Any]:
    status = "ok" if score is not None else "diverged"
    return {"key": config, "config": config, "status": status, "task": "classification", "val_accuracy": score,
            "val_loss": score, "lr": float(len(config)), **more}  # fmt: skip


def progress(*, on: SelectOn = "validation", metric: str | None = None, seeds: int = 3, total: int = 20) -> Progress:
    return Progress(total, ("lr",), on, metric, seeds)


def test_the_leader_is_the_best_mean_with_students_interval() -> None:
    from scipy import stats

    watched, scores = progress(), {"a": [0.5, 0.6, 0.7], "bb": [0.9, 0.4, 0.5], "ccc": [0.1, 0.1, 0.1]}
    for seed in range(3):
        for config, values in scores.items():
            watched.on_trial(row(config, values[seed]))
    watched.on_trial(row("a", 0.8))
    leader = watched.leader()
    assert leader is not None
    values = [*scores["a"], 0.8]
    low, high = stats.t.interval(0.95, 3, loc=mean(values), scale=stats.sem(values))
    assert leader.mean == pytest.approx(mean(values))
    assert leader.error is not None
    assert leader.error == pytest.approx(stats.sem(values))
    assert t95(3) * leader.error == pytest.approx((high - low) / 2)
    assert (leader.seeds, leader.where) == (4, {"lr": 1.0})


def test_whoever_leads_may_lose_it_again() -> None:
    watched = progress()
    leaders = []
    for config, score in (("a", 0.5), ("bb", 0.9), ("bb", 0.2), ("ccc", 0.6), ("ccc", 0.6), ("ccc", None)):
        watched.on_trial(row(config, score))
        leader = watched.leader()
        leaders.append(None if leader is None else leader.where["lr"])
    assert leaders == [1.0, 2.0, 2.0, 3.0, 3.0, 2.0]  # a configuration that fails on a seed does not lead
    assert (watched.trained, watched.failed) == (6, 1)


def test_low_losses_lead_and_are_told_as_they_are() -> None:
    watched = progress(metric="loss")
    for config, score in (("a", 0.5), ("bb", 0.2), ("ccc", 0.9)):
        watched.on_trial(row(config, score))
    leader = watched.leader()
    assert leader is not None
    assert (leader.column, leader.mean, leader.error) == ("val_loss", 0.2, None)


def test_with_one_seed_nothing_is_kept_of_who_does_not_lead() -> None:
    watched = progress(seeds=1)
    for number in range(100):
        watched.on_trial(row(f"c{number}", number % 7 / 10))
    assert len(watched._tallies) == 1
    watched.on_trial(row("bad", None))
    leader = watched.leader()
    assert leader is not None
    assert leader.mean == 0.6


def test_welford_is_the_textbook() -> None:
    values = [0.1, 0.4, 0.2, 0.9]
    tally = SeedScores()
    for value in values:
        tally.add(value)
    assert tally.mean == pytest.approx(mean(values))
    assert (tally.squares / 3) ** 0.5 == pytest.approx(stdev(values))


def trial(lr: float = 0.1) -> Trial:
    return trial_of(make_spec({"dataset": "iris", "lr": lr, "epochs": 5}))


def test_the_curve_is_the_leaders() -> None:
    watched, first, second = progress(), trial(0.1), trial(0.2)
    for epoch in range(1, 6):
        for one, score in ((first, 0.1 * epoch), (second, 0.05 * epoch)):
            watched.on_epochs(one, Event(one.key, epoch, {"val_accuracy": score}))
    assert watched.running(jobs=1) == 2
    for one, score in ((first, 0.5), (second, 0.25)):
        watched.on_trial(row(one.config, score, key=one.key))
    leader = watched.leader()
    assert leader is not None
    assert leader.curve == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    assert watched.running(jobs=4) == 4


def test_sparklines() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7], 8) == LEVELS
    assert sparkline([], 8) == ""
    assert sparkline([0.5, 0.5], 8) == LEVELS[0] * 2
    assert sparkline(list(range(100)), 4) == "▁▃▆█"  # the last of each quarter: 24, 49, 74, 99
    assert len(sparkline(list(range(1000)), 24)) == 24


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("plain", [True, False])
def test_the_view_fits_its_terminal(width: int, plain: bool) -> None:
    watched = progress(total=30)
    watched.stored = 3
    one = trial()
    for epoch in range(1, 6):
        watched.on_epochs(one, Event(one.key, epoch, {"val_accuracy": 0.1 * epoch}))
    watched.on_trial(row(one.config, 0.5, key=one.key))
    for _ in range(2):
        watched.on_trial(row("bad", None))
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    console.print(view(watched, 2, 60.0, plain=plain))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert all(len(line) <= width for line in lines)
    assert lines[0].startswith("6 of 30 ")
    assert lines[0].rstrip().endswith("8:00 left")  # 60 s for three trials, 24 to go
    said = " ".join(line.strip() for line in lines)
    assert "1 trained, 3 in the store before, 2 failed, 2 running best val_accuracy 0.5000 (one seed)" in said
    assert any("▁▃▅▆█" in line for line in lines) == (not plain)


def test_one_line_says_it_off_a_terminal() -> None:
    watched = progress(total=4)
    assert seconds_left(watched, 1.0) is None
    for score in (0.25, 0.75):
        watched.on_trial(row("a", score, lr=0.0948683298051))
    said = plain_line(watched, 10.0)
    assert said.startswith("2 of 4 trials (2 trained); best val_accuracy 0.5000 ± ")
    assert said.endswith("(95 %, 2 seeds): lr 0.0948683; 0:10 left")


def test_who_led_before_leads_when_a_sweep_goes_on(tmp_path: Path) -> None:
    rows = [{"key": f"k{s}{lr}", "lr": lr, "seed": s, "val_accuracy": lr} for s in (0, 1) for lr in (0.1, 0.2)]
    folder = write(tmp_path / "r", [*rows, {**rows[0], "val_accuracy": 0.9}])
    with (folder / "trials.csv").open("a") as stream:
        stream.write("1,torn")
    found = reader.scores(folder, ["lr"])
    assert [(one["key"], one["lr"], one["val_accuracy"]) for one in found] == [
        ("k00.2", 0.2, 0.2), ("k10.1", 0.1, 0.1), ("k10.2", 0.2, 0.2), ("k00.1", 0.1, 0.9),
    ]  # fmt: skip
    assert list(reader.scores(tmp_path / "none")) == []


def on_a_terminal(command: list[str], folder: Path, *, columns: int, interrupt: str = "") -> tuple[int, str]:
    """Run a command on a pseudo-terminal; send Ctrl-C once a text has appeared. Return its exit code and its output."""
    main, other = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(columns), "LINES": "40"}
    process = subprocess.Popen(
        [sys.executable, "-m", "mlpctl", *command], cwd=folder, env=environment, stdin=other, stdout=other, stderr=other
    )
    os.close(other)
    killer = threading.Timer(120, process.kill)
    killer.start()
    said = b""
    while True:
        try:
            part = os.read(main, 65536)
        except OSError:  # the other end is closed: the command is done
            break
        if not part:
            break
        said += part
        if interrupt and interrupt in said.decode("utf-8", "ignore"):
            process.send_signal(signal.SIGINT)
            interrupt = ""
    code = process.wait()
    killer.cancel()
    os.close(main)
    return code, said.decode("utf-8")


@pytest.mark.needs("terminal")
@pytest.mark.parametrize("columns", [80, 160])
def test_a_sweep_on_a_terminal_shows_itself_and_leaves_only_its_report(tmp_path: Path, columns: int) -> None:
    command = ["sweep", "--dataset", "iris", "--axis", "lr=0.01,0.1,0.2", "--seeds", "4", "--epochs", "60",
               "--jobs", "2", "--engine", "reference"]  # fmt: skip
    code, said = on_a_terminal(command, tmp_path, columns=columns)
    assert code == 0
    assert re.search(r"\d+ of 12 ", said)
    assert "running" in said
    assert re.search(r"best val_accuracy \S+ ± \S+ \(95 %, \d seeds\): lr", said)
    assert re.search(f"[{LEVELS}]{{24}} ", said)  # the leader's curve
    assert "left" in said
    after = re.sub(
        "\x1b\\[[0-9;?]*[A-Za-z]", "", said[said.rindex("\x1b[?25h") :]
    )  # the cursor is back: the view is gone
    assert "of 12 " not in after
    assert "3 settings × 4 seeds" in after


def test_a_sweep_off_a_terminal_has_no_control_characters(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlpctl.cli.screens.sweep.SECONDS_BETWEEN_LINES", 0.0)
    done = cli("sweep", "--dataset", "iris", "--axis", "lr=0.1,0.2", "--epochs", "2", "--engine", "reference")
    assert "\x1b" not in done.out + done.err
    assert "1 of 2 trials (1 trained); best val_accuracy" in done.err


def test_changes_are_seen_and_nothing_else(tmp_path: Path) -> None:
    folder, waits = tmp_path / "r", list[int]()

    def wait() -> None:
        waits.append(len(waits))
        if len(waits) == 3:
            write(folder, [{"key": "a", "val_accuracy": 0.5}])
        if len(waits) == 6:
            write(folder, [{"key": "b", "val_accuracy": 0.5}])

    seen = [len(waits) for _ in islice(changes([folder], wait), 2)]
    assert seen == [3, 6]
    assert standing([folder]) == "2 trials"
    assert expected_trials(folder) is None


def test_a_report_follows_a_sweep_and_only_reads(tmp_path: Path) -> None:
    sweep = ["sweep", "--dataset", "iris", "--axis", "lr=0.01,0.1", "--seeds", "3", "--epochs", "40", "-q", "--engine",
             "reference"]  # fmt: skip
    watching = subprocess.Popen(
        [sys.executable, "-m", "mlpctl", "report", "--watch", "--updates", "2", "results/iris-mlp"], cwd=tmp_path,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    time.sleep(0.5)
    subprocess.run([sys.executable, "-m", "mlpctl", *sweep], cwd=tmp_path, check=True, capture_output=True)
    before = {path.name: path.read_bytes() for path in (tmp_path / "results/iris-mlp").glob("*.csv")}
    if watching.poll() is None:  # the sweep may have been over before the second look: touch what it wrote
        os.utime(tmp_path / "results/iris-mlp/trials.csv")
    out, err = watching.communicate(timeout=60)
    assert watching.returncode == 0
    assert "waiting for results in results/iris-mlp" in err
    assert err.count("of 6 trials at") == 2
    assert "saved in results/iris-mlp" in out
    assert {path.name: path.read_bytes() for path in (tmp_path / "results/iris-mlp").glob("*.csv")} == before


@pytest.mark.needs("terminal")
def test_ctrl_c_ends_watching_cleanly(tmp_path: Path) -> None:
    write(tmp_path / "r", [{"lr": lr, "val_accuracy": lr} for lr in (0.1, 0.2)])
    code, said = on_a_terminal(["report", "--watch", "r"], tmp_path, columns=80, interrupt="Ctrl-C ends watching")
    assert code == 0
    assert "Traceback" not in said
    assert "2 trials at" in said


@pytest.mark.parametrize(("streams", "left"), [(True, "0:30"), (False, "2:30")])
def test_what_comes_before_training_is_not_counted_in_what_is_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], streams: bool, left: str
) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    experiment = Experiment("watched", {"dataset": "iris"}, (Axis("lr", (0.1, 0.2, 0.3)),))
    screen = SweepScreen(experiment, jobs=1, quiet=False, streams=streams)
    now[0] += 60  # compiling, or the first task of a cluster
    one = trial()
    for epoch in range(1, 6):
        now[0] += 3
        screen.on_epochs(one, Event(one.key, epoch, {"val_accuracy": 0.5}, seconds=3.0))
    screen.on_trial(row(one.config, 0.5, key=one.key))
    assert f"{left} left" in capsys.readouterr().err  # two more of 15 s, or of 75


def test_of_a_search_over_epochs_the_one_with_the_most_epochs_leads() -> None:
    followed = Progress(4, ("lr",), "validation", None, by_epochs=True)
    for epochs, score in ((1, 0.9), (1, 0.8), (3, 0.7), (1, 0.95)):
        followed.learn(
            {"config": f"{epochs} {score}", "status": "ok", "task": "classification", "lr": score, "epochs": epochs,
             "val_accuracy": score}
        )  # fmt: skip
    leader = followed.leader()
    assert leader is not None
    assert leader.where == {"lr": 0.7}
