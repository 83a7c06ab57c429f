"""Write answers to exercises as one HTML page that needs no network, with the look of the page of a report."""

import base64
from collections.abc import Mapping
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from mlpctl import __version__
from mlpctl.display.figure_style import COLOURS
from mlpctl.errors import UsageError
from mlpctl.report.figures.plot import Plot
from mlpctl.system.files import write_output
from mlpctl.textbook.exercises.catalog import EXERCISES, SOURCE

if TYPE_CHECKING:
    from mlpctl.textbook.exercises.solve import Solution


def write_answers(answers: "Mapping[str, Solution]", path: Path) -> None:
    """Write the page of some answers, by number of their exercise.

    Raises:
        UsageError: if the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error
    write_output(path, answers_page(answers).encode())


def answers_page(answers: "Mapping[str, Solution]") -> str:
    """Return the page of some answers: no script, no address, plots within it."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    style = files("mlpctl.report.page").joinpath("assets", "page.css").read_text("utf-8")
    loader = PackageLoader("mlpctl.report.page", "assets")
    templates = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    parts = [(number, EXERCISES[number], answer, _picture(answer.plot)) for number, answer in answers.items()]
    return templates.get_template("exercises.html").render(
        parts=parts, style=style, colours=COLOURS, source=SOURCE, mlpctl=__version__
    )


def _picture(plot: Plot) -> str:
    """Return the plot as the text of a PNG in a page."""
    from mlpctl.report.figures.draw import draw

    file = BytesIO()
    draw(plot).savefig(file, format="png", dpi=150, bbox_inches="tight", facecolor="white")
    return base64.b64encode(file.getvalue()).decode()
