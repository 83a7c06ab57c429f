"""Matrix products as works to be timed: operands, how a product is done and timed, what a device lacks."""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpctl.bench.matmul_cases import DTYPES, Case
from mlpctl.errors import DeviceError, UsageError

if TYPE_CHECKING:
    import torch

SHORTEST = 1e-3
"""Seconds that one timed run takes at least: it repeats shorter products, so that reading the clock counts little."""

PAGE = 4096
"""Bytes that operands start at a multiple of: where they lie is the same for every size."""

CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


@contextmanager
def setting(device: str, threads: int, dtype: str) -> Iterator[None]:
    """Set torch's threads and how CUDA multiplies float32; both are as before afterwards."""
    import torch

    from mlpctl.engines.lanes.products import in_precision

    before = torch.get_num_threads()
    with in_precision("tf32" if dtype == "tf32" else "fp32"):
        torch.set_num_threads(threads if device == "cpu" else before)
        try:
            yield
        finally:
            torch.set_num_threads(before)


class Operands:
    """Random normal numbers that all products of one dtype and device take their operands from.

    Every size begins at the same place: where operands happen to lie in memory is no difference between sizes.
    """

    def __init__(self, cases: Sequence[Case]) -> None:
        """Draw as many numbers as the largest of the products needs, if they are cold for several of it."""
        import torch

        from mlpctl.system.devices import torch_device

        dtype, name = cases[0].dtype, cases[0].device
        self.device = torch_device(name, dtype)
        self.kind = torch.float32 if dtype == "tf32" else getattr(torch, dtype)
        self.sum_kind = torch.int32 if dtype == "int8" else self.kind
        self.step = PAGE // DTYPES[dtype]
        least = 2 * last_cache(self.device) // DTYPES[dtype] if cases[0].cold else 0
        sizes = [max(least, *(self._whole(case.operands[place]) for case in cases)) for place in range(3)]
        _check_memory(self.device, sum(sizes[:2]) * DTYPES[dtype] + sizes[2] * self.sum_kind.itemsize)
        generator = torch.Generator().manual_seed(0)
        self.a, self.b = (self._drawn(size, generator) for size in sizes[:2])
        self.out = torch.empty(sizes[2], dtype=self.sum_kind, device=self.device)

    def _whole(self, numbers: int) -> int:
        return -(-numbers // self.step) * self.step

    def _drawn(self, size: int, generator: "torch.Generator") -> "torch.Tensor":
        import torch

        numbers = torch.randn(size, generator=generator)
        if self.kind == torch.int8:
            numbers = (numbers * 32).round_().clamp_(-127, 127)
        return numbers.to(device=self.device, dtype=self.kind)

    def of(self, case: Case) -> list[tuple["torch.Tensor", "torch.Tensor", "torch.Tensor"]]:
        """Return operands and place of the product, as often as they fit in without overlap if they are cold."""
        lengths = [self._whole(numbers) for numbers in case.operands]
        pools = (self.a, self.b, self.out)
        fit = min(len(pool) // length for pool, length in zip(pools, lengths, strict=True)) if case.cold else 1
        return [self._at(case, [i * length for length in lengths]) for i in range(fit)]

    def _at(self, case: Case, starts: Sequence[int]) -> tuple["torch.Tensor", "torch.Tensor", "torch.Tensor"]:
        shapes = ((case.m, case.k), (case.k, case.n), (case.m, case.n))
        turned = (case.transposed in ("a", "both"), case.transposed in ("b", "both"), False)
        views = []
        for pool, start, numbers, (rows, columns), turn in zip(
            (self.a, self.b, self.out), starts, case.operands, shapes, turned, strict=True
        ):
            lead = () if case.batch == 1 else (case.batch,)
            flat = pool[start : start + numbers]
            views.append(flat.view(*lead, columns, rows).mT if turn else flat.view(*lead, rows, columns))
        a, b, out = views
        return a, b, out


class Product:
    """Does a product, as often as a run needs to be long enough to be timed, and returns the seconds of one."""

    def __init__(self, case: Case, operands: Operands) -> None:
        """Take the operands; nothing is multiplied yet."""
        self.multiply = multiplication(case)
        self.operands = itertools.cycle(operands.of(case))
        self.device = operands.device
        self.times = 1

    def __call__(self) -> float:
        """Return the seconds of a product; a run that is too short makes later runs longer, as warm-up does."""
        seconds = (self._on_cuda() if self.device.type == "cuda" else self._on_clock()) / self.times
        if seconds * self.times < SHORTEST / 2:
            self.times = min(int(np.ceil(SHORTEST / max(seconds, 1e-8))), 100_000)
        return seconds

    def _on_clock(self) -> float:
        import torch

        started = time.perf_counter_ns()
        for _ in range(self.times):
            a, b, out = next(self.operands)
            self.multiply(a, b, out)
        if self.device.type == "mps":
            torch.mps.synchronize()
        return (time.perf_counter_ns() - started) / 1e9

    def _on_cuda(self) -> float:
        """Return the seconds between two events; one product before short ones keeps the GPU busy meanwhile."""
        import torch

        with torch.cuda.device(self.device):
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
            if self.times > 1:
                a, b, out = next(self.operands)
                self.multiply(a, b, out)
            start.record()
            for _ in range(self.times):
                a, b, out = next(self.operands)
                self.multiply(a, b, out)
            end.record()
            end.synchronize()
            return float(start.elapsed_time(end)) / 1e3


def multiplication(case: Case) -> Callable[[Any, Any, Any], object]:
    """Return what multiplies two operands into a third: torch's product of matrices, of stacks, or of int8."""
    import torch

    if case.dtype == "int8":
        return lambda a, b, out: torch._int_mm(a, b, out=out)
    return (
        (lambda a, b, out: torch.mm(a, b, out=out)) if case.batch == 1 else (lambda a, b, out: torch.bmm(a, b, out=out))
    )


def lack(case: Case) -> str:
    """Return why the device cannot do this product, "" if it can: small ones are multiplied and checked.

    The numbers are small and whole, so that every dtype holds them, and the products up to its last bit.

    Raises:
        DeviceError: if the device is not there.
    """
    import torch

    from mlpctl.system.devices import torch_device

    try:
        device = torch_device(case.device, case.dtype)
    except DeviceError:
        if case.device == "mps" and case.dtype == "float64":
            return "an Apple GPU has none"
        raise
    if case.dtype == "tf32" and (device.type != "cuda" or torch.cuda.get_device_capability(device) < (8, 0)):
        return "it needs a CUDA GPU of compute capability 8"
    if case.dtype == "bfloat16" and device.type == "cuda" and not torch.cuda.is_bf16_supported(False):
        return "it needs a CUDA GPU of compute capability 8"
    if case.dtype == "int8" and case.batch > 1:
        return "torch multiplies no stacks of it"
    rng = np.random.default_rng(0)
    m, k, n = (x if x < 128 else 64 + x % 64 for x in (case.m, case.k, case.n))  # a multiple of 64 remains one
    wide = [rng.integers(-4, 5, (2, *shape)).astype(np.float32) for shape in ((m, k), (k, n))]
    small = Case(m, k, n, min(case.batch, 2), case.transposed, 0, case.dtype, case.device, case.threads, False)
    kind = torch.float32 if case.dtype == "tf32" else getattr(torch, case.dtype)
    a, b = (torch.from_numpy(x if small.batch > 1 else x[0]).to(device=device, dtype=kind) for x in wide)
    out = torch.empty((*a.shape[:-1], n), dtype=torch.int32 if case.dtype == "int8" else kind, device=device)
    a = a.mT.contiguous().mT if case.transposed in ("a", "both") else a
    b = b.mT.contiguous().mT if case.transposed in ("b", "both") else b
    try:
        multiplication(small)(a, b, out)
    except (RuntimeError, NotImplementedError) as error:
        return f"torch says: {str(error).splitlines()[0][:100]}"
    true = (wide[0].astype(np.float64) @ wide[1])[: small.batch].reshape(out.shape)
    right = np.allclose(out.double().cpu().numpy(), true, rtol=0.0 if case.dtype == "int8" else 0.01, atol=0.0)
    return "" if right else "its products are wrong here"


def last_cache(device: "torch.device") -> int:
    """Return the bytes of the largest cache, 64 MiB where nobody tells."""
    import torch

    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).L2_cache_size)
    sizes = [path.read_text().strip() for path in CACHES.glob("index*/size")]
    return max((int(size[:-1]) << 10 for size in sizes if size.endswith("K")), default=64 << 20)


def _check_memory(device: "torch.device", needed: int) -> None:
    import psutil
    import torch

    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else psutil.virtual_memory().available
    if needed > free:
        raise UsageError(
            f"operands need {needed / 2**30:.1f} GiB, and {free / 2**30:.1f} GiB are free on {device}: choose smaller "
            "sizes"
        )
