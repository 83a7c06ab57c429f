"""Find the width of a memory's data bus, where the firmware's tables (SMBIOS) or a GPU's driver tell it.

The CPU's is the sum over its populated channels (mostly 64 bits each). Several devices on one channel share its lines
and count once, so the channel of every device has to be known; where the tables leave that open, the width is unknown.

Source: DMTF DSP0134, System Management BIOS Reference Specification: 6.1 (structures), 7.1 (type 0), 7.17 (16), 7.18
(17).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

SMBIOS_TABLES = Path("/sys/firmware/dmi/tables/DMI")  # readable by root alone on most systems
CPU_FLAGS = Path("/proc/cpuinfo")

BIOS, ARRAY, DEVICE, END = 0, 16, 17, 127  # types of structures
SYSTEM_MEMORY = 3  # use of an array (type 16) that is main memory; others are video memory, flash, cache
VIRTUAL = 1 << 4  # bit of the BIOS characteristics' second extension byte: the tables describe a virtual machine
UNKNOWN = 0xFFFF

CHANNEL_NAME = re.compile(r"(?<![A-Z])CH(?:AN(?:NEL)?)?[ _-]?([A-Z]|\d+)(?![A-Z0-9])")
"""P0 CHANNEL A, Controller0-ChannelA-DIMM0, P1_Node1_Channel2_Dimm0, but not CHASSIS or CHIP."""

ABOVE_CHANNEL = re.compile(r"(?<![A-Z])((?:CPU|PROC|SOCKET|NODE|CONTROLLER|IMC|MC|P)[ _-]?\d+)(?![0-9])")
"""Owner of channels: a processor, a node of it, a memory controller."""


@dataclass(frozen=True)
class MemoryBus:
    """The data bus of a memory."""

    bits: int | None  # width, where it is known
    source: str  # origin of the width, or the reason why it is not known


@dataclass(frozen=True)
class Structure:
    """One structure of the tables."""

    kind: int  # its type
    handle: int  # its number, by which others refer to it
    body: bytes  # the formatted part from its type on: offsets are those of the standard
    texts: tuple[str, ...]  # numbered from 1 in the body

    def number(self, offset: int, size: int = 2) -> int:
        """Return the number at an offset; 0 where the structure is of an older version and ends before."""
        end = offset + size
        return int.from_bytes(self.body[offset:end], "little") if end <= len(self.body) else 0

    def text(self, offset: int) -> str:
        """Return the text whose number is at an offset, or ""."""
        which = self.number(offset, 1)
        return self.texts[which - 1] if 0 < which <= len(self.texts) else ""


@dataclass(frozen=True)
class MemoryDevice:
    """A populated memory device (type 17) of the main memory."""

    array: int  # handle of the array that it is in
    bits: int  # of its data; 0 where nothing credible is told
    locator: str  # of its socket: "DIMM 0"
    bank: str  # of its bank: "P0 CHANNEL A"

    @property
    def channel(self) -> tuple[object, ...] | None:
        """The identity of its channel among all, if its locators name one."""
        texts = f"{self.locator} | {self.bank}".upper()
        named = CHANNEL_NAME.search(texts)
        above = sorted({re.sub(r"[ _-]", "", name) for name in ABOVE_CHANNEL.findall(texts)})
        return (self.array, *above, named[1]) if named else None


def cpu_bus(tables: Path = SMBIOS_TABLES, flags: Path = CPU_FLAGS) -> MemoryBus:
    """Return the bus of the main memory: all populated channels together, without error correction."""
    try:
        found = list(structures(tables.read_bytes()))
    except OSError as error:
        return MemoryBus(None, f"{tables} cannot be read ({error.strerror})")
    guest = flags.is_file() and re.search(r"^flags\b.*\bhypervisor\b", flags.read_text("utf-8", "replace"), re.M)
    if guest or any(s.number(0x13, 1) & VIRTUAL for s in found if s.kind == BIOS):
        return MemoryBus(None, "this is a virtual machine, whose tables describe no real memory")
    devices = memory_devices(found)
    if not devices:
        return MemoryBus(None, "the firmware's tables describe no memory device")
    channels = [device.channel for device in devices]
    if None in channels and len(devices) > 1:
        named = ", ".join(sorted({f"{d.locator or '?'} / {d.bank or '?'}" for d in devices})[:2])
        return MemoryBus(None, f"the firmware's tables do not tell the channels of {len(devices)} devices ({named}, …)")
    widths = [max(d.bits for d, own in zip(devices, channels, strict=True) if own == channel)
              for channel in dict.fromkeys(channels)]  # fmt: skip
    if not all(widths):
        return MemoryBus(None, "the firmware's tables give no data width")
    sums = " + ".join(f"{widths.count(w)} × {w}" for w in sorted(set(widths), reverse=True))
    count = f"{len(devices)} device{'s' if len(devices) > 1 else ''}"
    return MemoryBus(sum(widths), f"the firmware's tables (SMBIOS): channels {sums} bits, {count}")


def structures(content: bytes) -> Iterator[Structure]:
    """Yield the structures of tables; of torn ones those that are whole."""
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


def memory_devices(tables: Sequence[Structure]) -> list[MemoryDevice]:
    """Return the populated devices of the main memory; without any array (type 16) every device counts as such."""
    arrays = {s.handle: s.number(0x05, 1) for s in tables if s.kind == ARRAY}
    found = []
    for s in tables:
        array, size = s.number(0x04), s.number(0x0C)
        if s.kind != DEVICE or size in (0, UNKNOWN) or arrays.get(array, SYSTEM_MEMORY) != SYSTEM_MEMORY:
            continue
        total, data = s.number(0x08), s.number(0x0A)  # the total width has the error correction too
        credible = data != UNKNOWN and (total in (0, UNKNOWN) or total >= data)
        found.append(MemoryDevice(array, data if credible else 0, s.text(0x10), s.text(0x11)))
    return found


def bus_of(device: str) -> MemoryBus:
    """Return the bus of the memory of cpu, cuda or cuda:N."""
    if device == "cpu":
        return cpu_bus()
    import torch

    from mlpctl.system.devices import torch_device

    bits = torch.cuda.get_device_properties(torch_device(device)).memory_bus_width
    return MemoryBus(bits, "the driver, through torch") if bits else MemoryBus(None, "the driver does not tell it")
