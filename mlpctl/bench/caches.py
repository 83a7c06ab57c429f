"""The caches of the processor, as the system tells them."""

from dataclasses import dataclass
from pathlib import Path

CPUS = Path("/sys/devices/system/cpu")

UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}


@dataclass(frozen=True)
class Cache:
    """A level of data caches.

    Attributes:
        name: L1, L2, …
        bytes: of one cache.
        total: bytes of all caches of the level that the processors have.
    """

    name: str
    bytes: int
    total: int


def caches(cpus: Path = CPUS) -> list[Cache]:
    """Return the levels of data caches, nearest first; [] where the system tells none."""
    found: dict[int, dict[str, int]] = {}
    for folder in sorted(cpus.glob("cpu[0-9]*/cache/index[0-9]*")):
        kind, level, size = (_text(folder / name) for name in ("type", "level", "size"))
        if kind in ("Data", "Unified") and level.isdecimal() and (number := _bytes(size)):
            shared = _text(folder / "shared_cpu_list") or folder.parent.parent.name
            found.setdefault(int(level), {})[shared] = number
    return [Cache(f"L{level}", max(own.values()), sum(own.values())) for level, own in sorted(found.items())]


def _text(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:  # a guest may have the folder and not the file
        return ""


def _bytes(size: str) -> int:
    number, unit = size[:-1], size[-1:]
    return int(number) * UNITS[unit] if unit in UNITS and number.isdecimal() else 0
