"""Load the models of the user's own that an experiment names."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mlpctl.errors import UsageError
from mlpctl.models.own import allow, allow_object, own_names
from mlpctl.runner.programs import is_results_file
from mlpctl.search.axes import Axis


def allow_own_models(
    given: Mapping[str, Any], base: Mapping[str, Any] | None = None, axes: Iterable[Axis] = (), file: Path | None = None
) -> None:
    """Load what the fields and axes of an experiment name as FILE.py:NAME.

    Args:
        given: fields that the user has typed.
        base: those of the file.
        axes: of both.
        file: experiment file; one of a results folder has no say.

    Raises:
        UsageError: where a file cannot be imported, or a results folder names one that the user has not.
    """
    settings = [axis.settings(value) for axis in axes for value in axis.values]
    typed = own_names(given.get("model"))
    names = dict.fromkeys(typed + [name for some in (base or {}, *settings) for name in own_names(some.get("model"))])
    unsaid = [name for name in names if name not in typed]
    if unsaid and file is not None and is_results_file(file):
        raise UsageError(f"a results folder runs nothing: {file} names the model {unsaid[0]}, give it as --model too")
    for name in names:
        allow(name)


def with_own_model(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of Python with a class or function in place of a model by its name."""
    model = fields.get("model")
    return {**fields, "model": allow_object(model)} if callable(model) else dict(fields)
