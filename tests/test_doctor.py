"""`mlpctl doctor`, `mlpctl config`, and the facts about the machine."""

import json
import os
from pathlib import Path

import pytest

from mlpctl import machine
from tests.conftest import Cli


def test_doctor_tells_what_is_here(cli: Cli) -> None:
    done = cli("doctor", "--format", "json")
    assert done.code == 0
    states = {row["what"]: row["state"] for row in json.loads(done.out)}
    assert states["torch"] == states["numba"] == states["fashion-mnist"] == "ok"
    assert states["gpu"] in ("ok", "none")
    assert "extra search" in states


def test_doctor_fails_where_something_required_is_missing(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    import mlpctl.doctor

    monkeypatch.setattr(mlpctl.doctor, "REQUIRED", (*mlpctl.doctor.REQUIRED, "no-such-library"))
    done = cli("doctor")
    assert done.code == 6
    assert "no-such-library" in done.err


def test_config_says_who_decided(cli: Cli) -> None:
    Path("ex.toml").write_text('[spec]\ndataset = "iris"\nlr = 0.5\n')
    done = cli("config", "--config", "ex.toml", "--epochs", "7", "--set", "seed=3", "--format", "json")
    who = {row["setting"]: (row["value"], row["decided by"]) for row in json.loads(done.out)}
    assert who["lr"] == ("0.5", "ex.toml")
    assert who["epochs"] == ("7", "flag")
    assert who["seed"] == ("3", "--set")
    assert who["scaling"][1] == "dataset, model or optimizer"
    assert who["dtype"] == ("float32", "default")


def test_the_machine_is_described_without_heavy_imports() -> None:
    facts = machine.environment()
    json.dumps(facts)
    assert 1 <= facts["cores"] <= (os.cpu_count() or 1)
    assert facts["libraries"]["torch"].startswith("2.")


def test_cores_follow_affinity_and_quota(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    for quota, cores in ((None, 4), (2.0, 2), (0.5, 1), (8.0, 4)):
        monkeypatch.setattr(machine, "_cgroup_quota", lambda quota=quota: quota)
        assert machine.usable_cores() == cores


def test_jobs_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    from mlpctl.devices import asked_jobs
    from mlpctl.errors import UsageError

    monkeypatch.setenv("MLPCTL_JOBS", "3")
    assert asked_jobs(None) == 3
    assert asked_jobs(1) == 1
    monkeypatch.setenv("MLPCTL_JOBS", "many")
    with pytest.raises(UsageError, match="MLPCTL_JOBS must be a positive number"):
        asked_jobs(None)
