"""Save what continues a trial after its epochs are done, while a search over epochs may still ask for more of them.

There is a file for each key without epochs, written after the trial's row and replaced as the training goes on: memory
stays flat, and after a kill the survivors go on from where they stood. A file that is missing only costs time.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from mlpctl.errors import DataError
from mlpctl.models.learner import State
from mlpctl.store.schema import STATES_FOLDER, Block
from mlpctl.system.files import make_folder, replace_file
from mlpctl.system.parsing import parsing

DIGEST_SIZE = sha256().digest_size
"""Bytes of the checksum that a file begins with. The name within it, a key without epochs, has the numerics version."""


@dataclass(frozen=True)
class Checkpoint:
    """State of a trial after some epochs.

    Attributes:
        epochs: epochs done.
        state: arrays that `Session.save` returned.
        curve: epochs so far: column of `epochs.csv` -> values.
    """

    epochs: int
    state: State
    curve: Block


def _read(whole: bytes) -> tuple[Checkpoint, Mapping[str, str]]:
    from safetensors.numpy import load

    digest, content = whole[:DIGEST_SIZE], whole[DIGEST_SIZE:]
    if digest != sha256(content).digest():
        raise ValueError("it was cut short, or changed")
    length = int.from_bytes(content[:8], "little")
    about = json.loads(content[8 : 8 + length])["__metadata__"]
    return Checkpoint(int(about["epochs"]), load(content), json.loads(about["curve"])), about


@dataclass(frozen=True)
class Checkpoints:
    """Checkpoints of a results folder.

    Attributes:
        folder: results folder.
    """

    folder: Path

    def file(self, name: str) -> Path:
        """Return the file of a checkpoint, which may not be there; its name is the key without epochs."""
        return self.folder / STATES_FOLDER / f"{name}.safetensors"

    def keep(self, name: str, engine: str, kept: Checkpoint) -> None:
        """Write a checkpoint in place of an earlier one.

        Raises:
            DataError: if it cannot be written; the earlier one is as it was.
        """
        from safetensors.numpy import save

        path = self.file(name)
        make_folder(path.parent)
        about = {"name": name, "engine": engine, "epochs": str(kept.epochs), "curve": json.dumps(kept.curve)}
        content = save(kept.state, metadata=about)
        replace_file(path, [sha256(content).digest(), content])

    def find(self, name: str, engine: str, below: int, note: Callable[[str], None]) -> Checkpoint | None:
        """Return the checkpoint with fewer epochs than `below`; None where this engine has left none that is whole.

        Args:
            name: key without epochs.
            engine: that goes on from there.
            below: epochs of the trial that needs it.
            note: is told of a file that is damaged.
        """
        path = self.file(name)
        if not path.is_file():
            return None
        try:
            with parsing(path, "a state", advice="its trial is trained from the start"):
                kept, about = _read(path.read_bytes())
        except DataError as error:
            note(str(error))
            return None
        if about["name"] != name:
            note(f"{path} is the state of another trial; this one is trained from the start")
        return kept if about["name"] == name and about["engine"] == engine and kept.epochs < below else None

    def forget(self) -> None:
        """Remove all checkpoints: no search will ask for more."""
        shutil.rmtree(self.folder / STATES_FOLDER, ignore_errors=True)
