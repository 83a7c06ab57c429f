"""Parts of the system that some tests need: a test that lacks one is not run, and is named in the last lines.

`@pytest.mark.needs("chromium")` marks a test. With `CI=true` a missing part is a failure.
"""

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from mlpctl.data.fashion_mnist import FashionOptions, locate
from tests.helpers.browser import chromium

NOT_RUN = "not run: "
"""Beginning of the reason of a test that was skipped for a missing part."""


def _no_chromium() -> str:
    return "" if chromium() else "no Chromium: `apt-get install chromium` as root, or MLPCTL_CHROMIUM=/path/to/it"


def _no_fashion_mnist() -> str:
    if all(Path(place).is_file() for place in locate(FashionOptions())):
        return ""
    return "no Fashion-MNIST: `mlpctl data fetch fashion-mnist`, or copy its files with `--from FOLDER`"


PARTS: dict[str, Callable[[], str]] = {"chromium": _no_chromium, "fashion-mnist": _no_fashion_mnist}
"""Name -> function that returns what is missing and how to get it, or ""."""


@cache
def missing(part: str) -> str:
    """Return what is missing of a part and how to get it; "" if it is there."""
    return PARTS[part]()


def check(item: pytest.Item) -> None:
    """Skip a test that needs a part that is not there; with CI=true, fail it."""
    for marker in item.iter_markers("needs"):
        if why := missing(*marker.args):
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
