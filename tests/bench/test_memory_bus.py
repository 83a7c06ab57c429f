"""The width of the memory bus: tables built by hand after the standard (DMTF DSP0134), and the drivers of GPUs."""

import struct
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from mlpctl.bench.memory_bus import SMBIOS_TABLES, MemoryBus, bus_of, cpu_bus, memory_devices, structures

ARRAY = 0x1000


def structure(kind: int, handle: int, body: bytes, *texts: str) -> bytes:
    """Return one structure: header, formatted part, texts."""
    written = b"".join(text.encode() + b"\0" for text in texts) or b"\0"
    return struct.pack("<BBH", kind, 4 + len(body), handle) + body + written + b"\0"


def bios(*, virtual: bool = False) -> bytes:
    """Return type 0: four text numbers and sizes, then characteristics with two extension bytes at 12h and 13h."""
    return structure(0, 0, bytes(14) + bytes([0, 0x10 if virtual else 0]) + bytes(4), "maker", "1.0")


def array(handle: int = ARRAY, use: int = 3) -> bytes:
    """Return type 16: location, use, error correction, capacity, error handle, devices."""
    return structure(16, handle, struct.pack("<BBBIHH", 3, use, 6, 1 << 24, 0xFFFE, 8))


def dimm(
    handle: int,
    locator: str,
    bank: str = "",
    *,
    data: int = 64,
    total: int = 72,
    size: int = 16384,
    within: int = ARRAY,
) -> bytes:
    """Return type 17: array, error handle, total width, data width, size, form, set, two texts, type, detail, speed."""
    texts = [text for text in (locator, bank) if text]
    head = struct.pack("<HHHHH", within, 0xFFFE, total, data, size)
    return structure(17, handle, head + bytes([9, 0, 1, 2 if bank else 0, 0x22, 0x80, 0, 0xC0, 0x12]), *texts)


END = structure(127, 0xFEFF, b"")


def told(folder: Path, *parts: bytes, flags: str = "fpu sse") -> MemoryBus:
    (folder / "DMI").write_bytes(bios() + b"".join(parts) + END)
    (folder / "cpuinfo").write_text(f"processor\t: 0\nflags\t\t: {flags}\n")
    return cpu_bus(folder / "DMI", folder / "cpuinfo")


def test_two_channels_of_two_dimms_each_are_128_bits(tmp_path: Path) -> None:
    found = told(
        tmp_path, array(),
        dimm(1, "DIMM 0", "P0 CHANNEL A"), dimm(2, "DIMM 1", "P0 CHANNEL A"),
        dimm(3, "DIMM 0", "P0 CHANNEL B"), dimm(4, "DIMM 1", "P0 CHANNEL B"),
    )  # fmt: skip
    assert found == MemoryBus(128, "the firmware's tables (SMBIOS): channels 2 × 64 bits, 4 devices")


@pytest.mark.parametrize(
    ("places", "bits"),
    [
        ([("DIMM 0", "P0 CHANNEL A")], 64),
        ([("DIMM 0", "P0 CHANNEL A"), ("DIMM 0", "P1 CHANNEL A")], 128),  # two processors
        ([(f"CPU{k}_DIMM_A{n}", "CHANNEL A") for k in (0, 1) for n in (1, 2)], 128),  # the processor in the other text
        ([(f"Controller{k}-ChannelA-DIMM{n}", "BANK 0") for k in (0, 1) for n in (0, 1)], 128),
        ([(f"P1-DIMM{c}{n}", f"P0_Node0_Channel{k}_Dimm{n}") for k, c in enumerate("ABCDEFGH") for n in (1, 2)], 512),
        ([(f"NODE 1 CHANNEL {k} DIMM {n}", "") for k in range(4) for n in range(3)], 256),
        ([(f"DIMM {n} CHANNEL A", "") for n in range(2)], 64),
    ],
)
def test_channels_are_read_from_either_locator(tmp_path: Path, places: list[tuple[str, str]], bits: int) -> None:
    devices = [dimm(k, locator, bank) for k, (locator, bank) in enumerate(places, start=1)]
    assert told(tmp_path, array(), *devices).bits == bits


