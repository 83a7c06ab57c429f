"""Define an experiment: a base spec, axes, seeds, how to search and to choose; see `experiment_file` for its file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from mlpctl.engines.program.command import FUNCTION, program_name, slot_problems
from mlpctl.errors import UsageError, did_you_mean
from mlpctl.metrics import METRICS, SelectOn
from mlpctl.registry import meant
from mlpctl.search.table import MOST_VALUES, SearchTable
from mlpctl.spec import OPTION_FIELDS, Spec, make_spec, option_of, param_name, split_list, with_option_names

if TYPE_CHECKING:
    from mlpctl.runner.expect_table import ExpectTable
    from mlpctl.search.axes import Axis
    from mlpctl.search.base import Same, Search
    from mlpctl.search.space import Space


class SelectTable(BaseModel):
    """[select] of an experiment file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    on: SelectOn = Field("validation", description="Part on which configurations are compared.")
    metric: str | None = Field(None, description="Metric that decides: accuracy, loss, mse, mae or r2.")


@dataclass(frozen=True)
class Experiment:
    """Experiment that a sweep trains.

    Attributes:
        name: folder under results/.
        base: fields of Spec that stay fixed, as given.
        axes: hyperparameters that vary.
        zipped: names of axes that move together.
        listed: configurations that are listed one by one, as an axis; None for none.
        seeds: every configuration is trained with each.
        search: [search] table: method that chooses configurations.
        select: [select] table: part and metric that compare them.
        expect: published figures.
        notes: what was given and has no effect, or another than it looks.
    """

    name: str
    base: Mapping[str, Any]
    axes: "tuple[Axis, ...]" = ()
    zipped: tuple[tuple[str, ...], ...] = ()
    listed: "Axis | None" = None
    seeds: tuple[int, ...] = (0,)
    search: SearchTable = SearchTable()
    select: SelectTable = SelectTable()
    expect: "tuple[ExpectTable, ...]" = ()
    notes: tuple[str, ...] = ()

    def space(self) -> "Space":
        """Return what is searched.

        Raises:
            UsageError: for axes that do not fit together.
        """
        from mlpctl.search.space import make_space, zipped  # 8 ms that `train` has no use for

        by_name = {axis.name: axis for axis in self.axes}
        moved = {name for names in self.zipped for name in names}
        axes = [] if self.listed is None else [self.listed]
        axes += [zipped([by_name[name] for name in names]) for names in self.zipped]
        axes += [axis for axis in self.axes if axis.name not in moved]
        return make_space(axes, with_option_names(self.base))

    @property
    def varied(self) -> tuple[str, ...]:
        """The fields that vary."""
        return tuple(name for axis in self.space().axes for name in axis.names)

    def strategy(self, same: "Same" = lambda proposal: tuple(proposal.items())) -> "Search":
        """Return the search over the axes; `same` names what a proposal would train."""
        from mlpctl.search.make import make_search

        return make_search(self.search, self.space(), most_epochs(self.base), same)

    def specs(self, proposal: Mapping[str, Any], seed: int) -> Spec:
        """Return the spec of a proposal with a seed."""
        return make_spec(merged(self.base, {**proposal, "seed": seed}))

    def as_toml(self) -> dict[str, Any]:
        """Return the experiment as its file would say it, with everything that was given on the command line."""
        rows = () if self.listed is None else self.listed.values
        return {
            "name": self.name,
            "seeds": list(self.seeds),
            **({"zip": [list(names) for names in self.zipped]} if self.zipped else {}),
            **({"list": [{name: _plain(value) for name, value in row} for row in rows]} if rows else {}),
            "spec": {name: _plain(value) for name, value in self.base.items()},
            "axes": {axis.name: axis_as_toml(axis) for axis in self.axes},
            "search": self.search.model_dump(exclude_none=True),
            "select": self.select.model_dump(exclude_none=True),
        }


