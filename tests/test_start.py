"""How a command starts: what it imports, what it asks other programs beside it, and what that comes to."""

import dataclasses
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from mlpctl import kept_code, machine
from mlpctl.cli import COMMANDS
from mlpctl.data.prepare import _classes
from mlpctl.installed import library_version
from mlpctl.kept_code import KeptCode
from tests.conftest import Cli


def imported(*command: str, cwd: Path) -> set[str]:
    """Return the modules that a command has imported at its end."""
    script = (
        f"import sys; sys.argv = ['mlpctl', *{command!r}]\nfrom mlpctl.cli import main\n"
        "try:\n    main()\nfinally:\n    print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=cwd, capture_output=True, text=True, check=True)
    return set(done.stderr.splitlines()[-1].split())


def test_a_command_imports_none_of_the_others(tmp_path: Path) -> None:
    modules = imported("doctor", "--help", cwd=tmp_path)
    assert {name for name in COMMANDS if f"mlpctl.cli.{name}" in modules} == {"doctor"}
    assert not {name for name in COMMANDS if f"mlpctl.cli.{name}" in imported("--version", cwd=tmp_path)}


def test_a_sweep_imports_only_what_it_needs(cli: Cli, tmp_path: Path) -> None:
    sweep = ("sweep", "--dataset", "iris", "--axis", "lr=0.1,0.2", "--epochs", "2", "--engine", "kernel")
    assert cli(*sweep, "--name", "before").code == 0  # compiles, and keeps the data, where nobody has yet
    heavy = {"torch", "numba", "sklearn", "matplotlib", "optuna", "ray", "psutil", "rich.live", "rich.progress"}
    heavy |= {"pandas", "scipy", "numpy.ma"}
    ours = {"mlpctl.preview", "mlpctl.planned", "mlpctl.cluster.connect", "mlpctl.verify.measures", "mlpctl.cli.train"}
    assert imported(*sweep, "-q", cwd=tmp_path) & (heavy | ours) == set()


def test_every_command_is_listed_and_a_slip_is_answered(cli: Cli) -> None:
    lines = cli("--help").out.splitlines()
    named = [words[1] for line in lines if len(words := line.split()) > 2 and words[1] in COMMANDS]
    assert named == list(COMMANDS)
    done = cli("tran")
    assert done.code == 2
    assert "'train'" in done.err


@pytest.mark.parametrize(("given", "threads"), [(None, 1), ("2", 2)])
def test_numpy_is_imported_with_one_thread_of_its_blas_that_is_not_handed_on(given: str | None, threads: int) -> None:
    script = (
        "import os; from mlpctl.cli.early import begin; begin()\n"
        "from threadpoolctl import threadpool_info, threadpool_limits\n"
        "count = lambda: {info['num_threads'] for info in threadpool_info() if info['user_api'] == 'blas'}\n"
        "print(count(), os.environ.get('OPENBLAS_NUM_THREADS'))\n"
        "with threadpool_limits(2, 'blas'):\n    print(count())"
    )
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True,
        env=environment | ({} if given is None else {"OPENBLAS_NUM_THREADS": given}),
    )  # fmt: skip
    assert done.stdout.splitlines() == [f"{{{threads}}} {given}", "{2}"]


def test_what_is_asked_ahead_is_not_asked_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    asked: list[str] = []

    def driver() -> list[dict[str, str]]:
        asked.append("driver")
        return [{"name": "A"}]

    monkeypatch.setattr(machine, "nvidia_smi", driver)
    machine.ask_ahead()
    assert machine.environment()["gpus"] == [{"name": "A"}]
    assert asked == ["driver"]
    machine.environment()
    assert asked == ["driver", "driver"]  # a later run asks anew: the commit may be another


