"""Decide what the columns of a table of texts are: numbers however they are written, dates, or categories.

What a column was understood as is kept: new examples for a trained network are read by it, and people are told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from re import Match, compile, escape, fullmatch
from shlex import quote
from typing import Literal

import numpy as np

from mlpctl.data.cells import CODE, MISSING, Cells
from mlpctl.errors import DataError

CURRENCIES = r"[$€£¥₹]|USD|EUR|GBP|CHF|JPY|CNY|INR"

AFFIXED = compile(
    rf"(?P<before>{CURRENCIES})?\s*(?P<number>[+-]?\d[\d.,'\s]*?(?:[eE][+-]?\d+)?|[+-]?\.\d+)\s*"
    rf"(?P<after>%|{CURRENCIES}|°?[^\W\d_]{{1,4}}[²³]?|°)?"
)
"""A number with the currency before it, or the percent sign, currency or unit behind it."""

SEPARATORS = ((".", ""), (".", ","), (",", ""), (",", "."), (".", " "), (",", " "), (".", "'"))
"""Decimal sign and thousands separator that numbers are written with somewhere."""

ORDERED_DATE = compile(r"(\d{1,2})([./])(\d{1,2})\2(\d{4})")

DAYS = date(1970, 1, 1).toordinal()

ENOUGH_ROWS = 10
"""Rows from which a column may look wrong."""

BOOLEANS = {"true": "True", "false": "False"}

Kind = Literal["number", "date", "category"]


@dataclass(frozen=True)
class NumberForm:
    """Way in which the numbers of a column are written.

    Attributes:
        decimal: decimal sign.
        thousands: thousands separator; "" for none.
        before: currency before each.
        after: unit, currency or percent sign behind each.
    """

    decimal: str = "."
    thousands: str = ""
    before: str = ""
    after: str = ""

    def value(self, text: str) -> float:
        """Return the number that a cell stands for."""
        bare = text.removeprefix(self.before).removesuffix(self.after).strip()
        if self.thousands:
            bare = bare.replace(self.thousands, "")
        return float(bare.replace(self.decimal, ".") if self.decimal != "." else bare)


PLAIN = NumberForm()


@dataclass(frozen=True)
class Column:
    """Column of a table, as it was understood.

    Attributes:
        name: name of the column.
        kind: a number, a date (days since 1970-01-01), or a category (an input of 0 and 1 for each of its words).
        form: how its numbers are written.
        words: words of a category, sorted.
        day_first: True where dates are written day before month.
    """

    name: str
    kind: Kind
    form: NumberForm = PLAIN
    words: tuple[str, ...] = ()
    day_first: bool = True

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs that the column becomes."""
        return tuple(f"{self.name}={word}" for word in self.words) if self.kind == "category" else (self.name,)

    @property
    def told(self) -> str:
        """Return the words for people about dates, and numbers that are not written plainly; "" for all else."""
        form, how = self.form, list[str]()
        if self.kind == "date":
            return f"{self.name} as days since 1970-01-01"
        if form.decimal != ".":
            how.append("decimal comma")
        if form.thousands:
            how.append(f"thousands separated by '{form.thousands}'")
        if form.before or form.after:
            how.append(f"without '{form.before or form.after}'")
        return f"{self.name} as numbers ({', '.join(how)})" if how else ""


@dataclass(frozen=True)
class Reading:
    """Options of the user about numbers and categories; "" and () where none is given.

    Attributes:
        decimal: decimal sign of all columns.
        thousands: thousands separator of all columns.
        categorical: columns that are categories whatever their cells look like.
    """

    decimal: str = ""
    thousands: str = ""
    categorical: Sequence[str] = field(default=())


def understood(name: str, texts: Sequence[str], reading: Reading, where: str) -> Column:
    """Return what a column is.

    Args:
        name: of the column.
        texts: its cells.
        reading: what the user says.
        where: file, for messages.

    Raises:
        DataError: for cells that may be two numbers, units or dates that differ, a typo among numbers.
    """
    if name in reading.categorical:
        return category(name, texts)
    distinct = list(dict.fromkeys(texts))
    there = [text for text in distinct if text not in MISSING]
    if there and (form := number_form(name, there, reading, where)) is not None:
        is_code = (
            form == PLAIN and any(fullmatch(CODE, text) for text in there) and all(text.isdigit() for text in there)
        )
        return category(name, texts) if is_code else Column(name, "number", form)
    if there and (day_first := _date_order(name, there, where)) is not None:
        return Column(name, "date", day_first=day_first)
    _check_no_typo(name, texts, where)
    return category(name, texts)


def category(name: str, texts: Sequence[str]) -> Column:
    """Return the column of the words of some cells."""
    return Column(name, "category", words=tuple(sorted(set(booleans(texts)) - {""})))


def number_form(name: str, texts: Sequence[str], reading: Reading, where: str) -> NumberForm | None:
    """Return how the numbers of some cells are written; None where they are no numbers.

    Raises:
        DataError: where they may be two numbers each, or have units that differ.
    """
    is_plain = all(map(_is_plain, texts))
    if is_plain and not reading.thousands and reading.decimal in ("", "."):
        return PLAIN
    found = [AFFIXED.fullmatch(text) for text in texts]
    matches = [match for match in found if match is not None]
    affixes = set(map(_affix, matches))
    if len(matches) < len(texts):
        return None
    if len(affixes) > 1:
        first = next(match.string for match in matches[1:] if _affix(match) != _affix(matches[0]))
        raise DataError(
            f"{where}: column '{name}' has numbers with different units, '{matches[0].string}' and '{first}': write "
            f"one unit, or set --data categorical={name} or drop={name}"
        )
    [(before, after)] = affixes
    forms = [
        NumberForm(decimal, thousands, before, after)
        for decimal, thousands in SEPARATORS
        if reading.decimal in ("", decimal) and reading.thousands in ("", thousands)
        if all(_is_written(match["number"], decimal, thousands) for match in matches)
    ]
    values = {tuple(form.value(match.string) for match in matches) for form in forms}
    if len(values) > 1:
        comma = next(match.string for match in matches if "," in match.string)
        raise DataError(
            f"{where}: column '{name}' may have decimal or thousands commas, as in '{comma}': set --data decimal=, or "
            "--data thousands=,"
        )
    if forms:
        return forms[0]
    return PLAIN if is_plain else None  # where the user speaks of other columns


