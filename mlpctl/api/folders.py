"""Where Python's results go: a folder of the user's, or one that lives as long as what was made of it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from tempfile import mkdtemp
from weakref import finalize

from mlpctl import data
from mlpctl.store import weights


class Kept:
    """A folder for results folders; a temporary one is removed with the last object that holds this."""

    def __init__(self, out: "str | PathLike[str] | None") -> None:
        """Take a folder, or make a temporary one for None."""
        self.path = Path(mkdtemp(prefix="mlpctl-") if out is None else out)
        if out is None:
            self.remove = finalize(self, shutil.rmtree, self.path, ignore_errors=True)


@contextmanager
def in_folder(out: "str | PathLike[str] | None") -> Iterator[Kept]:
    """Give the folder; a temporary one is removed at once where the body fails."""
    kept = Kept(out)
    try:
        yield kept
    except BaseException:
        if out is None:
            kept.remove()
        raise


def fresh() -> None:
    """Forget what was read before: in a notebook, files may have changed since the last call."""
    data.clear_cache()
    weights.pinned.cache_clear()
