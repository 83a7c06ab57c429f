"""Test that a trial's environment stays known, in files of every version."""

import json
from pathlib import Path
from typing import Any

import pytest

from mlpctl.runner import sweep, train
from mlpctl.store import reader
from mlpctl.store.environment import environment_id, environments_of, facts_of, joined, united, unnamed_in
from mlpctl.store.folder_files import read_json
from mlpctl.system import facts as machine
from tests.helpers.cli import Cli

TRAIN = ("train", "--dataset", "iris", "--epochs", "2", "--name", "r", "-q")


def on(monkeypatch: pytest.MonkeyPatch, cpu: str) -> None:
    """Let the commands that follow run on another processor."""
    for module in (train, sweep):
        monkeypatch.setattr(module, "environment", lambda **asked: {**machine.environment(**asked), "cpu": cpu})


def cpus(folder: Path) -> list[str]:
    """Return the processor of each trial, as the folder knows it."""
    content = read_json(folder / "environment.json")
    return [(facts_of(content, row) or {})["cpu"] for row in reader.trials(folder).records()]


def test_a_folder_that_two_machines_filled_knows_both(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for cpu, lr in (("one", 0.1), ("other", 0.2), ("one", 0.3)):
        on(monkeypatch, cpu)
        assert cli(*TRAIN, "--lr", lr).code == 0
    assert cpus(Path("results/r")) == ["one", "other", "one"]
    content = read_json(Path("results/r/environment.json"))
    assert content["cpu"] == "one"  # the last run, as before
    assert len(environments_of(content)) == 2


def old(folder: Path) -> None:
    """Make a folder what mlpctl left before environments had ids."""
    path = folder / "environment.json"
    content = read_json(path)
    path.write_text(json.dumps({k: v for k, v in content.items() if k not in ("id", "others", "unnamed")}))
    table = [line.split(",") for line in (folder / "trials.csv").read_text().splitlines()]
    place = table[0].index("environment")
    kept = [[*cells[:place], *cells[place + 1 : -1]] for cells in table]  # the last is the checksum
    rows = [kept[0], *(["1", *cells[1:]] for cells in kept[1:])]
    (folder / "trials.csv").write_text("".join(",".join(cells) + "\n" for cells in rows))


def test_an_older_folder_is_read_and_goes_on(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    on(monkeypatch, "one")
    cli(*TRAIN, "--lr", 0.1)
    old(Path("results/r"))
    assert cpus(Path("results/r")) == ["one"]
    on(monkeypatch, "other")
    assert cli(*TRAIN, "--lr", 0.2).code == 0
    assert cpus(Path("results/r")) == ["one", "other"]


def test_merged_rows_go_with_their_environments(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, lr in (("one", 0.1), ("other", 0.2)):
        on(monkeypatch, name)
        cli(*TRAIN[:5], "--name", name, "-q", "--lr", lr)
    old(Path("results/one"))
    for _ in range(2):  # merging again changes nothing
        assert cli("results", "merge", "results/one", "results/other", "-o", "results/both").code == 0
        assert cpus(Path("results/both")) == ["one", "other"]
    assert cli("results", "check", "results/both").code == 0


def test_a_damaged_file_is_written_anew(cli: Cli) -> None:
    cli(*TRAIN)
    Path("results/r/environment.json").write_text("{")
    assert "1 trials name an environment" in " ".join(cli("results", "check", "results/r").out.split())
    assert cli(*TRAIN, "--lr", 0.2).code == 0
    assert read_json(Path("results/r/environment.json"))["libraries"]["numpy"]


def test_the_id_leaves_out_what_passes() -> None:
    facts: dict[str, Any] = {"cpu": "x", "libraries": {"numpy": "2"}, "gpus": [{"name": "g", "sm_clock_hz": 1.0}]}
    later = {**facts, "date": "tomorrow", "gpus": [{"name": "g", "sm_clock_hz": 2.0}]}
    assert environment_id(facts) == environment_id(later)
    assert environment_id(facts) != environment_id({**facts, "libraries": {"numpy": "3"}})


def test_files_that_were_merged_before_there_were_ids_keep_their_parts() -> None:
    merged = {"merged": {"a": {"cpu": "one"}, "b": {"cpu": "other"}}}
    assert [facts["cpu"] for facts in environments_of(merged).values()] == ["one", "other"]
    assert unnamed_in(merged) == ""  # which row is whose was not written
    assert facts_of(merged, {"environment": None}) is None
    added = joined({"cpu": "third"}, merged)
    assert [facts["cpu"] for facts in environments_of(added).values()] == ["third", "one", "other"]
    assert united([{}, {}]) == {}
