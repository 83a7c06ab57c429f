"""Memory: the width of its bus where the firmware tells it, and the measured rate of a copy."""

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlpctl.errors import DeviceError

TABLES = Path("/sys/firmware/dmi/tables/DMI")
"""SMBIOS structures as the firmware left them; readable by root alone on most systems."""

MEMORY_DEVICE = 17
UNKNOWN = (0, 0xFFFF)


@dataclass(frozen=True)
class Memory:
    """What is known of a memory.

    Attributes:
        device: cpu or a GPU.
        bus_bits: width of the data bus; None where nobody says.
        source: who says so, or why it is not known.
        copy_bytes_per_second: measured, bytes read and bytes written together.
    """

    device: str
    bus_bits: int | None
    source: str
    copy_bytes_per_second: float


def cpu_memory(*, size: int = 64 << 20, runs: int = 9) -> Memory:
    """Return what is known of the main memory; its copy rate is the median of `runs` copies of `size` bytes."""
    bits, source = bus_width()
    a, b = np.zeros(size, np.uint8), np.ones(size, np.uint8)
    times = []
    for _ in range(runs + 1):
        started = time.perf_counter()
        np.copyto(a, b)
        times.append(time.perf_counter() - started)
    return Memory("cpu", bits, source, 2 * size / statistics.median(times[1:]))  # the first run touches the pages


def bus_width(tables: Path = TABLES) -> tuple[int | None, str]:
    """Return (bits of the data bus of one memory device, how many such there are and who says so), or (None, why)."""
    try:
        content = tables.read_bytes()
    except OSError as error:
        return None, f"{tables} cannot be read ({error.strerror})"
    widths = [w for kind, body in structures(content) if kind == MEMORY_DEVICE for w in _data_width(body)]
    if not widths:
        return None, "the firmware's tables describe no memory device with a data width"
    most = max(widths)
    return most, f"the firmware's tables (SMBIOS type 17), {len(widths)} memory device{'s' if len(widths) > 1 else ''}"


def structures(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (type, formatted part) of each SMBIOS structure; a torn table ends where it is torn.

    Source: DMTF DSP0134, System Management BIOS Reference Specification, 6.1.
    """
    at = 0
    while at + 4 <= len(content):
        kind, length = content[at], content[at + 1]
        if length < 4 or at + length > len(content):
            return
        yield kind, content[at : at + length]
        end = content.find(b"\0\0", at + length)  # the texts of a structure end with two zeros
        if end < 0:
            return
        at = end + 2


def _data_width(body: bytes) -> Iterator[int]:
    """Yield the data width, in bits, of a memory device that is there (DSP0134, 7.18: offsets 0Ah and 0Ch)."""
    if len(body) < 0x0E:
        return
    width, size = (int.from_bytes(body[at : at + 2], "little") for at in (0x0A, 0x0C))
    if size and width not in UNKNOWN:
        yield width


def gpu_memory(device: str, *, size: int = 256 << 20, runs: int = 9) -> Memory:
    """Return what is known of a CUDA GPU's memory.

    Raises:
        DeviceError: if it is not there.
    """
    import torch

    from mlpctl.devices import torch_device

    where = torch_device(device)
    if where.type != "cuda":
        raise DeviceError(f"only CUDA GPUs tell about their memory, got {device}")
    properties = torch.cuda.get_device_properties(where)
    bits = getattr(properties, "memory_bus_width", None)
    a, b = (torch.empty(size, dtype=torch.uint8, device=where) for _ in range(2))
    times = []
    for _ in range(runs + 1):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        start.record()
        a.copy_(b)
        end.record()
        end.synchronize()
        times.append(float(start.elapsed_time(end)) / 1e3)
    source = "the driver, through torch" if bits else "this torch does not tell"
    return Memory(device, bits, source, 2 * size / statistics.median(times[1:]))