def test_the_state_of_a_checkout(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        names = ["-c", "user.name=a", "-c", "user.email=a@b"]
        done = subprocess.run(["git", *names, *words], cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    assert machine.git_state(tmp_path) is None
    git("init", "-q")
    assert machine.git_state(tmp_path) is None
    (tmp_path / "a file").write_text("1")
    git("add", ".")
    git("commit", "-qm", "first")
    clean = {"commit": git("rev-parse", "HEAD"), "dirty": False}
    assert machine.git_state(tmp_path) == clean
    (tmp_path / "untracked").write_text("1")
    assert machine.git_state(tmp_path) == clean
    (tmp_path / "a file").write_text("2")
    assert machine.git_state(tmp_path) == clean | {"dirty": True}


def test_versions_and_memory_are_those_that_the_libraries_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {name: library_version(name) for name in (*machine.LIBRARIES, "nobody-has-this")}
    assert known.pop("nobody-has-this") is None
    assert known == {name: metadata.version(name) for name in known}
    (tmp_path / "an_egg-1.5.egg-info").write_text("Metadata-Version: 1.1\nName: an-egg\nVersion: 1.5\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert library_version("an-egg") == "1.5"
    assert machine.memory_bytes() == psutil.virtual_memory().total


def test_classes_are_counted_as_numpy_counts_them() -> None:
    for seed in range(100):
        random = np.random.default_rng(seed)
        y = (random.integers(0, random.integers(1, 9), random.integers(1, 40)) * 2).astype(np.int32)
        _, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
        assert [part.tolist() for part in _classes(y)] == [codes.tolist(), counts.tolist()]


def test_methods_of_dataclasses_are_compiled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def made(kept: KeptCode) -> type:
        monkeypatch.setattr(dataclasses, "exec", kept.execute, raising=False)

        @dataclasses.dataclass(frozen=True)
        class Point:
            x: int
            y: float = 2.5

        return Point

    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(kept_code, "HEAVY", "nobody-has-this")  # other tests have imported torch
    first = KeptCode(tmp_path / "cache" / "a.methods")
    made(first)
    assert first.is_new
    first.save()
    again = KeptCode(first.path)
    point = made(again)
    assert not again.is_new
    assert point(3) == point(3, 2.5) != point(4)
    assert repr(point(3)).endswith("Point(x=3, y=2.5)")
    with pytest.raises(dataclasses.FrozenInstanceError):
        point(3).x = 1

    whole = first.path.read_bytes()
    for damaged in (b"", whole[:-1], b"1234" + whole[4:], whole[:40] + b"\xff" + whole[41:]):
        first.path.write_bytes(damaged)
        other = KeptCode(first.path)
        assert made(other)(3).y == 2.5
        assert other.is_new

    monkeypatch.setattr(kept_code, "HEAVY", "sys")  # that is imported: nothing more is worth keeping
    late = KeptCode(tmp_path / "late.methods")
    assert made(late)(3).y == 2.5
    assert not late.is_new


def test_nothing_is_kept_where_python_keeps_nothing(tmp_path: Path) -> None:
    def started(**environment: str) -> list[Path]:
        given = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        given |= {"PYTHONPYCACHEPREFIX": str(tmp_path / "cache"), **environment}
        subprocess.run([sys.executable, "-m", "mlpctl", "--version"], env=given, capture_output=True, check=True)
        return [path for path in tmp_path.rglob("*.methods") if path.is_file()]

    assert started(PYTHONDONTWRITEBYTECODE="1") == []
    (file,) = started()
    before = file.stat().st_mtime_ns
    assert started() == [file]
    assert file.stat().st_mtime_ns == before  # there was nothing new
    file.unlink()
    file.mkdir()  # cannot be written
    assert started() == []


def ended(
    *words: str, script: str = "from mlpctl.__main__ import program\nprogram()", stdout: Any, **environment: str
) -> Any:
    """Return what is left of a process that runs the program, its stdout buffered unless the environment says other."""
    code = f"import sys; sys.argv = ['mlpctl', *{words!r}]\n{script}"
    given = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"} | environment
    return subprocess.run(
        [sys.executable, "-c", code], text=True, check=False, stdout=stdout, stderr=subprocess.PIPE, env=given
    )


def test_a_process_ends_with_its_code_after_its_threads_and_what_others_do_at_the_end() -> None:
    script = (
        "import atexit, threading, time\nfrom mlpctl.__main__ import program\n"
        "late = threading.Thread(target=lambda: (time.sleep(0.3), print('a thread')))\n"
        "import mlpctl.cli\nwhole = mlpctl.cli.main\n"
        "def main():\n    late.start()\n    atexit.register(lambda: print('registered within'))\n    whole()\n"
        "mlpctl.cli.main = main\nprogram()"
    )
    done = ended("--version", script=script, stdout=subprocess.PIPE)
    assert done.stdout.splitlines()[1:] == ["a thread", "registered within"]
    assert (done.returncode, done.stderr) == (0, "")
    done = ended("train", "--dataset", "irish", stdout=subprocess.PIPE)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)


def test_an_error_of_ours_is_told_with_a_traceback() -> None:
    script = "import mlpctl.cli\nmlpctl.cli.main = lambda: 1 / 0\nfrom mlpctl.__main__ import program\nprogram()"
    done = ended(script=script, stdout=subprocess.DEVNULL)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "ZeroDivisionError: division by zero"


FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="a file that is always full is Linux's")
@pytest.mark.parametrize("unbuffered", [{}, {"PYTHONUNBUFFERED": "1"}])
def test_a_full_disk_behind_stdout_is_one_line(unbuffered: dict[str, str]) -> None:
    with FULL.open("w") as full:
        done = ended("--version", stdout=full, **unbuffered)
    assert done.returncode == 4
    assert done.stderr == "error: cannot write stdout, or a file: No space left on device\n"


def test_a_reader_that_leaves_hides_no_failure() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as left:
        done = ended("data", "list", stdout=left)
        assert (done.returncode, done.stderr) == (0, "")
        assert ended("train", "--dataset", "irish", stdout=left).returncode == 2
        script = "import mlpctl.cli\nfrom mlpctl.errors import CheckFailed\ndef app():\n    print('all of it')\n"
        script += "    raise CheckFailed('it does not hold')\nmlpctl.cli.app = app\n"
        done = ended(script=f"{script}from mlpctl.__main__ import program\nprogram()", stdout=left)
        assert (done.returncode, done.stderr) == (6, "error: it does not hold\n")


@pytest.mark.parametrize("closed", [1, 2])
def test_a_closed_stream_is_none_to_write_to(closed: int) -> None:
    script = f"import os, sys\nos.close({closed})\nsys.std{'out' if closed == 1 else 'err'} = None\n"
    script += "from mlpctl.__main__ import program\nprogram()"
    assert ended("data", "list", script=script, stdout=subprocess.DEVNULL).returncode == 0
    assert ended("train", "--dataset", "irish", script=script, stdout=subprocess.DEVNULL).returncode == 2
