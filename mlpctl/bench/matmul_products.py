"""Define the matrix products of `mlpctl bench matmul`, their operands in memory, and how one is run and timed."""

import itertools
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from mlpctl.bench.cache_latency import caches
from mlpctl.bench.sampling import Workload
from mlpctl.errors import DeviceError, UsageError, did_you_mean

if TYPE_CHECKING:
    import torch

OPERAND_BYTES = {"float64": 8, "float32": 4, "tf32": 4, "bfloat16": 2, "float16": 2, "int8": 1}
"""Dtype -> bytes of a number. tf32 is float32 multiplied with 10 bits of mantissa; int8 is summed in int32."""

Transposed = Literal["none", "a", "b", "both"]  # operands that lie in memory column by column
SHORTEST = 1e-3  # seconds of a timed run at least: short products are repeated, so that reading the clock costs little
PAGE = 4096  # operands of every size begin at a multiple of so many bytes


@dataclass(frozen=True)
class MatrixProduct:
    """A product that is timed: (batch, m, k) times (batch, k, n)."""

    m: int
    k: int
    n: int
    batch: int  # products in one call
    transposed: Transposed
    copy: int  # 0, 1, … of a product that was given several times
    dtype: str
    device: str
    threads: int  # of the CPU
    cold: bool  # whether operands come from memory each time, not from a cache

    @property
    def flops(self) -> float:
        """Useful operations: a multiplication and an addition each."""
        return 2.0 * self.batch * self.m * self.k * self.n

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Numbers in the operands and in the result."""
        return self.batch * self.m * self.k, self.batch * self.k * self.n, self.batch * self.m * self.n

    @property
    def group(self) -> tuple[str, int, str]:
        """Device, threads and dtype: equal for products that are compared with each other."""
        return self.device, self.threads, self.dtype

    @property
    def name(self) -> str:
        """Its name: 1024, 64×784×256, 8 of 1024 Bᵀ; "again" for a second of the same."""
        size = f"{self.m}" if self.m == self.k == self.n else f"{self.m}×{self.k}×{self.n}"
        parts = [f"{self.batch} of {size}" if self.batch > 1 else size]
        parts += {"none": [], "a": ["Aᵀ"], "b": ["Bᵀ"], "both": ["Aᵀ Bᵀ"]}[self.transposed]
        return " ".join([*parts, *(["again"] if self.copy else [])])

    @property
    def place(self) -> str:
        """The place where it is computed: cpu float32, 2 threads."""
        threads = f", {self.threads} thread{'' if self.threads == 1 else 's'}" if self.device == "cpu" else ""
        return f"{self.device} {self.dtype}{threads}"


def products_of(
    shapes: Sequence[tuple[int, int, int]], dtypes: Sequence[str], devices: Sequence[str], threads: Sequence[int],
    *, batches: Sequence[int] = (1,), transposed: Sequence[str] = ("none",), cold: bool = False,
) -> list[MatrixProduct]:  # fmt: skip
    """Return every combination; the first of each group is the one that the others are compared with.

    Threads vary on the CPU alone. A shape (m, k, n) that is given twice is measured twice.

    Raises:
        UsageError: naming everything that is wrong with them.
    """
    known: dict[str, Transposed] = {name: name for name in get_args(Transposed)}
    problems = [f"sizes must be 1 at least, got {'x'.join(map(str, s))}" for s in shapes if min(s) < 1]
    problems += [f"threads must be 1 at least, got {n}" for n in threads if n < 1]
    problems += [f"batches must be 1 at least, got {n}" for n in batches if n < 1]
    problems += [f"unknown dtype '{d}': {did_you_mean(d, OPERAND_BYTES)}" for d in dtypes if d not in OPERAND_BYTES]
    problems += [f"unknown operand '{name}': {did_you_mean(name, known)}" for name in transposed if name not in known]
    if not (shapes and dtypes and devices and threads and batches and transposed):
        problems.append("at least one size, dtype, device, number of threads, batch and transposition is needed")
    if problems:
        raise UsageError(problems)
    copies = [(shape, shapes[:place].count(shape)) for place, shape in enumerate(shapes)]
    processors = dict.fromkeys((d, k if d == "cpu" else 1) for d in devices for k in threads)
    layouts = [known[name] for name in dict.fromkeys(transposed)]
    every = itertools.product(dict.fromkeys(dtypes), processors, dict.fromkeys(batches), layouts, copies)
    return [
        MatrixProduct(m, k, n, batch, layout, copy, dtype, device, count, cold)
        for dtype, (device, count), batch, layout, ((m, k, n), copy) in every
    ]


def parse_shapes(text: str) -> list[tuple[int, int, int]]:
    """Return the shapes of "64x784x256,1024": m, k and n, or one number for all three.

    Raises:
        UsageError: for anything else.
    """
    shapes = []
    for item in filter(None, map(str.strip, text.split(","))):
        match = re.fullmatch(r"(\d{1,9})(?:x(\d{1,9})x(\d{1,9}))?", item)
        if match is None:
            raise UsageError(
                f"shapes are whole numbers such as 1024, or rows x inner x columns such as 64x784x256, got '{item}'"
            )
        shapes.append((int(match[1]), int(match[2] or match[1]), int(match[3] or match[1])))
    return shapes


@contextmanager
def torch_settings(device: str, threads: int, dtype: str) -> Iterator[None]:
    """Set torch's threads and how CUDA multiplies float32; put both back afterwards."""
    import torch

    from mlpctl.engines.lanes.products import in_precision

    before = torch.get_num_threads()
    with in_precision("tf32" if dtype == "tf32" else "fp32"):
        torch.set_num_threads(threads if device == "cpu" else before)
        try:
            yield
        finally:
            torch.set_num_threads(before)


