"""Choose the device and the number of parallel trials of a run."""

import os
from typing import TYPE_CHECKING

from mlpctl.errors import DeviceError, UsageError

if TYPE_CHECKING:
    import torch


MOST_JOBS = 1024
"""Trials in training at a time; more threads than that only take memory from each other."""


def asked_device(flag: str | None, *, several: bool = False) -> str:
    """Return the device (or `several`) that the flag, else MLPCTL_DEVICE names; "auto" if neither does.

    Raises:
        UsageError: for a name that no device has.
    """
    from mlpctl.spec import make_spec

    named = flag or os.environ.get("MLPCTL_DEVICE") or "auto"
    words = named.split(",") if several else [named]
    return ",".join(make_spec({"device": word.strip()}).device for word in words)


def measured_devices(flag: str | None) -> list[str]:
    """Return the devices that a benchmark measures: those asked for, else the CPU and a CUDA GPU if there is one.

    Raises:
        UsageError: for a name that no device has.
    """
    from mlpctl.system.facts import has_cuda

    names = [name.strip() for name in asked_device(flag, several=True).split(",") if name.strip()]
    return ["cpu", *(["cuda"] if has_cuda() else [])] if "auto" in names else names


def asked_jobs(flag: int | None) -> int:
    """Return how many trials train at a time: the flag, else MLPCTL_JOBS, else the cores this process may use.

    Raises:
        UsageError: if MLPCTL_JOBS is no positive number, or the number is more than a machine has threads for.
    """
    from mlpctl.system.facts import usable_cores

    text = os.environ.get("MLPCTL_JOBS", "")
    if flag is None and text:
        if not text.isdigit() or int(text) < 1:
            raise UsageError(f"MLPCTL_JOBS must be a positive number, got '{text}'")
        flag = int(text)
    if flag is not None and flag > MOST_JOBS:
        raise UsageError(
            f"at most {MOST_JOBS} trials train at a time, got {flag}; this machine has {usable_cores()} cores"
        )
    return flag or usable_cores()


def devices_of(name: str, trials: int) -> tuple[str, ...]:
    """Return the devices that train together, each with a process of its own; one where there is nothing to divide.

    Args:
        name: of a device, or of several GPUs ("cuda:0,cuda:1"); cuda alone is every GPU that this process sees.
        trials: about how many there are to train: one is not worth a second process.

    Raises:
        DeviceError: if one of several is not there.
    """
    listed = tuple(name.split(","))
    if len(listed) > 1:
        for each in listed:
            torch_device(each)
        return listed
    if name != "cuda" or trials < 2:
        return (name,)
    count = gpu_count()
    return tuple(f"cuda:{number}" for number in range(count)) if count > 1 else (name,)


def gpu_count() -> int:
    """Return how many CUDA GPUs torch sees."""
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def torch_device(name: str, dtype: str = "float32") -> "torch.device":
    """Return the torch device called `name`; auto is the CPU, where small networks train fastest one by one.

    Raises:
        DeviceError: if it is not there, or cannot do the dtype.
    """
    import torch

    if name in ("auto", "cpu"):
        return torch.device("cpu")
    if name == "mps":
        if not torch.backends.mps.is_available():
            raise DeviceError("device mps needs an Apple GPU and a torch built for it: use --device cpu")
        if dtype == "float64":
            raise DeviceError("device mps has no float64: use --dtype float32, or --device cpu")
        return torch.device("mps")
    device = torch.device(name)
    index, count = device.index or 0, gpu_count()
    if not count:
        why = "this torch is a CPU build" if torch.version.cuda is None else "torch sees no CUDA GPU"
        raise DeviceError(f"device {name} is not there: {why}; use --device cpu, `mlpctl doctor` says more")
    if index >= count:
        raise DeviceError(f"device {name} is not there: GPUs here are cuda:0 to cuda:{count - 1}")
    return torch.device(device.type, index)  # torch.cuda.set_device refuses a device without a number
