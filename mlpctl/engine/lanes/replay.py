"""Many steps without Python between them: recorded once as a CUDA graph, and played back."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

LONGEST = 64
"""Steps of a graph at most: recording takes as long as doing them one by one."""

WARM = 3
"""Steps before a graph is recorded, in a stream of their own: libraries allocate what they need at first use."""


@dataclass(eq=False)
class Replay:
    """A step, and on CUDA the graph of some of them. Elsewhere steps are called one by one.

    Attributes:
        step: reads and writes tensors that stay where they are, and never waits for the device.
        device: where.
    """

    step: Callable[[], None]
    device: torch.device
    _graph: "torch.cuda.CUDAGraph | None" = None
    _length: int = 0
    _warm: bool = False

    def run(self, times: int) -> None:
        """Take so many steps; all but the warm-up count on every call being of about as many."""
        if self.device.type == "cuda":
            times = self._play(times)
        for _ in range(times):
            self.step()

    def _play(self, times: int) -> int:
        """Take what steps are worth a graph; return how many are left."""
        if not self._warm and times:
            times -= self._warm_up(min(times, WARM))
        length = self._length or times // max(-(-times // LONGEST), 1)
        if times >= length > 1:
            if self._graph is None:
                self._graph, self._length = self._record(length), length
            for _ in range(times // length):
                self._graph.replay()
            times %= length
        return times

    def _warm_up(self, times: int) -> int:
        stream = torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(stream):
            for _ in range(times):
                self.step()
        torch.cuda.current_stream(self.device).wait_stream(stream)
        self._warm = times == WARM
        return times

    def _record(self, length: int) -> "torch.cuda.CUDAGraph":
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.device(self.device), torch.cuda.graph(graph):
            for _ in range(length):
                self.step()
        return graph
