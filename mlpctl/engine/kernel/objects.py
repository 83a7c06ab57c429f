"""Object files into memory without LLVM, whose import takes 40 ms: a tenth of a sweep of 64 iris trials.

What LLVM makes for x86-64, where it may come to lie anywhere, asks for one thing: that addresses of its own parts and
of functions of the C library be written into it, as eight bytes each. An object file that asks for more is left to
LLVM.
Names are those of the ELF-64 Object File Format, and of the System V ABI for x86-64.
"""

import ctypes
import mmap
import struct
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

IDENTITY, RELOCATABLE, X86_64 = b"\x7fELF\x02\x01", 1, 62
"""How a file begins that is ELF, of 64 bits and little-endian; its kind; its machine."""

PROGBITS, SYMTAB, RELA, UNWIND = 1, 2, 4, 0x70000001
WRITE, ALLOC = 1, 2
UNDEFINED, COMMON = 0, 0xFFF2
R_X86_64_64 = 1

RELOCATION = np.dtype([("offset", "<u8"), ("type", "<u4"), ("symbol", "<u4"), ("addend", "<i8")])

_kept: list[mmap.mmap] = []


class Section(NamedTuple):
    """An entry of the table of sections."""

    name: int
    type: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    align: int
    entry: int


class Symbol(NamedTuple):
    """An entry of the table of symbols."""

    name: int
    info: int
    other: int
    section: int
    value: int
    size: int


def load(code: bytes, name: str) -> int | None:
    """Return the address of a function of an object file, which stays in memory for good; None for what is LLVM's."""
    if code[:6] != IDENTITY or struct.unpack_from("<HH", code, 16) != (RELOCATABLE, X86_64):
        return None
    sections = sections_of(code)
    loaded = {n: section for n, section in enumerate(sections) if section.flags & ALLOC and section.type != UNWIND}
    asked = [section for section in sections if section.type == RELA and section.info in loaded]
    relocations = [np.frombuffer(_content(code, section), RELOCATION) for section in asked]
    if any(section.type != PROGBITS or section.flags & WRITE for section in loaded.values()) or any(
        (entries["type"] != R_X86_64_64).any() for entries in relocations
    ):
        return None
    (table,) = (section for section in sections if section.type == SYMTAB)
    symbols = [Symbol._make(entry) for entry in struct.iter_unpack("<IBBHQQ", _content(code, table))]
    texts = _content(code, sections[table.link])
    names = [texts[symbol.name : texts.index(b"\0", symbol.name)].decode() for symbol in symbols]
    commons = [(n, symbol) for n, symbol in enumerate(symbols) if symbol.section == COMMON]
    places, end = _placed((section.align, section.size) for section in loaded.values())
    rooms, end = _placed(((symbol.value, symbol.size) for _, symbol in commons), end)

    memory = mmap.mmap(-1, end, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    image = np.frombuffer(memory, np.uint8)
    base = image.ctypes.data
    begins = dict(zip(loaded, places, strict=True))
    for n, place in begins.items():
        memory[place : place + loaded[n].size] = _content(code, loaded[n])
    process = ctypes.CDLL(None)
    addresses = np.zeros(len(symbols), np.uint64)
    for n, symbol in enumerate(symbols):
        if symbol.section in begins:
            addresses[n] = base + begins[symbol.section] + symbol.value
        elif symbol.section == UNDEFINED and names[n] and hasattr(process, names[n]):
            addresses[n] = ctypes.cast(process[names[n]], ctypes.c_void_p).value or 0
    for (n, _), place in zip(commons, rooms, strict=True):
        addresses[n] = base + place
    for section, entries in zip(asked, relocations, strict=True):
        known = addresses[entries["symbol"]]
        if not known.all():
            return None
        values = known + entries["addend"].view(np.uint64)
        where = begins[section.info] + entries["offset"].astype(np.int64)
        image[where[:, None] + np.arange(8)] = values.view(np.uint8).reshape(-1, 8)
    if process.mprotect(ctypes.c_void_p(base), ctypes.c_size_t(end), mmap.PROT_READ | mmap.PROT_EXEC):
        return None
    _kept.append(memory)
    return int(addresses[names.index(name)])


def sections_of(code: bytes) -> list[Section]:
    """Return the table of sections of an object file."""
    (start,), (count,) = struct.unpack_from("<Q", code, 40), struct.unpack_from("<H", code, 60)
    return [Section._make(entry) for entry in struct.iter_unpack("<IIQQQQIIQQ", code[start : start + 64 * count])]


def _content(code: bytes, section: Section) -> bytes:
    return code[section.offset : section.offset + section.size]


def _placed(parts: Iterable[tuple[int, int]], end: int = 0) -> tuple[list[int], int]:
    """Return where parts of (alignment, size) begin that are laid one behind the other, and where the last ends."""
    places = []
    for align, size in parts:
        places.append(-(-end // max(align, 1)) * max(align, 1))
        end = places[-1] + size
    return places, end
