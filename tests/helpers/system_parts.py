"""Parts of the system that some tests need: a test that lacks one is not run, and is named in the last lines.

`@pytest.mark.needs("chromium")` marks a test. With `CI=true` a missing part is a failure.
"""

import gzip
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from mlpctl.data import files
from mlpctl.data.fashion_mnist import PUBLISHED, FashionOptions, locate
from tests.helpers.browser import chromium

NOT_RUN = "not run: "
"""Beginning of the reason of a test that was skipped for a missing part."""


def _no_browser() -> str:
    if not chromium():
        return "no Chromium: `apt-get install chromium` as root, or MLPCTL_CHROMIUM=/path/to/it"
    driver = subprocess.run(
        [sys.executable, "-m", "playwright", "--version"], capture_output=True, text=True, check=False
    )
    return f"Playwright does not start: {driver.stderr.strip()}" if driver.returncode else ""


def _no_shared_memory() -> str:
    shared = Path("/dev/shm")
    return "no shared memory for this user, which Ray needs: mount /dev/shm" if not os.access(shared, os.W_OK) else ""


def _no_terminal() -> str:
    try:
        for descriptor in pty.openpty():
            os.close(descriptor)
    except OSError as error:
        return f"no terminal can be opened: {error}; mount /dev/pts"
    return ""


def _no_fashion_mnist() -> str:
    if all(Path(place).is_file() for place in locate(FashionOptions())):
        return ""
    return "no Fashion-MNIST: `mlpctl data fetch fashion-mnist`, or copy its files with `--from FOLDER`"


@contextmanager
def fashion_mnist_package() -> Iterator[None]:
    """Give tests the folder that Debian's package has, made of the files in the cache, where it is not installed."""
    cached = [PUBLISHED.cache / name for name in PUBLISHED.sha256]
    if PUBLISHED.installed.is_dir() or not all(path.is_file() for path in cached):
        yield
        return
    with TemporaryDirectory() as folder:
        (Path(folder) / PUBLISHED.name).mkdir()
        for path in cached:
            content = gzip.compress(path.read_bytes(), compresslevel=1)
            (Path(folder) / PUBLISHED.name / f"{path.name}.gz").write_bytes(content)
        installed, files.DEBIAN = files.DEBIAN, Path(folder)
        yield
        files.DEBIAN = installed


PARTS: dict[str, Callable[[], str]] = {
    "chromium": _no_browser,
    "fashion-mnist": _no_fashion_mnist,
    "shared-memory": _no_shared_memory,
    "terminal": _no_terminal,
}
"""Name -> function that returns what is missing and how to get it, or ""."""


@cache
def missing(part: str) -> str:
    """Return what is missing of a part and how to get it; "" if it is there."""
    return PARTS[part]()


def check(item: pytest.Item) -> None:
    """Skip a test that needs a part that is not there; with CI=true, fail it."""
    for marker in item.iter_markers("needs"):
        require(*marker.args)


def require(part: str) -> None:
    """Skip the test that calls this if a part is not there; with CI=true, fail it."""
    if why := missing(part):
        if os.environ.get("CI") == "true":
            pytest.fail(f"{why} (CI=true asks for every test)", pytrace=False)
        pytest.skip(NOT_RUN + why)


def summary(skipped: list[pytest.TestReport]) -> list[str]:
    """Return the lines that name the tests that were not run, by reason; none if all were."""
    by_reason: dict[str, list[str]] = {}
    for report in skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        _, found, why = reason.partition(NOT_RUN)
        if found:
            by_reason.setdefault(why, []).append(report.nodeid)
    lines = []
    for why, tests in by_reason.items():
        lines += [f"{len(tests)} tests were not run. {why}", *(f"  {test}" for test in tests)]
    return lines
