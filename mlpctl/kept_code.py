"""What Python compiles anew at each start though its text never changes: the methods of dataclasses.

Of a module Python keeps the code in `__pycache__`. The methods that `dataclasses` writes are compiled from text each
time: for the 116 classes of a sweep, typer's and pydantic's among them, that was a seventh of its 0.34 s. Their code is
kept in a file beside the modules', by the text, so that it cannot be out of date.
"""

import dataclasses
import marshal
import sys
from importlib.util import MAGIC_NUMBER, cache_from_source, source_hash
from pathlib import Path
from types import CodeType
from typing import Any

MOST = 4096
"""Texts in a file; beyond, it is begun anew with those in use. The commands have some 700 of them in all."""

HEAVY = "torch"
"""Once it is imported nothing new is kept: it has a thousand texts of its own, and takes a second in any case."""


class KeptCode:
    """Compiled texts, in a file.

    Attributes:
        path: of the file; nothing is written while Python is told to write no bytecode either.
        known: text -> its code, marshalled.
        used: texts that were executed.
        is_new: whether there are some that the file does not have.
    """

    def __init__(self, path: Path) -> None:
        """Read the file; one that is damaged, or another Python's, counts as none."""
        self.path = path
        self.known: dict[str, bytes] = {}
        self.used: set[str] = set()
        self.is_new = False
        try:
            content = path.read_bytes()
        except OSError:
            return
        magic, digest, body = content[:4], content[4:12], content[12:]
        if magic == MAGIC_NUMBER and digest == source_hash(body):
            self.known = marshal.loads(body)

    def execute(self, text: str, names: dict[str, Any], found: dict[str, Any]) -> None:
        """Do what `exec` does with these."""
        self.used.add(text)
        exec(self._code(text), names, found)

    def save(self) -> None:
        """Write the file if there is something new; where it cannot be written the next start takes as long."""
        if not self.is_new or sys.dont_write_bytecode:
            return
        from mlpctl.errors import DataError
        from mlpctl.writing import replace_file

        if len(self.known) > MOST:
            self.known = {text: self.known[text] for text in self.used}
        body = marshal.dumps(self.known)
        try:
            self.path.parent.mkdir(exist_ok=True)
            replace_file(self.path, MAGIC_NUMBER + source_hash(body) + body)
        except (OSError, DataError):
            return
        self.is_new = False

    def _code(self, text: str) -> CodeType:
        if (kept := self.known.get(text)) is not None:
            code: CodeType = marshal.loads(kept)
            return code
        code = compile(text, "<string>", "exec", dont_inherit=True)
        if HEAVY not in sys.modules:
            self.known[text], self.is_new = marshal.dumps(code), True
        return code


def keep_dataclass_methods() -> KeptCode:
    """Let `dataclasses` execute its texts with what is kept of them; from here on, in the whole process."""
    kept = KeptCode(Path(cache_from_source(__file__)).with_suffix(".methods"))
    dataclasses.exec = kept.execute  # type: ignore[attr-defined]  # a name that it would find among the builtins
    return kept
