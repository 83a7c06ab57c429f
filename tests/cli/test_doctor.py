"""`mlpctl doctor`, `mlpctl config`, and the facts about the machine."""

import json
import os
from pathlib import Path

import pytest

import mlpctl.inspection.installation
from mlpctl.system import facts as machine
from tests.helpers.cli import Cli


@pytest.mark.needs("fashion-mnist")
def test_doctor_tells_what_is_here(cli: Cli) -> None:
    done = cli("doctor", "--format", "json")
    assert done.code == 0
    states = {row["what"]: row["state"] for row in json.loads(done.out)}
    assert states["torch"] == states["numba"] == states["fashion-mnist"] == "ok"
    assert states["gpu"] in ("ok", "none")
    assert "extra search" in states


def asking(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *lines: str) -> None:
    """Let doctor look at a package with these lines of metadata."""
    folder = tmp_path / "asker-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("\n".join(["Metadata-Version: 2.4", "Name: asker", "Version: 1", *lines]) + "\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(mlpctl.inspection.installation, "PACKAGE", "asker")


def test_doctor_asks_for_what_the_installed_metadata_ask_for(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    extras = ["Provides-Extra: few", "Provides-Extra: more", "Requires-Dist: numpy>=1; extra == 'few'"]
    extras += ["Requires-Dist: numpy>=1; extra == 'more'", "Requires-Dist: nowhere<3,>=2; extra == 'more'"]
    other = "Requires-Dist: nobody; python_version < '3'"
    asking(monkeypatch, tmp_path, "Requires-Dist: rich>=1", other, *extras)
    done = cli("doctor", "--format", "json")
    rows = {row["what"]: row for row in json.loads(done.out)}
    assert done.code == 0
    assert (rows["rich"]["state"], rows["extra few"]["state"]) == ("ok", "ok")
    assert "nobody" not in rows
    assert rows["extra more"]["state"] == "optional"
    assert rows["extra more"]["what to do"] == "pip install 'nowhere<3,>=2'"


@pytest.mark.parametrize("needed", ["no-such-library", "numpy>=1000"])
def test_doctor_fails_where_something_required_is_missing_or_too_old(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, needed: str
) -> None:
    asking(monkeypatch, tmp_path, f"Requires-Dist: {needed}")
    done = cli("doctor")
    assert done.code == 6
    assert needed.partition(">")[0] in done.err


def test_doctor_says_that_it_is_not_installed(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlpctl.inspection.installation, "PACKAGE", "no-such-package")
    assert cli("doctor").code == 6


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
    from mlpctl.errors import UsageError
    from mlpctl.system.devices import asked_jobs

    monkeypatch.setenv("MLPCTL_JOBS", "3")
    assert asked_jobs(None) == 3
    assert asked_jobs(1) == 1
    monkeypatch.setenv("MLPCTL_JOBS", "many")
    with pytest.raises(UsageError, match="MLPCTL_JOBS must be a positive number"):
        asked_jobs(None)
