"""Fixtures: the command line as a user calls it, and small datasets."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from mlpctl import data, weights
from mlpctl.cli import main


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a file's tests on one worker of `--dist loadgroup`, where they name no group of their own."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


@dataclass
class Result:
    """What a command left: its exit code and what it printed."""

    code: int
    out: str
    err: str


Cli = Callable[..., Result]


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Cli:
    """Run mlpctl in an empty folder, in this process, through the same `main` as the installed command."""
    monkeypatch.chdir(tmp_path)
    data._load.cache_clear()  # a new process has loaded nothing
    weights.pinned.cache_clear()
    for name in ("MLPCTL_DEVICE", "MLPCTL_JOBS", "MLPCTL_OFFLINE", "MLPCTL_DEBUG", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["mlpctl", *(str(a) for a in arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            main()
        captured = capsys.readouterr()
        code = stopped.value.code
        return Result(code if isinstance(code, int) else 0 if code is None else 1, captured.out, captured.err)

    return run
