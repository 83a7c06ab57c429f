"""Read an experiment from its TOML file, and report every problem of the file at once."""

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from re import fullmatch
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mlpctl.errors import UsageError, did_you_mean
from mlpctl.runner.expect_table import ExpectTable, read_expect_tables
from mlpctl.runner.experiment import Experiment, SelectTable, base_of, checked, groups, seeds_of
from mlpctl.runner.programs import program_fields
from mlpctl.runner.shipped_experiments import experiment_names, find_experiment
from mlpctl.search.axes import make_axis
from mlpctl.search.listed import make_list, read_list
from mlpctl.search.table import SearchTable
from mlpctl.spec import explain
from mlpctl.store.weights import SUFFIX
from mlpctl.system.parsing import parsing

Names = list[str]
Rows = list[dict[str, Any]]

Effort = Literal["quick", "default", "thorough"]
"""Cost that an experiment may have: seconds, minutes, or what the published setting takes."""


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str | None = Field(None, description="Folder under results/; by default the file's name.")
    spec: dict[str, Any] = Field(default_factory=dict, description="What stays fixed: the options of train.")
    axes: dict[str, Any] = Field(default_factory=dict, description="What varies: name = list, text or table.")
    zip: Names | list[Names] = Field([], description="Names of axes that move together, or several lists of them.")
    seeds: int | list[int] | None = Field(None, description="How many seeds, or which; by default 1, or each fold's.")
    search: SearchTable = SearchTable()
    select: SelectTable = SelectTable()
    effort: dict[Effort, dict[str, Any]] = Field(
        default_factory=dict, description="What another effort changes: [effort.quick] with keys and tables as above."
    )
    expect: list[dict[str, Any]] = Field([], description="Published figures, which `mlpctl verify` compares ours with.")
    list: str | Rows = Field("", description="Configurations listed one by one: a CSV file, or tables.")


def read_experiment(path: Path, effort: Effort = "default") -> Experiment:
    """Return the experiment of a TOML file, with what its table [effort.EFFORT] changes, if it has one.

    Args:
        path: of the file, or the name of an experiment that comes with mlpctl.
        effort: quick, default or thorough.

    Raises:
        UsageError: every problem of the file at once; a syntax error with its line.
    """
    path = find_experiment(path)
    problems: list[str] = []
    content = _overlaid(_content(path), effort)
    try:
        file = _File(**content)
    except ValidationError as error:
        tables = [table for table in ("search", "select") if isinstance(content.get(table), dict)]
        problems += explain(error, _File, str(path), but=tables)  # said better by the table's own check
        known = {k: v for k, v in content.items() if k in _File.model_fields and isinstance(v, dict)}
        file = _File(spec=known.get("spec", {}), axes=known.get("axes", {}))
        with suppress(ValidationError):
            file = _File(spec=file.spec, axes=file.axes, list=content.get("list", ""))
        for table, model in (("search", SearchTable), ("select", SelectTable)):
            problems += _problems_of(model, known.get(table, {}), f"{path} [{table}]")
    base, axes = file.spec, []
    program = "command" in file.spec
    try:
        fields = program_fields(file.spec) if program else file.spec
        base = _with_weights_beside(path, base_of(fields, where=f"{path} [spec]"))
    except UsageError as error:
        problems += error.problems
    for name, given in file.axes.items():
        try:
            axes.append(make_axis(name, given, program=program))
        except UsageError as error:
            problems += (f"{path} [axes]: {problem}" for problem in error.problems)
    listed = None
    try:
        if isinstance(file.list, str):
            listed = read_list(path.parent / file.list, program=program) if file.list else None
        else:
            listed = make_list(
                file.list, [f"{path} [[list]] {number + 1}" for number in range(len(file.list))], program=program
            )
    except UsageError as error:
        problems += error.problems
    expects: tuple[ExpectTable, ...] = ()
    try:
        expects = read_expect_tables(file.expect, str(path))
    except UsageError as error:
        problems += error.problems
    if problems:
        raise UsageError(problems)
    parts = (groups(file.zip, program=program), listed, (0,), file.search, file.select, expects)
    experiment = Experiment(file.name or path.stem, base, tuple(axes), *parts)
    return checked(replace(experiment, seeds=seeds_of(file.seeds, base)))


def fields_of_file(path: Path) -> dict[str, Any]:
    """Return the table [spec] of an experiment file as it is; {} where it has none.

    Raises:
        UsageError: if the file cannot be read.
    """
    fields = _content(find_experiment(path)).get("spec")
    return fields if isinstance(fields, dict) else {}


def _content(path: Path) -> dict[str, Any]:
    if not path.exists():
        if fullmatch(r"[\d.,e+-]+", path.name):
            raise UsageError(f"values of an axis have no blank between: KEY=V1,V2; '{path}' stands alone")
        raise UsageError(
            f"no experiment file {path}, and none of the name comes with mlpctl: {_hint(path)}; "
            "a sweep can also be given by flags: --dataset, --axis, --set"
        )
    with parsing(path, "TOML", UsageError):
        return tomllib.loads(path.read_text("utf-8-sig"))


def _with_weights_beside(path: Path, base: dict[str, Any]) -> dict[str, Any]:
    """Return the fixed part of an experiment, with initial weights that lie beside its file as a path from here."""
    file = str(base.get("init_from") or "")
    beside = path.parent / file
    return {**base, "init_from": str(beside)} if file.endswith(SUFFIX) and beside.is_file() else base


def _hint(path: Path) -> str:
    return did_you_mean(path.name.removesuffix(".toml"), experiment_names())


def _overlaid(content: dict[str, Any], effort: Effort) -> dict[str, Any]:
    """Return the content with the keys of an effort's table: tables key by key, anything else whole."""
    efforts = content.get("effort", {})
    changes = efforts.get(effort, {}) if isinstance(efforts, dict) else {}
    if not isinstance(changes, dict):
        return content  # the schema says what is wrong with it
    both = {
        name: {**content[name], **value} if isinstance(value, dict) and isinstance(content.get(name), dict) else value
        for name, value in changes.items()
    }
    return {**content, **both}


def _problems_of(model: type[BaseModel], given: Mapping[str, Any], where: str) -> Iterator[str]:
    try:
        model(**given)
    except ValidationError as error:
        yield from explain(error, model, where)