@pytest.mark.parametrize(
    "places",
    [
        [("A1", "Not Specified"), ("B1", "Not Specified")],  # a server's letter is a channel, or a processor
        [("DIMM_A1", "BANK 0"), ("DIMM_B1", "BANK 1")],
        [("PROC 1 DIMM 1", ""), ("PROC 1 DIMM 2", "")],
        [("CHASSIS A", ""), ("CHIP B", "")],
        [("DIMM 0", "P0 CHANNEL A"), ("DIMM 1", "")],  # one of two is named
    ],
)
def test_what_the_locators_leave_open_is_unknown(tmp_path: Path, places: list[tuple[str, str]]) -> None:
    assert told(tmp_path, array(), *(dimm(k, *place) for k, place in enumerate(places, start=1))).bits is None


def test_a_single_device_is_a_bus(tmp_path: Path) -> None:
    assert told(tmp_path, array(), dimm(1, "A1"), dimm(2, "B1", size=0)).bits == 64


def test_widths_are_those_of_the_data_and_must_be_credible(tmp_path: Path) -> None:
    sub = [dimm(k, f"Controller0-Channel{c}", data=16, total=16) for k, c in enumerate("ABCD", start=1)]
    assert told(tmp_path, array(), *sub).bits == 64  # LPDDR: four channels of 16 bits
    mixed = [dimm(1, "CHANNEL A"), dimm(2, "CHANNEL B", data=32, total=40)]
    assert told(tmp_path, array(), *mixed).bits == 96
    for data, total in ((0xFFFF, 72), (0, 8), (128, 64)):
        assert told(tmp_path, array(), dimm(1, "CHANNEL A", data=data, total=total)).bits is None


def test_only_populated_main_memory_counts(tmp_path: Path) -> None:
    parts = [array(), array(0x1001, use=5), dimm(1, "CHANNEL A"), dimm(2, "CHANNEL B", size=0),
             dimm(3, "CHANNEL C", size=0xFFFF), dimm(4, "CHANNEL D", within=0x1001)]  # fmt: skip
    assert told(tmp_path, *parts).bits == 64
    assert told(tmp_path, array(), dimm(1, "CHANNEL A", size=0)).bits is None


def test_a_virtual_machine_is_believed_nothing(tmp_path: Path) -> None:
    assert "virtual machine" in told(tmp_path, array(), dimm(1, "DIMM 0"), flags="fpu hypervisor sse").source
    (tmp_path / "DMI").write_bytes(bios(virtual=True) + array() + dimm(1, "DIMM 0") + END)
    assert cpu_bus(tmp_path / "DMI", tmp_path / "none").bits is None


def test_torn_and_missing_tables_are_no_crash(tmp_path: Path) -> None:
    whole = bios() + array() + dimm(1, "CHANNEL A", "BANK") + END
    kinds = [s.kind for s in structures(whole)]
    assert kinds == [0, 16, 17, 127]
    assert memory_devices(list(structures(whole)))[0].bank == "BANK"
    for end in range(len(whole)):
        assert [s.kind for s in structures(whole[:end])] == kinds[: len(list(structures(whole[:end])))]
    assert list(structures(whole + b"garbage")) == list(structures(whole))
    assert cpu_bus(tmp_path / "nothing", tmp_path / "none").bits is None


@pytest.mark.parametrize(("told", "bits"), [(6144, 6144), (0, None)])
def test_the_driver_tells_the_bus_of_a_gpu(monkeypatch: pytest.MonkeyPatch, told: int, bits: int | None) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(memory_bus_width=told))
    assert bus_of("cuda").bits == bits


def test_the_standard_places_are_the_files_of_linux() -> None:
    assert str(SMBIOS_TABLES) == "/sys/firmware/dmi/tables/DMI"
