"""One look for all figures: colours that the colour-blind tell apart, quiet axes."""

from io import BytesIO
from typing import TYPE_CHECKING, Any

from mlpctl.errors import UsageError
from mlpctl.system.files import write_output

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's palette, darkest contrasts first."""

GREY = "#9A9A9A"
SUFFIXES = (".png", ".svg", ".pdf")

INK, QUIET = "#222222", "#555555"
"""Colour of what is read, and of what explains it; both pass 4.5 : 1 on white."""

TITLE_SIZE, LABEL_SIZE, SMALL_SIZE = 11, 10, 9
"""Points: of titles; of axis titles; of ticks, names of lines and second lines of titles."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X")
"""Beside the colours, for who cannot tell these apart, and for black and white paper."""

DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)), (0, (3, 1.2)), (0, (8, 2)), (0, (1, 2)))
"""Line styles, for lines too long for markers."""

STYLE: Any = {
    "figure.dpi": 120,
    "savefig.dpi": 160,
    "savefig.facecolor": "white",
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same figure on every machine
    "font.size": LABEL_SIZE,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.labelsize": LABEL_SIZE,
    "axes.edgecolor": "#888888",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titlelocation": "left",
    "axes.titlesize": TITLE_SIZE,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.7,
    "xtick.color": "#888888",
    "ytick.color": "#888888",
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": SMALL_SIZE,
    "ytick.labelsize": SMALL_SIZE,
    "legend.frameon": False,
    "legend.fontsize": SMALL_SIZE,
    "legend.title_fontsize": SMALL_SIZE,
    "lines.linewidth": 1.6,
    "hatch.linewidth": 0.6,
    "svg.fonttype": "none",  # text stays text
    "pdf.fonttype": 42,
    "svg.hashsalt": "mlpctl",  # the same data give the same file
}

METADATA: dict[str, dict[str, None]] = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
"""No date: equal results give equal files."""


def new_figure(width: float = 7.0, height: float = 4.2) -> "tuple[Figure, Any]":
    """Return a figure (inches) and its axes, in the look of the project; no display is needed."""
    figure, axes = panels(1, 1, width, height)
    return figure, axes[0]


def panels(rows: int, columns: int, width: float, height: float, **how: Any) -> "tuple[Figure, list[Any]]":
    """Return a figure (inches) with axes in rows and columns, in the look of the project; axes row by row.

    Args:
        rows: number of rows of axes.
        columns: number of columns of axes.
        width: width of the figure (inches).
        height: height of the figure (inches).
        how: options of `Figure.subplots`: sharey, width_ratios.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        return figure, list(figure.subplots(rows, columns, squeeze=False, **how).flat)


def styled() -> Any:
    """Return a context in which matplotlib makes texts and legends in the look of the project."""
    import matplotlib as mpl

    return mpl.rc_context(STYLE)


def entitle(axes: Any, title: str, *, over: bool = False) -> None:
    """Write a title at the left: its first line, and smaller below it the others; broken where they would be too long.

    Args:
        axes: axes, or a figure's first axes.
        title: lines.
        over: the whole figure, above all its axes.
    """
    figure = axes.figure
    share = 1.0 if over else axes.get_position().width
    points = 72 * figure.get_figwidth() * share
    first, _, rest = title.partition("\n")
    heads = _broken(first, points / (0.56 * TITLE_SIZE))
    tails = [line for part in rest.split("\n") if part for line in _broken(part, points / (0.56 * SMALL_SIZE))]
    with styled():
        if over:
            head, tail = 1.3 * TITLE_SIZE * len(heads), 1.3 * SMALL_SIZE * len(tails)  # points
            tall = 72 * figure.get_figheight()
            figure.get_layout_engine().set(rect=(0, 0, 1, 1 - (head + tail + 4) / tall))
            figure.text(0.006, 1 - 4 / tall, "\n".join(heads), ha="left", va="top", fontsize=TITLE_SIZE)
            figure.text(0.006, 1 - (head + 4) / tall, "\n".join(tails), ha="left", va="top", fontsize=SMALL_SIZE,
                        color=QUIET)  # fmt: skip
            return
        axes.set_title("\n".join(heads), pad=6 + len(tails) * (1.35 * SMALL_SIZE + 2))
        if tails:
            axes.annotate("\n".join(tails), (0, 1), (0, 4), xycoords="axes fraction", textcoords="offset points",
                          ha="left", va="bottom", fontsize=SMALL_SIZE, color=QUIET, linespacing=1.25)  # fmt: skip


def _broken(text: str, characters: float) -> list[str]:
    import textwrap

    return textwrap.wrap(text, max(20, int(characters))) or [""]


def ink_on(colour: Any) -> str:
    """Return black or white, whichever is read better on a colour; at least 4.58 : 1.

    Source: WCAG 2.2, relative luminance and contrast ratio.
    """
    return "white" if contrast("white", colour) > contrast("black", colour) else "black"


def readable(colour: str) -> str:
    """Return a colour dark enough for words on white: 4.5 : 1, as WCAG asks for; the same hue."""
    from matplotlib.colors import to_hex, to_rgb

    rgb = to_rgb(colour)
    while contrast("white", rgb) < 4.5:
        rgb = (0.95 * rgb[0], 0.95 * rgb[1], 0.95 * rgb[2])
    return to_hex(rgb)


def contrast(one: Any, other: Any) -> float:
    """Return the contrast ratio of two colours, 1 to 21."""
    from matplotlib.colors import to_rgb

    lights = []
    for colour in (one, other):
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in to_rgb(colour)]
        lights.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return float((max(lights) + 0.05) / (min(lights) + 0.05))


def save(figure: "Figure", path: "Path") -> None:
    """Write a figure; its format is the suffix.

    Raises:
        UsageError: for another suffix, or a file that cannot be written.
        DataError: if the disk is full; the old file is as it was.
    """
    import matplotlib as mpl

    check_suffix(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error
    stream, suffix = BytesIO(), path.suffix.lower()
    with mpl.rc_context(STYLE):
        figure.savefig(stream, format=suffix[1:], metadata=METADATA[suffix])
    write_output(path, stream.getvalue())


def check_suffix(path: "Path") -> None:
    """Check that a file's name is that of a figure.

    Raises:
        UsageError: if it is not.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"figures are {', '.join(SUFFIXES)} files, got '{path.name}'")
