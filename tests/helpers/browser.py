"""A real Chromium, the system's: pages opened in it must not err, warn of nothing, and ask the network for nothing."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, Dialog, Page, sync_playwright

Scheme = Literal["light", "dark"]
DRAWN = "html[data-drawn]"


def chromium() -> str | None:
    """Return the browser to test with: MLPCTL_CHROMIUM, or the one that is installed; None if there is none."""
    named = os.environ.get("MLPCTL_CHROMIUM")
    return named or next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)


@contextmanager
def launched() -> Iterator[Browser]:
    """Yield a headless browser with a fresh profile."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Opened:
    """A page in the browser.

    Attributes:
        page: to act on.
        problems: console errors and warnings, exceptions, dialogs.
        requests: addresses that were asked for.
    """

    page: Page
    problems: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@contextmanager
def opened(
    browser: Browser, where: Path | str, *, width: int = 1280, scheme: Scheme = "light", **more: Any
) -> Iterator[Opened]:
    """Yield a page once its plots are drawn; at the end it must have had no problem and have stayed where it was."""
    address = where if isinstance(where, str) else where.as_uri()
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, **more)
    one = Opened(context.new_page())

    def refuse(dialog: Dialog) -> None:
        one.problems.append(dialog.message)
        dialog.dismiss()

    one.page.on("console", lambda said: one.problems.append(said.text) if said.type in ("error", "warning") else None)
    one.page.on("pageerror", lambda error: one.problems.append(str(error)))
    one.page.on("dialog", refuse)
    one.page.on("request", lambda request: one.requests.append(request.url))
    one.page.goto(address)
    if more.get("java_script_enabled", True):
        one.page.wait_for_selector(DRAWN, state="attached")
    yield one
    assert one.problems == []
    assert {asked for asked in one.requests if not asked.startswith(address)} == set()
    context.close()