Matrices = tuple["torch.Tensor", "torch.Tensor", "torch.Tensor"]  # both operands and the result


class Operands:
    """Random normal numbers of which all products of one dtype and device take their operands.

    Every size begins at the same address: where operands lie in memory is no difference between sizes.
    """

    def __init__(self, products: Sequence[MatrixProduct]) -> None:
        """Draw as many numbers as the largest product needs; for cold products more than the caches hold."""
        import torch

        from mlpctl.system.devices import torch_device

        dtype = products[0].dtype
        self.device = torch_device(products[0].device, dtype)
        self.kind = torch.float32 if dtype == "tf32" else getattr(torch, dtype)
        result = torch.int32 if dtype == "int8" else self.kind
        self.step = PAGE // OPERAND_BYTES[dtype]
        least = 2 * last_cache(self.device) // OPERAND_BYTES[dtype] if products[0].cold else 0
        sizes = [max(least, *(self._pages(product.sizes[k]) for product in products)) for k in range(3)]
        _check_memory(self.device, sum(sizes[:2]) * OPERAND_BYTES[dtype] + sizes[2] * result.itemsize)
        generator = torch.Generator().manual_seed(0)
        a, b = (self._draw(size, generator) for size in sizes[:2])
        self.pools = (a, b, torch.empty(sizes[2], dtype=result, device=self.device))

    def of(self, product: MatrixProduct) -> list[Matrices]:
        """Return the matrices of a product: one set, or of a cold product all that fit in without overlap."""
        apart = [self._pages(size) for size in product.sizes]
        sets = min(len(pool) // length for pool, length in zip(self.pools, apart, strict=True)) if product.cold else 1
        return [self._at(product, [k * length for length in apart]) for k in range(sets)]

    def _at(self, product: MatrixProduct, starts: Sequence[int]) -> Matrices:
        m, k, n = product.m, product.k, product.n
        batch = () if product.batch == 1 else (product.batch,)

        def matrix(which: int, rows: int, columns: int, by_columns: tuple[str, ...] = ()) -> "torch.Tensor":
            flat = self.pools[which][starts[which] :][: product.sizes[which]]
            turned = product.transposed in by_columns
            return flat.view(*batch, columns, rows).mT if turned else flat.view(*batch, rows, columns)

        return matrix(0, m, k, ("a", "both")), matrix(1, k, n, ("b", "both")), matrix(2, m, n)

    def _pages(self, numbers: int) -> int:
        return -(-numbers // self.step) * self.step

    def _draw(self, size: int, generator: "torch.Generator") -> "torch.Tensor":
        import torch

        numbers = torch.randn(size, generator=generator)
        if self.kind == torch.int8:
            numbers = (numbers * 32).round_().clamp_(-127, 127)
        return numbers.to(device=self.device, dtype=self.kind)


def product_workload(product: MatrixProduct, operands: Operands) -> Workload:
    """Return the workload of one product, which a run repeats until it is long enough to be timed."""
    import torch

    multiply, matrices = multiplication(product), itertools.cycle(operands.of(product))
    times = 1

    def run(count: int) -> None:
        for _ in range(count):
            multiply(*next(matrices))

    def seconds() -> float:
        if operands.device.type == "cuda":
            with torch.cuda.device(operands.device):
                run(int(times > 1))  # one more before short products keeps the GPU busy while they are queued
                return cuda_seconds(lambda: run(times))
        started = time.perf_counter_ns()
        run(times)
        if operands.device.type == "mps":
            torch.mps.synchronize()
        return (time.perf_counter_ns() - started) / 1e9

    def once() -> float:
        nonlocal times
        whole = seconds()
        each = whole / times
        if whole < SHORTEST / 2:  # later runs are longer, as warm-up ends
            times = min(int(np.ceil(SHORTEST / max(each, 1e-8))), 100_000)
        return each

    return once


def cuda_seconds(run: Callable[[], object]) -> float:
    """Return the seconds that the current CUDA device takes for what a function queues, by its own events."""
    import torch

    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    start.record()
    run()
    end.record()
    end.synchronize()
    return float(start.elapsed_time(end)) / 1e3


def multiplication(product: MatrixProduct) -> Callable[[Any, Any, Any], object]:
    """Return the function of (a, b, out) that computes a product: of matrices, of stacks, or of int8."""
    import torch

    if product.dtype == "int8":
        return lambda a, b, out: torch._int_mm(a, b, out=out)
    multiply = torch.mm if product.batch == 1 else torch.bmm
    return lambda a, b, out: multiply(a, b, out=out)


def missing_support(product: MatrixProduct) -> str:
    """Return why the device cannot compute a product, "" if it can: a small one of its kind is computed and checked.

    Raises:
        DeviceError: if the device is not there.
    """
    import torch

    from mlpctl.system.devices import torch_device

    dtype = product.dtype
    try:
        device = torch_device(product.device, dtype)
    except DeviceError:
        if product.device == "mps" and dtype == "float64":
            return "an Apple GPU has none"
        raise
    if (dtype == "tf32" and (device.type != "cuda" or torch.cuda.get_device_capability(device) < (8, 0))) or (
        dtype == "bfloat16" and device.type == "cuda" and not torch.cuda.is_bf16_supported(False)
    ):
        return "it needs a CUDA GPU of compute capability 8"
    if dtype == "int8" and product.batch > 1:
        return "torch multiplies no stacks of it"
    m, k, n = (x if x < 128 else 64 + x % 64 for x in (product.m, product.k, product.n))  # multiples of 64 remain such
    small = replace(product, m=m, k=k, n=n, batch=min(product.batch, 2), cold=False)
    operands = Operands([small])
    a, b, out = operands.of(small)[0]
    try:
        multiplication(small)(a, b, out)
    except (RuntimeError, NotImplementedError) as error:
        return f"torch says: {str(error).splitlines()[0][:100]}"
    left, right, found = (matrix.cpu().double() for matrix in (a, b, out))
    wanted = left @ right
    error_allowed = 0.0 if dtype == "int8" else 0.02 * float(wanted.abs().max())
    return "" if float((found - wanted).abs().max()) <= error_allowed else "its products are wrong here"


def last_cache(device: "torch.device") -> int:
    """Return the bytes of the largest cache, 64 MiB where the system does not tell."""
    import torch

    gpu = device.type == "cuda"
    sizes = [torch.cuda.get_device_properties(device).L2_cache_size] if gpu else [cache.bytes for cache in caches()]
    return max(sizes, default=64 << 20)


def _check_memory(device: "torch.device", needed: int) -> None:
    import psutil
    import torch

    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else psutil.virtual_memory().available
    if needed > free:
        sizes = f"{needed / 2**30:.1f} GiB, and {free / 2**30:.1f} GiB are free on {device}"
        raise UsageError(f"operands need {sizes}: choose smaller sizes")
