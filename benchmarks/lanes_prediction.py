"""Predict the least cost of a step of the engine lanes: kernels, bytes and FLOPs, counted on torch's `meta` device.

`python -m benchmarks.lanes_prediction` prints it for an H200. A kernel takes the longest of its launch inside of a
graph, its bytes and its FLOPs; kernels do not overlap. Bytes are those of every tensor that a kernel reads or writes,
as if no cache held any of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from benchmarks.gpu import trials_of
from mlpctl.bench.workloads import FASHION, IRIS_BN
from mlpctl.display.tables import Cell, Table, print_tables
from mlpctl.engines.lanes.dataset import Resident
from mlpctl.engines.lanes.training import Lane, TrainingGroup

PRODUCTS = {"mm", "addmm", "addmm_", "bmm", "baddbmm", "baddbmm_"}

VIEWS = {
    "view", "_unsafe_view", "slice", "select", "transpose", "t", "permute", "expand", "unsqueeze", "squeeze", "alias",
    "as_strided", "detach", "empty", "empty_like", "new_empty", "_reshape_alias", "resize_", "lift_fresh", "split",
    "empty_strided", "new_empty_strided", "unfold", "unbind",
}  # fmt: skip
"""Operations that launch nothing."""

FURTHER = {"baddbmm": 1, "native_batch_norm": 3, "native_batch_norm_backward": 2}
"""Kernels that an operation launches beside its first: a bias of a stack of products is copied to where they go."""


@dataclass(frozen=True)
class Chip:
    """Rates that a kernel can be expected to reach."""

    launch: float  # seconds between the starts of two small kernels of a graph
    bytes: float  # per second
    flops: dict[str, float]  # of matrix products, per second, by precision


H200 = Chip(launch=2.2e-6, bytes=3.8e12, flops={"fp32": 45e12, "tf32": 280e12})
"""The data sheet has 4.8 TB/s, 67 and 494 TFLOP/s: copies and large products are known to reach these parts."""


@dataclass
class Kernel:
    """A kernel that an operation launches."""

    name: str
    bytes: int
    flops: float = 0.0


@dataclass
class Counted(TorchDispatchMode):
    """Dispatch mode that counts the operations that reach a device."""

    kernels: list[Kernel] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count an operation and do it."""
        found = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if name not in VIEWS:
            tensors = {id(leaf): leaf for leaf in tree_leaves((args, kwargs, found)) if isinstance(leaf, torch.Tensor)}
            moved = sum(_bytes(tensor) for tensor in tensors.values())
            if name in ("index_select", "gather"):  # reads of its source what it writes
                moved = 2 * _bytes(found)
            if name == "baddbmm":
                moved += 2 * _bytes(found)
            flops = 0.0
            if name in PRODUCTS:
                a, b = [leaf for leaf in tree_leaves(args) if isinstance(leaf, torch.Tensor)][-2:]
                flops = 2.0 * a.numel() * b.shape[-1]
            self.kernels += [Kernel(name, moved, flops), *[Kernel(name, 0)] * FURTHER.get(name, 0)]
        return found


def _bytes(tensor: torch.Tensor) -> int:
    """Return the bytes of a tensor's own elements, those of an expanded axis once."""
    own = 1
    for size, stride in zip(tensor.shape, tensor.stride(), strict=True):
        own *= size if stride else 1
    return own * tensor.itemsize


def step_of(fields: dict[str, Any], lanes: int) -> tuple[list[Kernel], int]:
    """Return the kernels of a full step, and the steps of an epoch."""
    trials = trials_of(fields, lanes, 1)
    resident = Resident(trials[0].data, torch.device("meta"))
    running = TrainingGroup([Lane(trial, n) for n, trial in enumerate(trials)], resident, "fp32")
    running.tables.fill([1] * lanes, 0)
    counted = Counted()
    with counted:
        running._step(running.tables.batch)
    return counted.kernels, running.tables.steps


def seconds(kernels: Sequence[Kernel], chip: Chip, precision: str) -> float:
    """Return the least seconds of some kernels, one after the other."""
    return sum(max(chip.launch, k.bytes / chip.bytes, k.flops / chip.flops[precision]) for k in kernels)


def main() -> None:
    """Print the table."""
    rows: list[dict[str, Cell]] = []
    for name, fields, sizes, precisions, epochs in (
        ("Fashion-MNIST", FASHION, (1, 16, 64, 256, 1024), ("tf32", "fp32"), 1),
        ("iris", IRIS_BN, (256, 1024, 4096, 8192), ("fp32",), 20),
    ):
        for lanes in sizes:
            kernels, steps = step_of(fields, lanes)
            for precision in precisions:
                took = seconds(kernels, H200, precision)
                rows.append({
                    "work": name, "lanes": lanes, "precision": precision, "kernels": len(kernels),
                    "megabytes": sum(k.bytes for k in kernels) / 1e6, "gigaflops": sum(k.flops for k in kernels) / 1e9,
                    "microseconds": took * 1e6, "per_second": lanes / (took * steps * epochs),
                })  # fmt: skip
    notes = ["predicted, not measured: model-epochs/s of Fashion-MNIST, trials/s of iris (20 epochs), scoring left out"]
    print_tables([Table(tuple(rows[0]), rows, "a step of the engine lanes on an H200", notes)])


if __name__ == "__main__":
    main()
