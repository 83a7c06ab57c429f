"""The firmware's tables (SMBIOS): their structures, and which memory devices they describe.

Source: DMTF DSP0134, System Management BIOS Reference Specification: 6.1 (structures), 7.1 (type 0), 7.17 (16),
7.18 (17), 7.20 (19), 7.21 (20), 7.38 (37).
"""

from collections.abc import Iterator
from dataclasses import dataclass

BIOS, ARRAY, DEVICE, ARRAY_RANGE, DEVICE_RANGE, CHANNEL, END = 0, 16, 17, 19, 20, 37, 127

SYSTEM_MEMORY = 3
"""Use of an array (type 16) that is main memory; others are video memory, flash, cache."""

VIRTUAL = 1 << 4
"""Bit of the BIOS characteristics' second extension byte: the tables describe a virtual machine."""

NOT_GIVEN = (0, 0xFFFF)


@dataclass(frozen=True)
class Structure:
    """One structure of the tables.

    Attributes:
        kind: its type.
        handle: its number, by which others name it.
        body: the formatted part, from its type on: offsets are those of the standard.
        texts: numbered from 1 in the body.
    """

    kind: int
    handle: int
    body: bytes
    texts: tuple[str, ...]

    def number(self, offset: int, size: int = 2) -> int | None:
        """Return the number at an offset; None where the structure is of an older version and ends before."""
        end = offset + size
        return int.from_bytes(self.body[offset:end], "little") if end <= len(self.body) else None

    def text(self, offset: int) -> str:
        """Return the text whose number is at an offset, or ""."""
        which = self.number(offset, 1) or 0
        return self.texts[which - 1] if 0 < which <= len(self.texts) else ""


@dataclass(frozen=True)
class MemoryDevice:
    """A populated memory device (type 17) of the main memory.

    Attributes:
        handle: its number.
        array: handle of the array that it is in.
        bits: of its data; None where nothing credible is told.
        locator: of its socket, such as "DIMM 0".
        bank: of its bank, such as "P0 CHANNEL A".
    """

    handle: int
    array: int
    bits: int | None
    locator: str
    bank: str


def structures(content: bytes) -> Iterator[Structure]:
    """Yield the structures of tables; torn ones end where they are torn, whole ones with their end mark."""
    at = 0
    while at + 4 <= len(content):
        kind, length = content[at], content[at + 1]
        if length < 4 or at + length > len(content):
            return
        body, start = content[at : at + length], at + length
        end = content.find(b"\0\0", start)  # the texts end with two zeros, also where there are none
        if end < 0:
            return
        texts = tuple(text.decode("latin-1").strip() for text in content[start:end].split(b"\0") if text)
        yield Structure(kind, int.from_bytes(body[2:4], "little"), body, texts)
        if kind == END:
            return
        at = end + 2


def is_virtual(tables: list[Structure]) -> bool:
    """Whether the tables say that they describe a virtual machine."""
    return any(bool((s.number(0x13, 1) or 0) & VIRTUAL) for s in tables if s.kind == BIOS)


def memory_devices(tables: list[Structure]) -> list[MemoryDevice]:
    """Return the populated devices of the main memory; without any array (type 16) every device counts as such."""
    arrays = {s.handle: s.number(0x05, 1) for s in tables if s.kind == ARRAY}
    found = []
    for s in tables:
        array, size = s.number(0x04), s.number(0x0C)
        if s.kind != DEVICE or not size or array is None or arrays.get(array, SYSTEM_MEMORY) != SYSTEM_MEMORY:
            continue
        if size == NOT_GIVEN[1]:  # of unknown size: whether anything is there is not told
            continue
        found.append(MemoryDevice(s.handle, array, _data_bits(s), s.text(0x10), s.text(0x11)))
    return found


def _data_bits(device: Structure) -> int | None:
    """Return the data width; a total width, which has the error correction too, cannot be less."""
    total, data = device.number(0x08), device.number(0x0A)
    if data is None or data in NOT_GIVEN:
        return None
    return None if total is not None and total not in NOT_GIVEN and total < data else data


def channels_listed(tables: list[Structure]) -> dict[int, int]:
    """Return handle of a device -> handle of its channel, as the memory channels (type 37) list them."""
    listed = {}
    for s in tables:
        if s.kind == CHANNEL:
            for k in range(s.number(0x06, 1) or 0):
                device = s.number(0x08 + 3 * k)
                if device is not None:
                    listed[device] = s.handle
    return listed


def in_one_row(tables: list[Structure], devices: list[int]) -> bool:
    """Whether the devices together form one row of memory: all are read at once, so each has data lines of its own.

    That is so where one range of an array (type 19) has rows of as many devices as there are, and the devices' own
    ranges (type 20) have the places 1, 2, 3, … in it. Places of an interleave are no proof: two devices of one channel
    may be interleaved too.
    """
    ranges = [s for s in tables if s.kind == DEVICE_RANGE and s.number(0x0C) in devices]
    rows = {s.number(0x0E) for s in ranges}
    if sorted(s.number(0x0C) or 0 for s in ranges) != sorted(devices) or len(rows) != 1:
        return False
    widths = [s.number(0x0E, 1) for s in tables if s.kind == ARRAY_RANGE and s.handle in rows]
    places = sorted(s.number(0x10, 1) or 0 for s in ranges)
    return widths == [len(devices)] and places == list(range(1, len(devices) + 1))
