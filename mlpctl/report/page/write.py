"""A page from results: one HTML file that needs no network; plotly.js is in it, compressed."""

import base64
import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from mlpctl import __version__
from mlpctl.display.figure_style import COLOURS
from mlpctl.errors import UsageError
from mlpctl.metrics import SelectOn
from mlpctl.report.page.answers import WORDS
from mlpctl.report.page.content import page_title, part_of, reproducing, surroundings
from mlpctl.report.page.encode import html_safe_json
from mlpctl.report.summary import Summary, summarize
from mlpctl.store.results import ResultsFolders, load
from mlpctl.system.files import write_output

if TYPE_CHECKING:
    from jinja2 import Environment

HERE = "mlpctl.report.page"
SCRIPTS = (
    "base.js", "table.js", "plots.js", "effects.js", "learning_curves.js", "heat_map.js", "parallel_coordinates.js",
    "settings.js", "live.js", "page.js",
)  # fmt: skip
"""In the order of the page: each uses what those before it define."""

POLICY = (
    "default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; img-src data:; connect-src {connect}; "
    "base-uri 'none'; form-action 'none'"
)
"""Content-Security-Policy: a browser runs the scripts of these hashes alone, and lets the page reach nothing."""

STILL = {"version": "", "status": ""}
"""Of a page that does not change."""


@dataclass(frozen=True)
class PageOptions:
    """Options of `mlpctl report` that decide the content of a page.

    Attributes:
        metric: metric to compare on; None for the task's.
        on: part to compare on; None for the experiment's choice.
        forest: True for importance by a random forest where the trials are no complete grid.
    """

    metric: str | None = None
    on: SelectOn | None = None
    forest: bool = False


def write_page(results: ResultsFolders, summaries: Sequence[Summary], path: Path, *, forest: bool = False) -> None:
    """Write the page of some results in one go.

    Raises:
        UsageError: if it cannot be written, or there is nothing to write.
    """
    if not summaries:
        raise UsageError("no trial is done, so there is no page to write: --serve shows one as soon as there is")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error
    write_output(path, page(main_html(results, summaries, forest=forest)).encode())


def page(content: str, *, live: bool = False) -> str:
    """Return the whole page around its main part; a live one asks the server that sent it for changes."""
    look = files(HERE).joinpath("assets")
    script = "\n".join(look.joinpath(name).read_text("utf-8") for name in SCRIPTS)
    return _templates().get_template("page.html").render(
        main=content,
        live=live,
        policy=POLICY.format(
            scripts=f"{_hash(script.encode())} {_hash(_plotly_script())}", connect="'self'" if live else "'none'"
        ),
        colours=COLOURS,
        style=look.joinpath("page.css").read_text("utf-8"),
        script=script,
        plotly=plotly(),
    )  # fmt: skip


def main_html(
    results: ResultsFolders, summaries: Sequence[Summary], *, forest: bool = False, now: Mapping[str, str] = STILL
) -> str:
    """Return the main part of a page: what depends on the results, as they are now."""
    alone = len(summaries) == len(results.folders) == 1
    parts = [part_of(summary, results, forest=forest, alone=alone) for summary in summaries]
    return _templates().get_template("main.html").render(
        title=page_title(parts, results.folders),
        parts=parts,
        data=[html_safe_json(part.data) for part in parts],
        environments=surroundings(results),
        reproducing=reproducing(results),
        words=WORDS,
        mlpctl=__version__,
        **now,
    )  # fmt: skip


def main_of(folders: Sequence[Path], options: PageOptions, now: Mapping[str, str]) -> str:
    """Return the main part of the page of results folders.

    Args:
        folders: to read.
        options: options of the page.
        now: version of the results, and how far the sweep is in words (`status`).

    Raises:
        DataError: where there are no results.
        UsageError: for a metric or a part that was not scored.
    """
    results = load(*folders)
    summaries = summarize(results, metric=options.metric, on=options.on)
    if not summaries:
        return waiting("No trial is done yet. This page looks again by itself.", now)
    return main_html(results, summaries, forest=options.forest, now=now)


def waiting(message: str, now: Mapping[str, str]) -> str:
    """Return the main part of a page that has nothing to show yet."""
    return _templates().get_template("waiting.html").render(message=message, **now)


@cache
def plotly() -> str:
    """Return plotly.js, gzipped, as base64: 2.0 MB in place of 4.8; the browser unpacks it (`DecompressionStream`)."""
    return base64.b64encode(gzip.compress(_plotly_script(), mtime=0)).decode()


def _plotly_script() -> bytes:
    return files("plotly").joinpath("package_data", "plotly.min.js").read_bytes()


@cache
def _hash(script: bytes) -> str:
    """Return the source of a script in a policy: its hash."""
    return f"'sha256-{base64.b64encode(sha256(script).digest()).decode()}'"


@cache
def _templates() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader(HERE, "assets")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