def _affix(match: Match[str]) -> tuple[str, str]:
    return match["before"] or "", match["after"] or ""


def _is_plain(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def _is_written(number: str, decimal: str, thousands: str) -> bool:
    whole = rf"\d{{1,3}}(?:{escape(thousands)}\d{{3}})+|\d+" if thousands else r"\d+"
    sign = escape(decimal)
    return fullmatch(rf"[+-]?(?:(?:{whole})(?:{sign}\d*)?|{sign}\d+)(?:[eE][+-]?\d+)?", number) is not None


def _date_order(name: str, texts: Sequence[str], where: str) -> bool | None:
    """Return whether days come before months in dates, True for ISO dates; None where the cells are no dates.

    Raises:
        DataError: where it cannot be known.
    """
    if all(_iso(text) is not None for text in texts):
        return True
    found = [ORDERED_DATE.fullmatch(text) for text in texts]
    if not all(found):
        return None
    parts = [(int(match[1]), int(match[3])) for match in found if match is not None]
    day_first, month_first = max(first for first, _ in parts) > 12, max(second for _, second in parts) > 12
    if day_first and month_first:
        return None
    if not day_first and not month_first and any(first != second for first, second in parts):
        if all("." in text for text in texts):
            return True
        raise DataError(
            f"{where}: column '{name}' has dates that may be day or month first, such as '{texts[0]}': write them as "
            f"YYYY-MM-DD, or set --data drop={name}"
        )
    return day_first or not month_first


def _iso(text: str) -> float | None:
    if len(text) < 10 or text[4:5] != "-":
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    seconds = moment.hour * 3600 + moment.minute * 60 + moment.second
    return moment.toordinal() - DAYS + seconds / 86400


def days(text: str, *, day_first: bool) -> float:
    """Return the days of a date since 1970-01-01.

    Raises:
        ValueError: for a text that is no date.
    """
    if (iso := _iso(text)) is not None:
        return iso
    match = ORDERED_DATE.fullmatch(text)
    if match is None:
        raise ValueError(text)
    day, month = (int(match[1]), int(match[3])) if day_first else (int(match[3]), int(match[1]))
    return float(date(int(match[4]), month, day).toordinal() - DAYS)


def _check_no_typo(name: str, texts: Sequence[str], where: str) -> None:
    """Refuse words among numbers: one `n/k` in a column of measurements would make a category of each of them."""
    words = [place for place, text in enumerate(texts) if not _is_plain(text) and AFFIXED.fullmatch(text) is None]
    if 0 < len(words) < len(texts) / 2:
        row = words[0]
        raise DataError(
            f"{where}: column '{name}' has {len(words)} cells that are no numbers, the first, '{texts[row]}', in data "
            f"row {row + 1}: mend them, or set --data categorical={name}"
        )


def booleans(texts: Sequence[str]) -> Sequence[str]:
    """Return cells with true and false in one spelling, where they are nothing else."""
    is_boolean = {*map(str.lower, texts)} <= {*BOOLEANS, ""}
    return [BOOLEANS.get(text.lower(), "") for text in texts] if is_boolean else texts


def summary(columns: Sequence[Column]) -> str:
    """Return in words what the inputs are."""
    numbers = [column for column in columns if column.kind != "category"]
    words = [column for column in columns if column.kind == "category"]
    parts = [f"{len(numbers)} {'number' if len(numbers) == 1 else 'numbers'}"] if numbers else []
    if words:
        count = sum(len(column.words) for column in words)
        parts.append(f"{len(words)} {'category' if len(words) == 1 else 'categories'} as {count} inputs of 0 and 1")
    return ", ".join(parts)


def suspicions(cells: Mapping[str, Cells], columns: Mapping[str, Column]) -> list[str]:
    """Return what looks wrong with columns: an index, a constant, a word per row, a count of the rows.

    Args:
        cells: cells of each column, texts or numbers.
        columns: what each was understood as.
    """
    found: list[tuple[str, str]] = []
    for name, own in cells.items():
        if len(own) < ENOUGH_ROWS:
            continue
        distinct = len(set(own)) if isinstance(own, list) else 0
        if name.startswith("Unnamed: "):
            found.append((name, "has no name, as the index that a spreadsheet or pandas writes"))
        elif distinct == 1 or (not distinct and (np.asarray(own) == own[0]).all()):
            found.append((name, "has one value only"))
        elif distinct == len(own) and columns[name].kind == "category":
            found.append((name, "has another word in each row"))
        elif _counts_up(own):
            found.append((name, "counts the rows"))
    return [f"column '{name}' {what}: --data {quote(f'drop={name}')} leaves it out" for name, what in found]


def _counts_up(cells: Cells) -> bool:
    try:
        numbers = np.asarray(cells, dtype=np.float64)
    except ValueError:
        return False
    return bool((numbers == numbers[0] + np.arange(len(numbers))).all())
