"""Read the commit of a checkout from its files: git itself would run what the folder's configuration names."""

import hashlib
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MOST = 1 << 26
"""Bytes of a file of git that is read: an index of half a million files."""

LINKS = 20
"""References to references that are followed; git itself follows five."""

_ENTRY = struct.Struct(">40x20sH")
_SIZES = struct.Struct(">8xII20xI")


def git_state(folder: Path) -> dict[str, Any] | None:
    """Return the commit of a checkout, and whether files differ from what was added last; None where there is none.

    `dirty` is None where that cannot be read. Nothing is run: hooks, filters and monitors are names of programs that
    whoever made the folder has chosen.
    """
    try:
        root = next(parent for parent in (folder, *folder.parents) if (parent / ".git").exists())
        place = _git_folder(root / ".git")
        commit = _commit(place, "HEAD")
    except (OSError, ValueError, StopIteration):
        return None
    return {"commit": commit, "dirty": _is_dirty(root, place / "index")} if commit else None


def _git_folder(path: Path) -> Path:
    """Return the folder of a checkout's state; worktrees and submodules have a file that names it."""
    if path.is_dir():
        return path
    word, _, where = _text(path).partition(":")
    if word != "gitdir":
        raise ValueError(path)
    return path.parent / where.strip()


def _commit(place: Path, name: str) -> str | None:
    common = place / _text(place / "commondir") if (place / "commondir").is_file() else place
    for _ in range(LINKS):
        file = next((folder / name for folder in (place, common) if (folder / name).is_file()), None)
        text = _text(file) if file else _packed(common, name)
        if not text.startswith("ref: "):
            return text if len(text) in (40, 64) and set(text) <= set("0123456789abcdef") else None
        name = text.removeprefix("ref: ").strip()
        if not name.startswith("refs/") or ".." in name.split("/"):
            return None
    return None


def _packed(common: Path, name: str) -> str:
    lines = _text(common / "packed-refs").splitlines() if (common / "packed-refs").is_file() else []
    return next((line.partition(" ")[0] for line in lines if line.partition(" ")[2] == name), "")


def _text(path: Path) -> str:
    return _bytes(path).decode("utf-8", "replace").strip()


def _bytes(path: Path) -> bytes:
    if not path.is_file() or path.stat().st_size > MOST:  # a pipe would never end
        raise ValueError(path)
    return path.read_bytes()


def _is_dirty(root: Path, index: Path) -> bool | None:
    """Return whether a file of the index is missing or another by size or, if it was written since, by content."""
    try:
        return any(_differs(root, *entry) for entry in _entries(_bytes(index)))
    except (OSError, ValueError, struct.error, IndexError):
        return None


def _entries(raw: bytes) -> Iterator[tuple[str, int, int, int, bytes]]:
    """Yield (name, second, nanosecond, size, hash) of the files of an index of version 2 or 3."""
    signature, version, count = struct.unpack_from(">4sII", raw)
    if signature != b"DIRC" or version not in (2, 3):
        raise ValueError("an index of a version that is not known here")
    start = 12
    for _ in range(count):
        second, nanosecond, size = _SIZES.unpack_from(raw, start)
        sha1, flags = _ENTRY.unpack_from(raw, start)
        mode = struct.unpack_from(">I", raw, start + 24)[0]
        name_at = start + 62 + 2 * (flags >> 14 & 1)
        end = raw.index(b"\0", name_at)
        skipped = flags >> 15 or (flags >> 14 & 1 and struct.unpack_from(">H", raw, start + 62)[0] >> 14 & 1)
        if mode >> 12 == 0o10 and not skipped:  # neither a link, nor a submodule, nor left out on purpose
            yield raw[name_at:end].decode("utf-8", "surrogateescape"), second, nanosecond, size, sha1
        start += (end - start + 8) // 8 * 8


def _differs(root: Path, name: str, second: int, nanosecond: int, size: int, sha1: bytes) -> bool:
    path = root / name
    if not path.is_file() or path.is_symlink():
        return True
    stat = path.stat()
    if stat.st_size & 0xFFFFFFFF != size:
        return True
    if stat.st_mtime_ns in (second * 10**9 + nanosecond, second * 10**9):
        return False
    digest = hashlib.sha1(f"blob {stat.st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as stream:
        for chunk in iter(lambda: stream.read(1 << 20), b""):
            digest.update(chunk)
    return digest.digest() != sha1
