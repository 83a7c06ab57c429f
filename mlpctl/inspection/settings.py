"""List the settings of a training with their origin: flag or file, environment, dataset, model, default."""

import os
from collections.abc import Mapping
from typing import Any

from mlpctl.data import load_dataset
from mlpctl.display.tables import Cell, Table
from mlpctl.models import resolve
from mlpctl.spec import Spec, make_spec
from mlpctl.system.files import cache_folder

ENVIRONMENT = {
    "MLPCTL_DATA_DIR": "cache folder",
    "MLPCTL_JOBS": "trials in training at a time",
    "MLPCTL_DEVICE": "device",
    "MLPCTL_COMPILE": "when the kernel is compiled",
    "MLPCTL_VECTOR": "width of the kernel's vectors",
    "MLPCTL_OFFLINE": "never touch the network",
}


def origins(sources: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return each field of the resolved spec with its value and who decided it.

    Args:
        sources: name of a source ("flag", a file) -> the fields it gives; later ones win.

    Raises:
        UsageError: for an impossible spec.
    """
    given: dict[str, Any] = {}
    who: dict[str, str] = {}
    for source, fields in sources.items():
        given |= fields
        who |= dict.fromkeys(fields, source)
    spec = make_spec(given)
    resolved = resolve(spec, load_dataset(spec))
    rows: list[dict[str, Cell]] = []
    for name, value in resolved.flat().items():
        if value is None:
            continue
        fallback = "default" if value == Spec().flat()[name] else "dataset, model or optimizer"
        rows.append({"setting": name, "value": str(value), "decided by": who.get(name, fallback)})
    for variable, what in ENVIRONMENT.items():
        rows.append({"setting": what, "value": os.environ.get(variable, ""), "decided by": variable})
    rows.append(
        {"setting": "cache folder in use", "value": str(cache_folder()), "decided by": "MLPCTL_DATA_DIR or XDG"}
    )
    return Table(["setting", "value", "decided by"], rows)
