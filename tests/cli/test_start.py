"""Test how a command starts and ends, and its facts about the machine."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mlpctl.cli import COMMANDS, COMMANDS_BY_SECTION
from tests.helpers.cli import Cli


def test_every_command_is_listed_and_a_slip_is_answered(cli: Cli) -> None:
    lines = cli("--help").out.splitlines()
    begin = lines.index(f"{next(iter(COMMANDS_BY_SECTION))}:")
    assert [line.rstrip(":") for line in lines[begin:] if line.endswith(":")] == list(COMMANDS_BY_SECTION)
    listed = dict(line.split(maxsplit=1) for line in lines[begin:] if line.startswith("  "))
    assert listed == COMMANDS
    assert sorted(name for names in COMMANDS_BY_SECTION.values() for name in names) == sorted(COMMANDS)
    done = cli("tran")
    assert done.code == 2
    assert "'train'" in done.err


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(cli: Cli, name: str) -> None:
    done = cli(name, "--help")
    assert (done.code, done.err) == (0, "")
    assert f" {name} " in done.out.splitlines()[0]


def test_help_lists_options_by_what_they_are_about(cli: Cli) -> None:
    listed = cli("train", "--help-all").out
    sections = [line for line in listed.splitlines() if line.endswith(":") and line[0] != " "]
    assert sections == ["Options:", "Data:", "Model:", "Training:", "Randomness:", "Program:", "Run:"]
    assert "mlpctl[mlflow]" in listed


@pytest.mark.parametrize("name", ["train", "sweep"])
def test_the_short_help_has_what_most_people_need(cli: Cli, name: str) -> None:
    short, full = cli(name, "--help").out, cli(name, "--help-all").out
    assert all(f"--{option} " in short for option in ("dataset", "hidden-units", "lr", "epochs", "batch-size"))
    assert "--huber-delta" not in short
    assert "--huber-delta" in full
    assert f"mlpctl {name} --help-all" in short.splitlines()[-1]
    assert len(short.splitlines()) < 75 < len(full.splitlines())


def test_completion_knows_the_commands() -> None:
    asked = os.environ | {"_MLPCTL_COMPLETE": "complete_bash", "COMP_WORDS": "mlpctl s", "COMP_CWORD": "1"}
    script = "import sys; sys.argv = ['mlpctl']\nfrom mlpctl.cli import main\nmain()"
    done = subprocess.run([sys.executable, "-c", script], env=asked, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["sweep"]


def ended(
    *words: str, script: str = "from mlpctl.__main__ import program\nprogram()", stdout: Any, **environment: str
) -> Any:
    """Return what is left of a process that runs the program, its stdout buffered unless the environment says other."""
    code = f"import sys; sys.argv = ['mlpctl', *{words!r}]\n{script}"
    given = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"} | environment
    return subprocess.run(
        [sys.executable, "-c", code], text=True, check=False, stdout=stdout, stderr=subprocess.PIPE, env=given
    )


def test_what_was_registered_for_the_end_of_the_process_runs() -> None:
    script = "import atexit\natexit.register(lambda: print('the end'))\n"
    done = ended("--version", script=f"{script}from mlpctl.__main__ import program\nprogram()", stdout=subprocess.PIPE)
    assert done.stdout.splitlines()[1:] == ["the end"]
    assert (done.returncode, done.stderr) == (0, "")


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
        script = "import mlpctl.cli\nfrom mlpctl.errors import CheckFailed\ndef app(**_):\n    print('all of it')\n"
        script += "    raise CheckFailed('it does not hold')\nmlpctl.cli.app = app\n"
        done = ended(script=f"{script}from mlpctl.__main__ import program\nprogram()", stdout=left)
        assert (done.returncode, done.stderr) == (6, "error: it does not hold\n")


@pytest.mark.parametrize("closed", [1, 2])
def test_a_closed_stream_is_none_to_write_to(closed: int) -> None:
    script = f"import os, sys\nos.close({closed})\nsys.std{'out' if closed == 1 else 'err'} = None\n"
    script += "from mlpctl.__main__ import program\nprogram()"
    assert ended("data", "list", script=script, stdout=subprocess.DEVNULL).returncode == 0
    assert ended("train", "--dataset", "irish", script=script, stdout=subprocess.DEVNULL).returncode == 2
