"""What Ctrl-C leaves of `mlpctl bench matmul`."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mlpctl.bench import matmul
from mlpctl.bench.matmul import cases_of, measure, measured_until_interrupt
from tests.conftest import Cli


def stop_after(monkeypatch: pytest.MonkeyPatch, products: int) -> None:
    """Make every product take 1 s by its own account, and press Ctrl-C after some of them."""
    done = 0

    def product(_: matmul.Case) -> Callable[[], float]:
        def once() -> float:
            nonlocal done
            done += 1
            if done > products:
                raise KeyboardInterrupt
            return 1.0

        return once

    monkeypatch.setattr(matmul, "_product", product)


def test_ctrl_c_keeps_the_runs_of_every_size(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = cases_of([8, 9, 10], ["float32"], ["cpu"], [1])
    stop_after(monkeypatch, 3 * 2 + 3 * 4 + 1)  # two products a case warm up; then four rounds and one run
    timings, interrupted = measured_until_interrupt(measure(cases, warmup=1, runs=50), lambda _: None)
    assert interrupted
    assert [t.n for t in timings] == [8, 9, 10]
    assert sorted(t.runs for t in timings) == [4, 4, 5]


def test_ctrl_c_at_once_leaves_an_older_file_alone(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    stop_after(monkeypatch, 0)
    Path("m.csv").write_text("of yesterday\n")
    done = cli("bench", "matmul", "--sizes", "8", "--format", "csv", "-o", "m.csv")
    assert done.code == 130
    assert "nothing was written" in done.err
    assert Path("m.csv").read_text() == "of yesterday\n"


def test_ctrl_c_in_the_middle_writes_what_there_is(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    stop_after(monkeypatch, 4 + 3)
    done = cli("bench", "matmul", "--sizes", "8", "--format", "csv", "-o", "m.csv")
    assert done.code == 130
    assert "3 of 20 runs" in done.err
    assert len(Path("m.csv").read_text().splitlines()) == 2
