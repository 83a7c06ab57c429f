"""One look for all figures: colours that the colour-blind tell apart, quiet axes, labels with units."""

from typing import TYPE_CHECKING, Any

from mlpctl.errors import UsageError
from mlpctl.spec import Spec, extra

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's palette, darkest contrasts first."""

GREY = "#9A9A9A"
SUFFIXES = (".png", ".svg", ".pdf")

STYLE: Any = {
    "figure.dpi": 120,
    "savefig.dpi": 160,
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.7,
    "axes.axisbelow": True,
    "axes.titlelocation": "left",
    "svg.fonttype": "none",
    "svg.hashsalt": "mlpctl",  # the same data give the same file
}


def new_figure(width: float = 7.0, height: float = 4.2) -> "tuple[Figure, Any]":
    """Return a figure (inches) and its axes, in the look of the project; no display is needed."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        return figure, figure.add_subplot()


def save(figure: "Figure", path: "Path") -> None:
    """Write a figure; its format is the suffix.

    Raises:
        UsageError: for another suffix, or a file that cannot be written.
    """
    import matplotlib as mpl

    check_suffix(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with mpl.rc_context(STYLE):
            figure.savefig(path)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error


def check_suffix(path: "Path") -> None:
    """Check that a file's name is that of a figure.

    Raises:
        UsageError: if it is not.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"figures are {', '.join(SUFFIXES)} files, got '{path.name}'")


def label(name: str) -> str:
    """Return the axis label of a field, with its unit."""
    info = Spec.model_fields.get(name)
    unit = extra(info, "unit") if info is not None else ""
    return f"{name.replace('_', ' ')} ({unit})" if unit and unit not in name else name.replace("_", " ")
