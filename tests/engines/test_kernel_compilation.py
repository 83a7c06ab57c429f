"""When the kernel is compiled, by whom, and what trains until then; with real compilers, of small functions only."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from mlpctl.engines import expected_time
from mlpctl.engines.base import Work
from mlpctl.engines.choose import Choice, choose
from mlpctl.engines.expected_time import Load, Pace, load_of, reference_seconds
from mlpctl.engines.kernel import cache, compilation
from mlpctl.engines.kernel.compilation import (
    BACKGROUND,
    begin,
    compile_seconds_left,
    failure,
    finish,
    first_time,
    is_compiling,
)
from mlpctl.errors import DeviceError, UsageError
from mlpctl.runner import engine_choice
from mlpctl.runner.rows import Curve
from mlpctl.store import results
from tests.helpers.cli import Cli
from tests.helpers.making import classes, work_of

SWEEP = ("sweep", "--dataset", "iris", "--epochs", "2", "--jobs", "1", "-q", "--axis")


@pytest.fixture(autouse=True)
def _as_a_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLPCTL_COMPILE", raising=False)  # other tests leave compiling to the set-up


@pytest.fixture
def empty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Give this process and those it starts an empty cache."""
    monkeypatch.setenv("MLPCTL_DATA_DIR", str(tmp_path / "cache"))
    cache.kernel_folder.cache_clear()
    yield cache.kernel_folder()
    for process in compilers(tmp_path):
        process.kill()
    cache.kernel_folder.cache_clear()


