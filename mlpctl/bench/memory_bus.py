"""How wide the data bus of a memory is, where somebody says so; never a guess.

The CPU's is what its populated channels add up to (64 bits each, mostly). Several devices on one channel share its
lines and count once, so it has to be known which device is on which channel; what the tables leave open, we do too.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlpctl.bench.smbios import (
    MemoryDevice,
    Structure,
    channels_listed,
    in_one_row,
    is_virtual,
    memory_devices,
    structures,
)

if TYPE_CHECKING:
    import torch

TABLES = Path("/sys/firmware/dmi/tables/DMI")
"""SMBIOS structures as the firmware left them; readable by root alone on most systems."""

CPU_FLAGS = Path("/proc/cpuinfo")

CHANNEL_NAME = re.compile(r"(?<![A-Z])CH(?:AN(?:NEL)?)?[ _-]?([A-Z]|\d+)(?![A-Z0-9])")
"""P0 CHANNEL A, Controller0-ChannelA-DIMM0, P1_Node1_Channel2_Dimm0, but not CHASSIS or CHIP."""

ABOVE_CHANNEL = re.compile(r"(?<![A-Z])((?:CPU|PROC|SOCKET|NODE|CONTROLLER|IMC|MC|P)[ _-]?\d+)(?![0-9])")
"""What has channels of its own: a processor, a node of it, a memory controller."""


@dataclass(frozen=True)
class Bus:
    """The data bus of a memory.

    Attributes:
        bits: its width; None where nobody says.
        source: who says so, or why it is not known.
    """

    bits: int | None
    source: str


def cpu_bus(tables: Path = TABLES, flags: Path = CPU_FLAGS) -> Bus:
    """Return the bus of the main memory: of all populated channels together, error correction left out."""
    try:
        found = list(structures(tables.read_bytes()))
    except OSError as error:
        return Bus(None, f"{tables} cannot be read ({error.strerror})")
    if is_virtual(found) or _is_guest(flags):
        return Bus(None, "this is a virtual machine, whose tables describe no real memory")
    devices = memory_devices(found)
    if not devices:
        return Bus(None, "the firmware's tables describe no memory device")
    channels = _channels(found, devices)
    if channels is None:
        named = ", ".join(sorted({f"{d.locator or '?'} / {d.bank or '?'}" for d in devices})[:2])
        return Bus(None, f"the firmware's tables do not tell the channels of {len(devices)} devices ({named}, …)")
    widths = [max((d.bits or 0 for d in own), default=0) for own in channels]
    if not all(widths):
        return Bus(None, "the firmware's tables give no data width")
    told = " + ".join(f"{widths.count(w)} × {w}" for w in sorted(set(widths), reverse=True))
    plural = "s" if len(devices) > 1 else ""
    return Bus(sum(widths), f"the firmware's tables (SMBIOS): channels {told} bits, {len(devices)} device{plural}")


def _channels(tables: list[Structure], devices: list[MemoryDevice]) -> list[list[MemoryDevice]] | None:
    """Return the devices by channel; None where that is not told of every one."""
    listed = channels_listed(tables)
    keys: list[object]
    if all(device.handle in listed for device in devices):
        keys = [listed[device.handle] for device in devices]
    elif all(_channel_named(device) for device in devices):
        keys = [_channel_named(device) for device in devices]
    elif len(devices) == 1 or in_one_row(tables, [device.handle for device in devices]):
        keys = [device.handle for device in devices]
    else:
        return None
    return [[d for d, own in zip(devices, keys, strict=True) if own == key] for key in dict.fromkeys(keys)]


def _channel_named(device: MemoryDevice) -> object:
    """Return a name of a device's channel that no other channel has, from its locators; None where they name none."""
    texts = f"{device.locator} | {device.bank}".upper()
    channel = CHANNEL_NAME.search(texts)
    if channel is None:
        return None
    above = tuple(sorted({re.sub(r"[ _-]", "", name) for name in ABOVE_CHANNEL.findall(texts)}))
    return device.array, above, channel[1]


def _is_guest(flags: Path) -> bool:
    """Whether the processor says that a hypervisor is below."""
    return flags.is_file() and bool(re.search(r"^flags\b.*\bhypervisor\b", flags.read_text("utf-8", "replace"), re.M))


def gpu_bus(device: "torch.device") -> Bus:
    """Return the bus of a CUDA GPU's memory: from the driver through torch, else through NVML (extra `gpu`)."""
    import torch

    properties = torch.cuda.get_device_properties(device)
    bits = getattr(properties, "memory_bus_width", 0)
    return Bus(int(bits), "the driver, through torch") if bits else _nvml_bus(str(getattr(properties, "uuid", "")))


def _nvml_bus(uuid: str) -> Bus:
    """Return the bus of the GPU with a UUID: numbers of GPUs differ between torch and NVML."""
    try:
        import pynvml
    except ImportError:
        return Bus(None, "this torch does not tell, and NVML is not installed: pip install 'mlpctl[gpu]'")
    try:
        pynvml.nvmlInit()
        try:
            handle = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid.removeprefix('GPU-')}")
            return Bus(int(pynvml.nvmlDeviceGetMemoryBusWidth(handle)), "the driver, through NVML")
        finally:
            pynvml.nvmlShutdown()
    except pynvml.NVMLError as error:
        return Bus(None, f"neither torch nor NVML tells ({error})")
