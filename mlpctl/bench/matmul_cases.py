"""The matrix products of `mlpctl bench matmul`: what is asked for, before anything is multiplied."""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from mlpctl.errors import UsageError, did_you_mean

DTYPES = {"float64": 8, "float32": 4, "tf32": 4, "bfloat16": 2, "float16": 2, "int8": 1}
"""Bytes of an operand's number. tf32 is float32 multiplied with 10 bits of mantissa; int8 adds up in int32."""

Transposed = Literal["none", "a", "b", "both"]


@dataclass(frozen=True)
class Case:
    """A product that is timed: (batch, m, k) times (batch, k, n).

    Attributes:
        m: rows of the first operand.
        k: its columns, the rows of the second.
        n: columns of the second.
        batch: products in one call.
        transposed: which operand lies in memory column by column.
        copy: 0, or the how manieth again of a product that was asked for several times.
        dtype: of both operands.
        device: cpu or a GPU.
        threads: of the CPU.
        cold: whether operands come from memory each time, not from a cache.
    """

    m: int
    k: int
    n: int
    batch: int
    transposed: Transposed
    copy: int
    dtype: str
    device: str
    threads: int
    cold: bool

    @property
    def flops(self) -> float:
        """Useful operations: a multiplication and an addition per number of the longest chain."""
        return 2.0 * self.batch * self.m * self.k * self.n

    @property
    def operands(self) -> tuple[int, int, int]:
        """Numbers in the operands and in the product."""
        return self.batch * self.m * self.k, self.batch * self.k * self.n, self.batch * self.m * self.n

    @property
    def where(self) -> tuple[str, int, str]:
        """What it shares with the products that it is compared with: device, threads, dtype."""
        return self.device, self.threads, self.dtype

    def __str__(self) -> str:
        """Return what it is called in sentences: 1024 on cpu float32, 2 threads."""
        return f"{name_of(self)} on {place_of(self)}"


def name_of(case: Case) -> str:
    """Return what a product is called: 1024, 64×784×256, 8 of 1024; how its operands lie, and again for a second."""
    size = f"{case.m}" if case.m == case.k == case.n else f"{case.m}×{case.k}×{case.n}"
    parts = [f"{case.batch} of {size}" if case.batch > 1 else size]
    parts += {"none": [], "a": ["Aᵀ"], "b": ["Bᵀ"], "both": ["Aᵀ Bᵀ"]}[case.transposed]
    return " ".join([*parts, *(["again"] if case.copy else [])])


def place_of(case: Case) -> str:
    """Return where a product is done: cpu float32, 2 threads."""
    threads = f", {case.threads} thread{'' if case.threads == 1 else 's'}" if case.device == "cpu" else ""
    return f"{case.device} {case.dtype}{threads}"


def cases_of(
    shapes: Sequence[tuple[int, int, int]],
    dtypes: Sequence[str],
    devices: Sequence[str],
    threads: Sequence[int],
    *,
    batches: Sequence[int] = (1,),
    transposed: Sequence[str] = ("none",),
    cold: bool = False,
) -> list[Case]:
    """Return every combination, the first of each device, dtype and threads being what the others are compared with.

    Threads vary on the CPU alone. A shape that is given twice is measured twice.

    Raises:
        UsageError: naming everything that is wrong with them.
    """
    known: dict[str, Transposed] = {name: name for name in get_args(Transposed)}
    problems = [f"sizes must be 1 at least, got {'x'.join(map(str, s))}" for s in shapes if min(s) < 1]
    problems += [f"threads must be 1 at least, got {n}" for n in threads if n < 1]
    problems += [f"batches must be 1 at least, got {n}" for n in batches if n < 1]
    problems += [f"unknown dtype '{name}': {did_you_mean(name, DTYPES)}" for name in dtypes if name not in DTYPES]
    problems += [f"unknown operand '{name}': {did_you_mean(name, known)}" for name in transposed if name not in known]
    if not (shapes and dtypes and devices and threads and batches and transposed):
        problems.append("at least one size, dtype, device, number of threads, batch and transposition is needed")
    if problems:
        raise UsageError(problems)
    again = [sum(s == shape for s in shapes[:place]) for place, shape in enumerate(shapes)]
    machines = dict.fromkeys((d, k if d == "cpu" else 1) for d in dict.fromkeys(devices) for k in threads)
    groups = itertools.product(dict.fromkeys(dtypes), machines)
    works = itertools.product(
        dict.fromkeys(batches), [known[t] for t in dict.fromkeys(transposed)], list(zip(shapes, again, strict=True))
    )
    return [
        Case(m, k, n, b, t, copy, dtype, device, count, cold)
        for (dtype, (device, count)), (b, t, ((m, k, n), copy)) in itertools.product(groups, works)
    ]


def shapes_of(text: str) -> list[tuple[int, int, int]]:
    """Return the shapes of "64x784x256,1024": m, k and n, or one number for all three.

    Raises:
        UsageError: for anything else.
    """
    items = [item.strip() for item in text.split(",") if item.strip()]
    found = [re.fullmatch(r"(\d{1,9})(?:x(\d{1,9})x(\d{1,9}))?", item) for item in items]
    for item, match in zip(items, found, strict=True):
        if match is None:
            raise UsageError(
                f"shapes are whole numbers such as 1024, or rows x inner x columns such as 64x784x256, got '{item}'"
            )
    return [(int(m[1]), int(m[2] or m[1]), int(m[3] or m[1])) for m in found if m is not None]