@pytest.fixture
def uncompiled(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let the kernel seem to be missing for so many looks, and nobody compile it."""

    def hide(looks: float) -> None:
        left = [looks]

        def missing(names: Sequence[str]) -> list[str]:
            left[0] -= 1
            return list(names) if left[0] >= 0 else []

        monkeypatch.setattr(cache, "missing", missing)

    for module, name, value in (
        (engine_choice, "begin", None), (engine_choice, "first_time", True),
        (compilation, "is_compiling", False), (compilation, "failure", "")
    ):  # fmt: skip
        monkeypatch.setattr(module, name, lambda *_, value=value, **__: value)
    monkeypatch.delenv("MLPCTL_COMPILE", raising=False)
    return hide


def compilers(place: Path) -> list[psutil.Process]:
    """Return the processes that compile into a cache below a folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("MLPCTL_DATA_DIR", "").startswith(str(place)) and (
                "mlpctl.engines.kernel.building" in process.cmdline()
            ):
                found.append(process)
        except psutil.Error:
            continue
    return found


def until(condition: Callable[[], object]) -> None:
    """Wait for a condition."""
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end, "waited for two minutes"
        time.sleep(0.02)


def chosen(seconds: float) -> Choice:
    """Return what trains work that takes the reference engine so long."""
    return choose(work_of(classes()), engine="auto", device="cpu", load=lambda: Load(seconds, 0.0))


def test_two_commands_at_once_compile_once(empty: Path) -> None:
    script = (
        "from mlpctl.engines.kernel.cache import path_of\nfrom mlpctl.engines.kernel.native import native_function\n"
        "native_function('orders')\nprint(path_of('orders').stat().st_ino)"
    )
    both = [subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    seen = [process.communicate()[0] for process in both]
    until(lambda: not compilers(empty.parents[1]))
    kept = cache.path_of("orders")
    assert seen == [f"{kept.stat().st_ino}\n"] * 2  # who compiles once more puts another file there
    assert sorted(path.suffix for path in empty.iterdir()) == [".lock", ".o"]
    assert not is_compiling()


def test_the_compiler_is_detached_and_one_that_is_killed_is_in_nobodys_way(empty: Path) -> None:
    begin(["epochs-float32-float32"], nice=BACKGROUND)
    begin(["epochs-float32-float32"], nice=BACKGROUND)
    until(lambda: cache.file_of("compiling", "log").read_text().count(compilation.COMPILES))
    (process,) = compilers(empty.parents[1])
    assert process.nice() >= BACKGROUND
    assert os.getsid(process.pid) != os.getsid(0)
    assert process.ppid() != os.getpid()
    assert process.terminal() is None
    assert is_compiling()
    assert 0 < compile_seconds_left() <= compilation.COMPILE_SECONDS
    process.kill()
    until(lambda: not compilers(empty.parents[1]))
    until(lambda: not is_compiling())  # the system frees its lock a moment after its memory
    assert failure(["epochs-float32-float32"]) == ""
    assert not list(empty.glob("*.o"))
    finish(["orders"])
    assert cache.compiled() == ["orders"]


def test_a_compiler_that_fails_is_told_in_one_line_and_not_started_again(
    empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DeviceError, match=r"cannot be compiled: .*nothing.*; --engine reference") as failed:
        finish(["start-nothing"])
    assert "\n" not in str(failed.value)
    monkeypatch.setattr(cache, "functions_for", lambda *_: ["orders", "start-nothing"])
    choice = chosen(1e9)
    assert (choice.engine.name, choice.missing, choice.once) == ("reference", (), True)
    assert "nothing" in choice.note
    assert "doctor --compile" in choice.note
    assert [first_time(choice.note) for _ in range(2)] == [True, False]
    until(lambda: not compilers(empty.parents[1]))
    assert chosen(1e9) == choice


def test_a_note_is_given_once(empty: Path) -> None:
    assert not empty.exists()
    assert [first_time(note) for note in ("one", "one", "two")] == [True, False, True]


def test_a_compiler_that_ends_again_and_again_is_not_started_forever(empty: Path) -> None:
    empty.mkdir(parents=True)
    log = cache.file_of("compiling", "log")
    log.write_text(f"{compilation.STARTED}\n{compilation.COMPILES}\n" * (compilation.TRIES - 1))
    assert failure(["orders"]) == ""
    log.write_text(f"{compilation.STARTED}\n{compilation.COMPILES}\n" * compilation.TRIES)
    assert "times" in failure(["orders"])
    log.write_text(f"{compilation.STARTED}\nTraceback\nImportError: no numba\n")
    assert failure(["orders"]) == "ImportError: no numba"
    finish(["orders"])  # who asks for it tries again
    assert failure(["orders"]) == ""


def test_a_cache_that_cannot_be_written_leaves_the_work_to_torch(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    choice = chosen(1e9)
    assert (choice.engine.name, choice.missing) == ("reference", ())
    assert "MLPCTL_DATA_DIR" in choice.note


@pytest.mark.parametrize(
    ("mode", "seconds", "engine", "compiles"),
    [
        ("now", 0.0, "kernel", True),
        ("never", 1e9, "reference", False),
        ("background", 0.0, "reference", True),
        ("background", 1e9, "kernel", True),
        ("", 0.0, "reference", True),
    ],
)
def test_mlpctl_compile_decides_who_waits(
    uncompiled: Callable[[float], None], monkeypatch: pytest.MonkeyPatch,
    mode: str, seconds: float, engine: str, compiles: bool,
) -> None:  # fmt: skip
    uncompiled(1)
    monkeypatch.setenv("MLPCTL_COMPILE", mode)
    choice = chosen(seconds)
    assert choice.engine.name == engine
    assert bool(choice.missing) == compiles
    assert choice.once == (engine == "reference" and compiles)
    assert bool(choice.note) == compiles


def test_another_word_is_an_error_of_usage_before_anything_is_written(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLPCTL_COMPILE", "later")
    with pytest.raises(UsageError, match="now, background, never, got 'later'"):
        compilation.compile_mode()
    assert cli(*SWEEP, "lr=0.1").code == cli("train", "--dataset", "iris", "--epochs", "1", "-q").code == 2
    assert not Path("results").exists()


def test_a_sweep_goes_over_to_the_kernel_once_that_is_compiled(cli: Cli, uncompiled: Callable[[float], None]) -> None:
    uncompiled(2)
    done = cli(*SWEEP, "lr=0.1,0.2,0.3,0.4")
    assert done.code == 0
    assert results.load("results/iris-mlp").trials["used_engine"].tolist() == ["reference"] * 2 + ["kernel"] * 2
    assert len([line for line in done.err.splitlines() if line.startswith("note: ")]) == 1


def test_a_sweep_that_is_slower_than_guessed_waits_for_the_kernel(
    cli: Cli, uncompiled: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    uncompiled(4)
    monkeypatch.setattr(compilation, "COMPILE_SECONDS", 50.0)
    monkeypatch.setattr(
        expected_time, "reference_seconds", lambda _: 1e-6
    )  # the first trial shows what it takes: ×1000
    monkeypatch.setattr(Curve, "wall_time", lambda _: {"seconds": 1e3})
    assert cli(*SWEEP, "lr=0.1,0.2,0.3").code == 0
    assert results.load("results/iris-mlp").trials["used_engine"].tolist() == ["reference", "kernel", "kernel"]


def test_continued_trials_are_of_one_engine_each(cli: Cli, uncompiled: Callable[[float], None]) -> None:
    search = ("--search", "halving", "--set", "epochs=4", "--jobs", "1", "-q", "--seeds", "1")
    axis = ("sweep", "--dataset", "iris", "--axis", "lr=0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9", "--name")
    uncompiled(0)
    assert cli(*axis, "kernel", *search).code == 0
    uncompiled(9)  # the first rung
    assert cli(*axis, "both", *search).code == 0
    alone, both = (results.load(f"results/{name}").trials.set_index("key") for name in ("kernel", "both"))
    assert set(both["used_engine"]) == {"reference", "kernel"}
    goes_on = both[both["used_engine"] == "kernel"]
    columns = [name for name in map(str, goes_on) if name.startswith(("val_", "train_", "test_"))]
    numbers: Any = goes_on[columns].select_dtypes("number")
    assert numbers.equals(alone.loc[goes_on.index, numbers.columns])  # bit for bit: from the start, by the kernel


@pytest.mark.parametrize(("large", "engine"), [(100.0, "kernel"), (5.0, "reference")])
def test_a_sweep_of_small_and_large_networks_is_guessed_as_a_whole(
    cli: Cli, uncompiled: Callable[[float], None], monkeypatch: pytest.MonkeyPatch, large: float, engine: str
) -> None:
    def seconds(work: Work) -> float:
        return large if work.network.layers[0].outputs > 100 else 1.0

    monkeypatch.setattr(expected_time, "reference_seconds", seconds)  # 10 to compile are less than 101, and more than 6
    uncompiled(1 if engine == "kernel" else float("inf"))
    done = cli(*SWEEP, "hidden_units=4,128")
    assert done.code == 0
    assert len([line for line in done.err.splitlines() if line.startswith("note: ")]) == 1
    assert results.load("results/iris-mlp").trials["used_engine"].tolist() == [engine] * 2


@pytest.mark.parametrize("looks", [0, float("inf")])
def test_looking_ahead_takes_nothing_from_the_limits(
    cli: Cli, uncompiled: Callable[[float], None], looks: float
) -> None:
    uncompiled(looks)
    sweep = ("sweep", "--dataset", "iris", "--epochs", "2", "-q", "--axis")
    assert cli(*sweep, "lr=0.6,0.7,0.8").code == 0
    assert cli(*sweep, "lr=0.1,0.2,0.3,0.4,0.6,0.7,0.8", "--max-trials", "3").code == 7
    trials = results.load("results/iris-mlp").trials
    assert set(trials["lr"]) == {0.6, 0.7, 0.8, 0.1, 0.2, 0.3}  # the limit counts in the order of the experiment
    sized = ("sweep", "--dataset", "iris", "--epochs", "2", "-q", "--set", "batch_norm=all", "--fail-fast")
    assert cli(*sized, "--axis", "batch_size=8,16,32,1,64", "--jobs", "1", "--name", "sized").code == 3
    assert results.load("results/sized").trials["status"].tolist() == ["ok", "ok", "invalid"]  # one is looked at ahead


def test_what_is_left_follows_what_trials_took() -> None:
    work, pace = work_of(classes()), Pace()
    assert pace.left(Load(8.0, 4.0), 0.5) == Load(4.0, 2.0)
    pace.ended(work, 3 * reference_seconds(work))
    assert pace.left(Load(8.0, 4.0), 0.5) == pytest.approx((12.0, 2.0))
    assert load_of([work], 2).reference == pytest.approx(2 * reference_seconds(work))


def test_doctor_tells_what_is_compiled(cli: Cli, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def told() -> dict[str, str]:
        rows = json.loads(cli("doctor", "--format", "json").out)
        return next(row for row in rows if row["what"] == "kernel")

    assert "not compiled yet" in told()["found"]
    assert "doctor --compile" in told()["what to do"]
    cache.write(empty / "epochs-float32-float32-another.o", b"")  # another kind of processor
    cache.write(cache.path_of("epochs-uint8-float32"), b"")
    assert told()["found"].endswith("compiled for inputs and arithmetic in uint8-float32")
    compilation.failure_file("orders").write_text("TypingError: no such type")
    assert told()["state"] == "failed"
    assert "no such type" in told()["found"]
    compilation.failure_file("orders").unlink()
    monkeypatch.setattr(compilation, "is_compiling", lambda: True)
    assert "being compiled, about 10 s more" in told()["found"]


def test_doctor_compiles_what_is_missing_and_is_done_where_nothing_is(
    cli: Cli, empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "usual", lambda: ["orders"])
    first, second = cli("doctor", "--compile"), cli("doctor", "--compile")
    assert (first.code, second.code) == (0, 0)
    assert first.out.startswith("compiled orders in ")
    assert second.out.startswith("the fast engine is compiled already")
    assert cache.compiled() == ["orders"]
