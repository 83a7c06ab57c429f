"""Fixtures: the command line as a user calls it. Hooks: tests whose system parts are missing are named at the end."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlpctl import data
from mlpctl.cli import main
from mlpctl.store import weights
from tests.helpers import system_parts
from tests.helpers.cli import Cli, Result


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a file's tests on one worker of `--dist loadgroup`, where they name no group of their own."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


@pytest.fixture(scope="session", autouse=True)
def _fashion_mnist() -> Iterator[None]:
    with system_parts.fashion_mnist_package():
        yield


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


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line("markers", "needs(part): a part of the system that the test needs, see system_parts")
    os.environ.setdefault("MLPCTL_COMPILE", "never")  # a test with an empty cache would start a compiler of its own


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what cannot be run here."""
    system_parts.check(item)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Print what was not run, below everything else."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and not hasattr(config, "workerinput"):  # a worker of xdist has no terminal
        for line in system_parts.summary(reporter.stats.get("skipped", [])):
            reporter.write_line(line)
