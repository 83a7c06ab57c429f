"""What continues a trial after its epochs are done: kept on disk while a search over epochs may still ask for more.

One file per lineage (a trial but for its epochs), written after the trial's row and replaced as the lineage goes on:
memory stays flat, and after a kill survivors go on from where they stood. A file that is missing only costs time.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from mlpctl.models.learner import State
from mlpctl.store.schema import Row
from mlpctl.system.files import replace_file

STATES_FOLDER = "states"


@dataclass(frozen=True)
class Kept:
    """A trial as it stood.

    Attributes:
        epochs: done.
        state: as `Session.save` gave it.
        rows: of `epochs.csv`, so far.
    """

    epochs: int
    state: State
    rows: list[Row]


@dataclass(frozen=True)
class States:
    """The states in a results folder.

    Attributes:
        folder: of the results.
    """

    folder: Path

    def file(self, lineage: str) -> Path:
        """Return where the state of a lineage is, or would be."""
        return self.folder / STATES_FOLDER / f"{lineage}.safetensors"

    def keep(self, lineage: str, engine: str, kept: Kept) -> None:
        """Write a state in place of an earlier one.

        Raises:
            DataError: if it cannot be written; the earlier one is as it was.
        """
        from safetensors.numpy import save

        path = self.file(lineage)
        path.parent.mkdir(exist_ok=True)
        about = {"engine": engine, "epochs": str(kept.epochs), "rows": json.dumps(kept.rows)}
        replace_file(path, save(kept.state, metadata=about))

    def find(self, lineage: str, engine: str, below: int) -> Kept | None:
        """Return the state of a lineage with fewer epochs than `below`; None where this engine has left none."""
        from safetensors import safe_open

        path = self.file(lineage)
        if not path.is_file():
            return None
        with safe_open(path, framework="numpy") as opened:
            about = opened.metadata()
            if about["engine"] != engine or int(about["epochs"]) >= below:
                return None
            state = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118  no mapping
        return Kept(int(about["epochs"]), state, json.loads(about["rows"]))

    def forget(self) -> None:
        """Remove all states: no search will ask for more."""
        shutil.rmtree(self.folder / STATES_FOLDER, ignore_errors=True)