def groups(given: Sequence[str] | Sequence[Sequence[str]], *, program: bool = False) -> tuple[tuple[str, ...], ...]:
    """Return the groups of names of `zip`: one list of names, or a list of such lists; of a program, `param_name`."""
    mean = param_name if program else str
    lists = [
        [name for name in given if isinstance(name, str)],
        *(names for names in given if not isinstance(names, str)),
    ]
    return tuple(tuple(mean(name.strip().replace("-", "_")) for name in names) for names in lists if names)


def checked(experiment: Experiment) -> Experiment:
    """Return the experiment if its parts fit each other.

    Raises:
        UsageError: every problem at once.
    """
    problems = []
    names = [axis.name for axis in experiment.axes]
    moved = [name for group in experiment.zipped for name in group]
    problems += [
        f"zip names '{name}', which is no axis: {did_you_mean(name, names)}" for name in moved if name not in names
    ]
    problems += [f"zip names {name} twice" for name in sorted({n for n in moved if moved.count(n) > 1})]
    names += [] if experiment.listed is None else experiment.listed.names
    problems += [f"axis {name} is given twice" for name in sorted({n for n in names if names.count(n) > 1})]
    if "command" in experiment.base:
        problems += _command_problems(experiment)
    if "seed" in names:
        problems.append("the seed is no axis: use --seeds N, or seeds = [0, 1, 2] in the file")
    if "folds" in names:
        problems.append("folds are no axis: each number of them validates on other rows; give --folds K")
    if experiment.select.metric not in (None, *METRICS):
        problems.append(f"[select] metric must be one of {', '.join(METRICS)}, got '{experiment.select.metric}'")
    if "/" in experiment.name or experiment.name in ("", ".", ".."):
        problems.append(f"the name of an experiment is a folder's name, got '{experiment.name}'")
    if not experiment.name.isprintable():
        problems.append(f"the name of an experiment has printable characters alone, got {experiment.name!r}")
    if problems:
        raise UsageError(problems)
    if experiment.axes or experiment.listed is not None or experiment.search != SearchTable():
        experiment.strategy()  # says what does not fit
    return experiment


def _command_problems(experiment: Experiment) -> list[str]:
    """Return what is wrong between the command of an experiment and its axes and parameters, in words."""
    if str(experiment.base["command"]).startswith(FUNCTION):
        return []
    return slot_problems(str(experiment.base["command"]), *names_set(experiment))


def names_set(experiment: Experiment) -> tuple[set[str], set[str]]:
    """Return (parameters of a program that are set or vary, {"epochs"} if these are or do)."""
    names = {name for axis in (*experiment.axes, experiment.listed) if axis is not None for name in axis.names}
    names |= with_option_names(experiment.base).keys()
    return {option[1] for name in names if (option := option_of(name))}, names & {"epochs"}


