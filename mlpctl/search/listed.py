"""Read an explicit list of configurations, from a CSV file or from the tables of an experiment file."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlpctl.errors import UsageError
from mlpctl.search.axes import Axis, check_value, field_of
from mlpctl.search.space import joint_axis
from mlpctl.spec import param_name
from mlpctl.system.parsing import parsing


def read_list(path: Path, *, program: bool = False) -> Axis:
    """Return the configurations of a CSV file: a column per field, a row each; an empty cell leaves the field open.

    Args:
        path: of the file.
        program: the fields are those of a program, see `mlpctl.spec.param_name`.

    Raises:
        UsageError: every problem at once, with its line.
    """
    with parsing(path, "a list of configurations", UsageError), path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        header = [name.strip().replace("-", "_") for name in reader.fieldnames or ()]
        lines = [(reader.line_num, list(row.values())) for row in reader]
    wrong = [f"{path} line {n}: {len(header)} cells are needed, as in the first line" for n, cells in lines
             if len(cells) != len(header) or None in cells]  # fmt: skip
    if wrong:
        raise UsageError(wrong)
    rows = [
        {name: cell.strip() for name, cell in zip(header, cells, strict=True) if cell.strip()} for _, cells in lines
    ]
    return make_list(rows, [f"{path} line {number}" for number, _ in lines], program=program)


def make_list(rows: Sequence[Mapping[str, Any]], where: Sequence[str], *, program: bool = False) -> Axis:
    """Return the axis of some configurations.

    Args:
        rows: field of Spec, or data.OPTION -> value, each.
        where: name of each in messages.
        program: the fields are those of a program, see `mlpctl.spec.param_name`.

    Raises:
        UsageError: every problem at once.
    """
    problems: list[str] = []
    checked: list[dict[str, Any]] = []
    for row, place in zip(rows, where, strict=True):
        typed = {}
        for name, value in row.items():
            try:
                field = field_of(param_name(name) if program else name, "field")
                typed[field] = check_value(field, value)
            except UsageError as error:
                problems += (f"{place}: {problem}" for problem in error.problems)
        checked.append(typed)
    if not any(rows):
        problems.append("the list of configurations is empty: it needs a line of field names and a line for each")
    if problems:
        raise UsageError(list(dict.fromkeys(problems)))
    return joint_axis(checked)
