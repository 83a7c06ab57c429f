"""Read the cells of a table's file by column: a CSV as texts, other formats with their types."""

import csv
import io
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Literal, TextIO

from mlpctl.data.cells import Cells, gathered, without
from mlpctl.data.files import guess_separator
from mlpctl.data.table_formats import read_typed
from mlpctl.data.unpacking import unpacked
from mlpctl.errors import DataError
from mlpctl.system.parsing import parsing, short_lines

LONGEST_LINE = 1 << 22
"""Characters of the first line of a table; more is no text, or has no lines."""

BLOCK = 1 << 21
"""Bytes of a text that are parsed together; a few such blocks are in memory at once."""

BLANK = " "
"""Separator of columns with any number of blanks between them."""


@dataclass(frozen=True)
class FileForm:
    """Way in which a file is written, as far as the user says it; "" and () where it is found out.

    Attributes:
        separator: between the columns of a text.
        encoding: of a text; UTF-8, or UTF-16 where its mark is there, by default.
        header: first, if the first line names the columns; none, if they are called 1, 2, …
        comment: beginning of lines that are no data.
        sheet: of an Excel file.
        na: words for a missing value, besides the usual ones.
    """

    separator: str = ""
    encoding: str = ""
    header: Literal["first", "none"] = "first"
    comment: str = ""
    sheet: str = ""
    na: tuple[str, ...] = ()


def read_cells(
    path: Path, form: FileForm, content: bytes | None = None, *, texts: Collection[str] | None = ()
) -> dict[str, Cells]:
    """Return the cells of a file by column; the suffix says what it is, anything unknown is read as text.

    Columns of a text whose cells are plain numbers, or missing, come as numbers.

    Args:
        path: file, or its name in messages.
        form: how it is written.
        content: content of what is no file.
        texts: columns of a text that stay texts whatever is in them; None for all.

    Raises:
        DataError: if it cannot be read so, or a row is longer or shorter than the first line.
    """
    inner = path
    if content is None:
        inner, content = unpacked(path)
    suffix = inner.suffix.lower()
    with parsing(path, f"a table ({suffix.removeprefix('.')})" if suffix else "a table"):
        cells = read_typed(suffix, path, content, form.sheet)
        if cells is None:
            cells = _read_text(path, content, form, texts)
        else:
            _check_names(path, list(cells))
    missing = frozenset(form.na)
    return {name: without(own, missing) for name, own in cells.items()} if missing else cells


def _read_text(path: Path, content: bytes | None, form: FileForm, texts: Collection[str] | None) -> dict[str, Cells]:
    """Return the cells of a CSV by column, blanks around them left out."""

    def raw() -> BinaryIO:
        return path.open("rb") if content is None else io.BytesIO(content)

    def opened() -> TextIO:
        return io.TextIOWrapper(raw(), encoding, newline="")

    with raw() as start:
        has_mark = start.read(2) in (b"\xff\xfe", b"\xfe\xff")
    encoding = form.encoding or ("utf-16" if has_mark else "utf-8-sig")

    with opened() as stream:
        begin, head, separator = _beginning(short_lines(stream, LONGEST_LINE), form)
    with opened() as stream:
        first = head.split() if separator == BLANK else next(csv.reader(_rest(stream, begin), delimiter=separator), [])
    names = [name.strip() or f"Unnamed: {place}" for place, name in enumerate(first)]
    if not names:
        raise DataError(f"{path} cannot be read as a table: it is empty")
    if form.header == "none":
        names = [str(place + 1) for place in range(len(names))]
    _check_names(path, names)
    if separator == BLANK or form.comment:
        with opened() as stream:
            content, encoding = _plain(stream, begin, separator, form.comment), "utf-8"
    batches = partial(
        _batches, path, raw, encoding.removesuffix("-sig"), separator, begin, len(names), int(form.header == "first")
    )
    kept = names if texts is None or form.na else [name for name in names if name in texts]
    return gathered(names, kept, batches)


def _beginning(lines: Iterator[str], form: FileForm) -> tuple[int, str, str]:
    """Return (place, line, separator): the first line of the table, counted from 0.

    Lines before it are left out: `sep=;`, empty ones, comments, and lines that begin with # where the table does not.
    """
    told, skipped = "", list[tuple[int, str]]()
    for place, line in enumerate(lines):
        if place == 0 and (found := re.fullmatch(r"sep=(.)", line.strip())):
            told = found[1]
        elif line.strip() and not (form.comment and line.startswith(form.comment)):
            if line.startswith("#") and not form.comment:
                skipped.append((place, line))
                continue
            separator = form.separator or told or _guessed(line)
            # `#id,name` names columns; `# made by X` does not
            for early, above in skipped[-1:]:
                if len(above.split(separator)) == len(line.split(separator)) > 1:
                    return early, above, separator
            return place, line, separator
    if skipped:
        place, line = skipped[0]
        return place, line, form.separator or told or _guessed(line)
    return 0, "", form.separator or ","


def _guessed(line: str) -> str:
    """Return the separator of a line; a line without another one has blanks between its columns."""
    separator = guess_separator(line)
    return BLANK if separator not in line and len(line.split()) > 1 else separator


def _rest(stream: TextIO, begin: int) -> Iterable[str]:
    """Yield the lines of a text from a place on."""
    for _ in range(begin):
        stream.readline()
    return stream


def _plain(stream: TextIO, begin: int, separator: str, comment: str) -> bytes:
    """Return a text without comments, blanks between columns made one; lines keep their numbers."""
    lines = list[str]()
    for place, line in enumerate(stream):
        is_left_out = place < begin or (comment and line.startswith(comment))
        own = "" if is_left_out else line.rstrip("\r\n")
        lines.append(BLANK.join(own.split()) if separator == BLANK else own)
    return "\n".join(lines).encode()


def _batches(
    path: Path, raw: Callable[[], BinaryIO], encoding: str, separator: str, begin: int, width: int, header: int
) -> Iterator[Any]:
    """Yield the rows of a text as arrow's batches of texts, some at a time.

    Raises:
        DataError: for a row that has more or fewer cells than the first.
    """
    import pyarrow as pa
    import pyarrow.csv as pc

    columns = [str(number) for number in range(width)]
    try:
        with raw() as stream:
            yield from pc.open_csv(
                stream,
                pc.ReadOptions(
                    column_names=columns, skip_rows=begin, skip_rows_after_names=header, encoding=encoding,
                    block_size=BLOCK,
                ),
                pc.ParseOptions(delimiter=separator, newlines_in_values=True),
                pc.ConvertOptions(column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=False),
            )  # fmt: skip
    except pa.ArrowInvalid:
        with io.TextIOWrapper(raw(), encoding, newline="") as stream:
            reader = csv.reader(_rest(stream, begin), delimiter=separator)
            for row in reader:
                if row and len(row) != width:
                    wrong = f"the first line has {width} columns, this one {len(row)}"
                    raise DataError(f"{path}, line {reader.line_num + begin}: {wrong}") from None
        raise


def _check_names(path: Path, names: Sequence[str]) -> None:
    """Check that no two columns have one name.

    Raises:
        DataError: naming those that do.
    """
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"{path}: {len(twice)} names of columns are there twice, such as '{twice[0]}': rename one")