def base_of(given: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    """Return the fixed part of an experiment, typed; fields that were not given are not in it.

    Raises:
        UsageError: every problem at once.
    """
    spec = make_spec(merged({}, given), where=where)
    return {name: value for name, value in spec if name in spec.model_fields_set}


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of `base` with `changes`; data.OPTION and params.NAME change one option."""
    fields = dict(base)
    for name, value in changes.items():
        if option := option_of(name):
            fields[option[0]] = {**_options(fields.get(option[0])), option[1]: value}
        elif name in OPTION_FIELDS and not isinstance(value, Mapping):  # items of the command line, one by one
            fields[name] = {**_options(fields.get(name)), **_options(value)}
        else:
            fields[name] = value
    return fields


def _options(given: Any) -> dict[str, Any]:
    """Return options by name, given as the command line, a file or Python has them.

    Raises:
        UsageError: for what is no KEY=VALUE.
    """
    return make_spec({"params": given}).params if given else {}


def with_data(experiment: Experiment, options: Mapping[str, Any]) -> Experiment:
    """Return the experiment with other values of some options of its dataset."""
    return replace(experiment, base=merged(experiment.base, {f"data.{name}": value for name, value in options.items()}))


def given_fields(settings: Sequence[str], flags: Mapping[str, Any], *, program: bool = False) -> dict[str, Any]:
    """Return the fields of --set and of the flags of one command line.

    Args:
        settings: KEY=VALUE items.
        flags: fields by name.
        program: the fields are of a program: their names are kept as they are.

    Raises:
        UsageError: where they disagree.
    """
    pairs = parse_settings(settings)
    named = pairs if program else {meant(key, Spec.model_fields): value for key, value in pairs.items()}
    twice = [name for name, value in flags.items() if name in named and str(named[name]) != str(value)]
    if twice:
        raise UsageError([f"{n} is given twice: --set {n}={named[n]}, and {flags[n]}; give it once" for n in twice])
    return merged(named, flags)


def parse_settings(settings: Sequence[str], *, option: str = "--set") -> dict[str, str]:
    """Return the KEY=VALUE items of the command line, dashes in keys read as underscores.

    Raises:
        UsageError: for an item without "=".
    """
    pairs: dict[str, str] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise UsageError(f"{option} is written KEY=VALUE, got '{setting}'")
        name, value = key.strip().replace("-", "_"), value.strip()
        if pairs.get(name, value) != value:
            raise UsageError(f"{option} {name} is given twice, as {pairs[name]} and {value}: give it once")
        pairs[name] = value
    return pairs


def seeds_of(given: int | str | Sequence[int] | None, base: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the seeds: N of them from the base spec's seed on, or those that are listed.

    Args:
        given: number of seeds, or a list; None for one, or one for each fold.
        base: fixed fields of Spec.

    Raises:
        UsageError: if none is left, or one is no whole number.
    """
    first = int(base.get("seed", 0))
    given = base.get("folds") or 1 if given is None else given
    items = split_list(given) if isinstance(given, str) and "," in given else given
    try:
        if isinstance(items, int | str):
            seeds = tuple(range(first, first + min(int(items), MOST_VALUES + 1)))
        else:
            assert isinstance(items, Sequence)
            seeds = tuple(dict.fromkeys(int(seed) for seed in items))
    except ValueError:
        raise UsageError(f"seeds must be a number of seeds, or a list such as 0,1,2, got '{given}'") from None
    if not seeds or min(seeds) < 0 or len(seeds) > MOST_VALUES:
        raise UsageError(f"one seed at least is needed, {MOST_VALUES:,} at most, and none below 0, got '{given}'")
    return seeds


def _plain(value: Any) -> Any:
    return "none" if value is None else list(value) if isinstance(value, tuple) else value


def axis_as_toml(axis: "Axis") -> Any:
    """Return an axis as an experiment file writes it."""
    values = [_plain(value) for value in axis.listed]
    if not axis.when:
        return {axis.scale: [axis.low, axis.high]} if axis.is_range else values
    when = {name: [_plain(value) for value in allowed] for name, allowed in axis.when}
    return {**({axis.scale: [axis.low, axis.high]} if axis.is_range else {"values": values}), "when": when}


def most_epochs(base: Mapping[str, Any]) -> int:
    """Return the epochs of a trial that does not vary them: those given, else the dataset's."""
    from mlpctl.data import source_of
    from mlpctl.models.resolution import DEFAULTS

    if "command" in base:
        return int(base.get("epochs", 0))
    defaults = {**DEFAULTS, **source_of(str(base.get("dataset", Spec.model_fields["dataset"].default))).defaults}
    return int(base.get("epochs", defaults["epochs"]))


def default_name(base: Mapping[str, Any]) -> str:
    """Return the folder of a command without --name and file: DATASET-MODEL, or the name of the program."""
    from mlpctl.data import source_of
    from mlpctl.models.resolution import model_of

    if "command" in base:
        return program_name(str(base["command"]))
    dataset = str(base.get("dataset", Spec.model_fields["dataset"].default))
    model = model_of(base, source_of(dataset).defaults)
    return f"{dataset}-{model.partition('@')[0].rpartition(':')[2]}"
