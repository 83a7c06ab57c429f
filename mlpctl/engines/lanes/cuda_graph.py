"""Record steps as a CUDA graph and play them back, without Python between them."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch

MOST_GRAPH_STEPS = 64
"""Steps of a graph at most: recording takes as long as doing them one by one."""

WARM = 3
"""Steps before a graph is recorded, in its stream: libraries allocate what they need at first use."""

Step = Callable[[], None]
"""Reads and writes tensors that stay where they are, and never waits for the device."""


@dataclass(eq=False)
class Replay:
    """On CUDA the graph of some steps. Elsewhere steps are called one by one.

    It does not hold the step, which holds what holds it: a graph's memory is to be free when nobody plays it.

    Attributes:
        device: device of the steps.
    """

    device: torch.device
    _graph: "torch.cuda.CUDAGraph | None" = None
    _length: int = 0
    _warm: bool = False
    _refused: bool = False

    def run(self, times: int, step: Step) -> None:
        """Take so many steps; all but the warm-up count on every call being of as many."""
        if self.device.type == "cuda" and not self._refused:
            times = self._play(times, step)
        for _ in range(times):
            step()

    def _play(self, times: int, step: Step) -> int:
        """Take what steps are worth a graph; return how many are left."""
        self._length = self._length or graph_length(times)
        if not self._warm and times:
            times -= self._warm_up(min(times, WARM), step)
        if times < self._length or self._length < 2:
            return times
        if self._graph is None:
            self._graph = self._record(self._length, step)
        if self._graph is None:
            return times
        for _ in range(times // self._length):
            self._graph.replay()
        return times % self._length

    def _warm_up(self, times: int, step: Step) -> int:
        stream = _side_stream(_index(self.device))
        stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(stream):
            for _ in range(times):
                step()
        torch.cuda.current_stream(self.device).wait_stream(stream)
        self._warm = times == WARM
        return times

    def _record(self, length: int, step: Step) -> "torch.cuda.CUDAGraph | None":
        """Return the graph; None where there cannot be one: recording does nothing, so steps can be taken all the same.

        Where it is memory that is short, little is lost: what fills the memory does not wait for Python.
        """
        graph = torch.cuda.CUDAGraph()
        here, stream = torch.cuda.current_stream(self.device), _side_stream(_index(self.device))
        try:
            with (
                torch.cuda.device(self.device),
                torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"),
            ):
                for _ in range(length):
                    step()
        except RuntimeError as error:
            torch.cuda.set_stream(here)  # a recording that ends in an error leaves its own
            why = str(error).partition("\n")[0]
            warnings.warn(f"no CUDA graph, steps are taken one by one, which is slower: {why}", stacklevel=2)
            self._refused = True
            return None
        return graph


def graph_length(times: int) -> int:
    """Return how many steps a graph has that is played until `times` are done: few or none should be left over."""
    if times <= MOST_GRAPH_STEPS:
        return times
    return min(range(MOST_GRAPH_STEPS // 2, MOST_GRAPH_STEPS + 1), key=lambda length: (times % length, -length))


@cache
def _side_stream(index: int) -> torch.cuda.Stream:
    """Return the stream of a device that graphs are recorded in: one, for each has a workspace of cuBLAS.

    torch would take one of the device that recorded first for all devices.
    """
    return torch.cuda.Stream(index)  # type: ignore[no-untyped-call]


def _index(device: torch.device) -> int:
    index: int | None = device.index
    return torch.cuda.current_device() if index is None else index
