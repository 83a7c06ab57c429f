"""Networks of the user's own: `--model FILE.py:NAME`, or a class in Python.

The table of them is filled by what the user types, and by nothing else: a name in a results folder imports no file.
"""

import hashlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlpctl.errors import UsageError, did_you_mean
from mlpctl.models.catalog import Model
from mlpctl.models.network import Network
from mlpctl.spec import is_own_model, round12

if TYPE_CHECKING:
    from torch import nn

    from mlpctl.spec import Spec

GIVEN = ("inputs", "outputs")
"""Parameters that mlpctl gives: the shape of an example, and the number of outputs."""

OWN = Model("A network of the user's own.")

TYPES: Mapping[str, type] = {"bool": bool, "int": int, "float": float, "str": str}


@dataclass(frozen=True)
class OwnModel:
    """Network of the user's own.

    Attributes:
        name: FILE.py:NAME@HASH, as a spec has it.
        make: (inputs, outputs, options …) -> nn.Module.
    """

    name: str
    make: "Callable[..., nn.Module]"

    @cached_property
    def options(self) -> dict[str, inspect.Parameter]:
        """The options by name."""
        parameters = inspect.signature(self.make).parameters.values()
        return {
            p.name: p for p in parameters if p.name not in GIVEN and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
        }

    def typed(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return all options with their values, typed as the defaults or the annotations say.

        Raises:
            UsageError: for unknown options, options without a value, values of another type.
        """
        problems = [
            f"model {self.name.partition('@')[0]} has no option '{name}': {did_you_mean(name, self.options)}"
            for name in given
            if name not in self.options
        ]
        values = {}
        for name, parameter in self.options.items():
            if name in given:
                try:
                    values[name] = _typed(parameter, given[name])
                except ValueError:
                    problems.append(f"model.{name} must be of type {_type(parameter).__name__}, got '{given[name]}'")
            elif parameter.default is parameter.empty:
                problems.append(f"model.{name} has no default: --set model.{name}=VALUE, or an axis")
            else:
                values[name] = parameter.default
        if problems:
            raise UsageError(problems)
        return values


def _type(parameter: inspect.Parameter) -> type:
    note = parameter.annotation
    named = TYPES.get(note if isinstance(note, str) else getattr(note, "__name__", ""))
    return named or (str if parameter.default in (None, parameter.empty) else type(parameter.default))


def _typed(parameter: inspect.Parameter, value: Any) -> Any:
    kind = _type(parameter)
    if kind is bool and isinstance(value, str):
        if value.lower() not in ("true", "false"):
            raise ValueError(value)
        return value.lower() == "true"
    if kind is int and not isinstance(value, str) and int(value) != value:
        raise ValueError(value)
    if kind not in TYPES.values():
        return value
    typed = kind(value)
    return round12(typed) if kind is float else typed


_LOADED: dict[str, OwnModel] = {}


def allow(name: str) -> str:
    """Load FILE.py:NAME, which the user has typed, and return its name with the hash of the file.

    Raises:
        UsageError: where there is no such file or name, or the file cannot be imported.
    """
    if name in _LOADED:
        return name
    path, _, attribute = name.partition("@")[0].rpartition(":")
    file = Path(path)
    try:
        digest = hashlib.sha256(file.read_bytes()).hexdigest()[:16]
    except OSError as error:
        raise UsageError(f"model {name}: cannot read {file}: {error.strerror}; a model is FILE.py:NAME") from None
    pinned = f"{path}:{attribute}@{digest}"
    if "@" in name and name != pinned:
        raise UsageError(f"model {name}: {file} has another content now, its hash is {digest}")
    if pinned in _LOADED:
        _LOADED[pinned] = _LOADED.pop(pinned)  # the last of a name is the one that a name without hash means
        return pinned
    module_name = f"mlpctl_own_{digest}"
    found = spec_from_file_location(module_name, file)
    if found is None or found.loader is None:
        raise UsageError(f"model {name}: {file} is no Python file; a model is FILE.py:NAME")
    module = module_from_spec(found)
    try:
        found.loader.exec_module(module)
    except Exception as error:
        raise UsageError(f"model {name}: {file} cannot be imported: {type(error).__name__}: {error}") from error
    make = getattr(module, attribute, None)
    if not callable(make):
        known = [word for word, thing in vars(module).items() if callable(thing) and not word.startswith("_")]
        raise UsageError(f"model {name}: {file} has no class or function {attribute}: {did_you_mean(attribute, known)}")
    return _keep(pinned, make)


def allow_object(make: "Callable[..., nn.Module]") -> str:
    """Take a class or function that the user gives in Python, and return its name with the hash of its source.

    Raises:
        UsageError: where it has no source.
    """
    try:
        source = inspect.getsource(make)
    except (OSError, TypeError):
        raise UsageError("a model given in Python is a class or function with a source; write it into a file") from None
    digest = hashlib.sha256(source.encode()).hexdigest()[:16]
    return _keep(f"{make.__module__}.py:{make.__name__}@{digest}", make)


def _keep(pinned: str, make: "Callable[..., nn.Module]") -> str:
    missing = [name for name in GIVEN if name not in inspect.signature(make).parameters]
    if missing:
        raise UsageError(f"model {pinned.partition('@')[0]} must take inputs and outputs: {missing[0]} is missing")
    _LOADED[pinned] = OwnModel(pinned, make)
    return pinned


def own_model(name: str) -> OwnModel:
    """Return the network of a name.

    Raises:
        UsageError: where the user has not given it.
    """
    known = [one for one in _LOADED if name in (one, one.partition("@")[0])]
    if not known:
        where, _, digest = name.partition("@")
        also = f", as it was at {digest}" if digest else ""
        raise UsageError(f"a results folder runs nothing: `sweep` and `train` take --model {where}{also}")
    return _LOADED[known[-1]]


@dataclass(frozen=True)
class OwnNetwork(Network):
    """Network whose module the user's own code makes; its one layer says what goes in and what comes out.

    Attributes:
        model: makes the module.
        inputs: shape of an example.
        options: of the model, sorted.
    """

    model: OwnModel | None = None
    inputs: tuple[int, ...] = ()
    options: tuple[tuple[str, Any], ...] = ()

    def module(self) -> "nn.Module":
        """Return the module, with weights as its own code draws them."""
        assert self.model is not None
        return self.model.make(inputs=self.inputs, outputs=self.n_outputs, **dict(self.options))

    @cached_property
    def n_trained(self) -> int | None:
        """The number of trained numbers; None where the module cannot be made, which its trial then says."""
        from mlpctl.models.own_learner import seeded  # torch

        try:
            with seeded(0, 0, "cpu"):
                return sum(parameter.numel() for parameter in self.module().parameters())
        except Exception:  # noqa: BLE001  foreign code may raise anything
            return None


def problems_of(spec: "Spec", name: str) -> list[str]:
    """Return what a spec asks of a network of the user's own that is its own code's affair, in words."""
    asked = {
        "bias": not spec.bias, "init": spec.init not in (None, "default"), "init_scale": spec.init_scale is not None,
        "init_from": spec.init_from is not None, "impl": spec.impl != "auto",
        f"engine {spec.engine}": spec.engine not in ("auto", "reference"),
    }  # fmt: skip
    where = name.partition("@")[0]
    return [f"{field} does not apply to model {where}: leave it out" for field, is_set in asked.items() if is_set]


def own_names(values: Any) -> list[str]:
    """Return the names of networks of the user's own among the values of a field or an axis."""
    items = values if isinstance(values, list | tuple) else [values]
    return [item for item in items if isinstance(item, str) and is_own_model(item)]
