"""`mlpctl bench matmul`, `mlpctl doctor`, `mlpctl config`, and the facts about the machine."""

import csv
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlpctl import machine
from mlpctl.bench.matmul import Timing, cases_of, compared, measured_until_interrupt, table_of
from tests.conftest import Cli

QUICK = ("bench", "matmul", "--sizes", "32,33", "--runs", "3", "--warmup", "1")


def test_every_case_is_timed(cli: Cli) -> None:
    done = cli(*QUICK, "--dtype", "float32,float64", "--threads", "1,2", "--format", "csv")
    assert done.code == 0
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert len(rows) == 8
    for row in rows:
        median = float(row["median"])
        assert float(row["min"]) <= median <= float(row["max"])
        assert float(row["flops"]) == pytest.approx(2 * int(row["n"]) ** 3 / median)
        assert float(row["relative"]) == pytest.approx(1.0) or row["n"] == "33"


def test_what_people_see(cli: Cli) -> None:
    done = cli(*QUICK)
    assert "GFLOP/s" in done.out
    assert machine.cpu_model()[:20] in done.out
    cli(*QUICK, "--format", "md", "-o", "m.md")
    assert Path("m.md").read_text().startswith("**Matrix products")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--sizes", "0"), 2, "sizes must be 1 at least"),
        (("--sizes", "a"), 2, "--sizes takes whole numbers"),
        (("--dtype", "flaot32"), 2, "did you mean 'float32'?"),
        (("--threads", "0"), 2, "threads must be 1 at least"),
        (("--sizes", ","), 2, "at least one size"),
        (("--device", "cuda"), 5, "device cuda is not there"),
    ],
)
def test_bad_benchmarks(cli: Cli, arguments: tuple[str, ...], code: int, message: str) -> None:
    done = cli("bench", "matmul", *arguments)
    assert done.code == code
    assert message in done.err


def timing(n: int, median: float, iqr: float = 0.0) -> Timing:
    return Timing(n, "float32", "cpu", 1, 9, median, iqr, median, median, 2 * n**3 / median)


def test_relative_is_time_per_useful_flop() -> None:
    one, other = compared([timing(100, 1.0), timing(200, 16.0)], 100)
    assert one.relative == pytest.approx(1.0)
    assert other.relative == pytest.approx(2.0)


def test_a_noisy_measurement_says_so() -> None:
    assert "spread over more than 10%" in " ".join(table_of([timing(10, 1.0, 0.2)], "here", people=True).notes)
    assert "spread" not in " ".join(table_of([timing(10, 1.0, 0.05)], "here", people=True).notes)


def test_ctrl_c_keeps_what_was_measured() -> None:
    def timings() -> Iterator[Timing]:
        yield timing(1, 1.0)
        raise KeyboardInterrupt

    done, interrupted = measured_until_interrupt(timings(), lambda _: None)
    assert interrupted
    assert [t.n for t in done] == [1]


def test_threads_vary_on_the_cpu_alone() -> None:
    assert len(cases_of([8], ["float32"], ["cpu", "cuda"], [1, 2])) == 3


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
