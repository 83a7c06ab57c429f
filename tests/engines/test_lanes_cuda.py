"""Test the lanes engine's use of CUDA on a made-up CUDA: streams, graphs, memory. The sums are the CPU's."""

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mlpctl.engines.lanes import cuda_graph as replaying
from mlpctl.engines.lanes import session as sessions
from mlpctl.engines.lanes import training as layouts
from mlpctl.engines.lanes.arrays import Arrays
from mlpctl.engines.lanes.cuda_graph import MOST_GRAPH_STEPS, Replay, graph_length
from mlpctl.engines.lanes.dataset import Resident
from mlpctl.engines.lanes.group_size import seconds_per_step
from mlpctl.engines.lanes.memory import out_of_memory
from mlpctl.engines.lanes.session import open_session
from mlpctl.engines.lanes.training import Lane, TrainingGroup
from tests.helpers.engines import assert_close, ends, lanes, mixed
from tests.helpers.making import classes, work_of


class Cuda:
    """A made-up CUDA: streams with a name, graphs that keep what was called while they were recorded."""

    def __init__(self) -> None:
        self.stream, self.recording, self.recorded, self.fails = "main", False, 0, list[Exception]()

    @contextmanager
    def inside(self, stream: Any) -> Any:
        before, self.stream = self.stream, stream.name
        yield
        self.stream = before

    @contextmanager
    def record(self, graph: Any, stream: Any, capture_error_mode: str) -> Any:
        assert capture_error_mode == "thread_local"
        self.recorded += 1
        self.stream, self.recording, graph.steps = stream.name, True, []
        self.graph = graph
        try:
            yield
            if self.fails:
                raise self.fails.pop()  # the stream stays: torch leaves it so where the end of a recording fails
            self.stream = "main"
        finally:
            self.recording = False

    def step(self, step: Callable[[], None]) -> None:
        """Take a step, or record it."""
        if self.recording:
            self.graph.steps.append(step)
        else:
            step()


class Graph:
    """What was recorded."""

    steps: list[Callable[[], None]]

    def replay(self) -> None:
        for step in self.steps:
            step()


class Stream:
    def __init__(self, name: Any) -> None:
        self.name = name

    def wait_stream(self, other: Any) -> None:
        pass


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cuda]:
    """Put a made-up CUDA in torch's place; lanes on the CPU take it for theirs."""
    made = Cuda()
    for name, stand_in in {
        "Stream": lambda index: Stream(f"side {index}"), "current_stream": lambda _: Stream(made.stream),
        "stream": made.inside, "graph": made.record, "CUDAGraph": Graph, "device": lambda _: nullcontext(),
        "set_stream": lambda stream: setattr(made, "stream", stream.name), "current_device": lambda: 0,
    }.items():  # fmt: skip
        monkeypatch.setattr(torch.cuda, name, stand_in)
    replaying._side_stream.cache_clear()
    one_step = TrainingGroup.one_step
    monkeypatch.setattr(TrainingGroup, "one_step", lambda self: made.step(lambda: one_step(self)))
    monkeypatch.setattr(layouts, "Replay", lambda _: Replay(torch.device("cuda")))
    yield made
    replaying._side_stream.cache_clear()


def test_played_back_is_step_by_step(cuda: Cuda, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lanes come and go, so graphs are recorded anew."""
    works = mixed(classes(3, n=150), 24, batch_size=4, optimizer="adam")
    played = ends(lanes(16), *works)
    assert cuda.recorded > 1
    monkeypatch.setattr(layouts, "Replay", Replay)
    for key, end in ends(lanes(16), *works).items():
        assert_close(end, played[key], 1e-15)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("operation not permitted when stream is capturing\nmore"),
        torch.OutOfMemoryError("Tried to allocate 2.00 GiB\nmore"),
    ],
)
def test_what_cannot_be_recorded_is_done_step_by_step(cuda: Cuda, error: RuntimeError) -> None:
    """In the midst of a run, when nothing could be begun again."""
    works = mixed(classes(3, n=150), 6, batch_size=4, epochs=4)
    expected = ends(lanes(), *works)
    cuda.fails.append(error)
    said = str(error).partition("\n")[0]
    with pytest.warns(UserWarning, match=f"steps are taken one by one, which is slower: {said}$"):
        found = ends(lanes(), *works)
    assert cuda.stream == "main"
    for key, end in found.items():
        assert_close(expected[key], end, 1e-15)


def test_a_size_that_does_not_fit_takes_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    work = work_of(classes())
    lane, resident = [Lane(work, 0)], Resident(work.data, torch.device("cpu"))

    def timed(*_: Any) -> float:
        raise error

    monkeypatch.setattr(TrainingGroup, "timed", timed)
    error = RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")
    assert seconds_per_step(lane, resident, "fp32") == float("inf")
    error = RuntimeError("an illegal memory access")
    with pytest.raises(RuntimeError, match="illegal"):
        seconds_per_step(lane, resident, "fp32")


def test_errors_of_memory_are_told_from_others() -> None:
    wrapped = RuntimeError("the end of the recording")
    wrapped.__cause__ = torch.OutOfMemoryError("no")
    for error in (MemoryError(), wrapped, RuntimeError("CUDA error: out of memory")):
        assert out_of_memory(error)
    assert not out_of_memory(RuntimeError("an illegal memory access"))


@given(times=st.integers(0, 5000))
def test_a_graph_leaves_little_over(times: int) -> None:
    length = graph_length(times)
    assert length <= MOST_GRAPH_STEPS
    if times <= MOST_GRAPH_STEPS:
        assert length == times
    else:
        assert all(times % length <= times % other for other in range(MOST_GRAPH_STEPS // 2, MOST_GRAPH_STEPS + 1))


def test_a_layout_is_free_when_nobody_trains_it() -> None:
    """Without the garbage collector: what holds gigabytes, and the memory of a graph, is in no cycle."""
    work = work_of(classes(), widths="8", batch_norm="1", dropout=0.2)
    running = TrainingGroup([Lane(work, 0)], Resident(work.data, torch.device("cpu")), "fp32")
    running.begin(None, {})
    running.epoch()
    gone = weakref.ref(running.program), weakref.ref(running.replay), weakref.ref(running)
    running.release()
    assert [ref() is None for ref in gone] == [True, True, False]
    del running
    assert gone[2]() is None


def test_lanes_move_by_way_of_the_cpu_where_two_layouts_are_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    works = mixed(classes(3, n=50), 12, optimizer="adam")
    expected = ends(lanes(4), *works)
    take, refused = Arrays.take, list[Any]()

    def full(self: Arrays, old: Arrays, sources: Any) -> None:
        if not refused or refused[-1] is not old.layout:
            refused.append(old.layout)
            raise torch.OutOfMemoryError("both at a time")
        take(self, old, sources)

    monkeypatch.setattr(Arrays, "take", full)
    for key, end in ends(lanes(4), *works).items():
        assert_close(expected[key], end, 1e-12)
    assert refused


@pytest.mark.parametrize(("name", "number"), [("cuda:1", 1), ("cuda", 0)])
def test_a_process_is_on_no_gpu_but_its_own(monkeypatch: pytest.MonkeyPatch, name: str, number: int) -> None:
    """What is chosen has a number: CUDA's own `set_device` refuses one without."""
    chosen: list[torch.device] = []
    stand_ins = {"is_available": lambda: True, "device_count": lambda: 2, "set_device": chosen.append}
    for function, stand_in in stand_ins.items():
        monkeypatch.setattr(torch.cuda, function, stand_in)
    assert open_session(name, "tf32", 1).device == torch.device("cuda", number)
    assert chosen == [torch.device("cuda", number)]


def test_precision_is_as_it_was_afterwards() -> None:
    from mlpctl.engines.lanes.products import in_precision

    matmul = torch.backends.cuda.matmul
    before = matmul.fp32_precision, matmul.allow_bf16_reduced_precision_reduction
    for precision, expected in (("fp32", "ieee"), ("tf32", "tf32"), ("bf16", "ieee")):
        with in_precision(precision):  # type: ignore[arg-type]
            assert matmul.fp32_precision == expected
            assert not matmul.allow_bf16_reduced_precision_reduction
    assert (matmul.fp32_precision, matmul.allow_bf16_reduced_precision_reduction) == before


def test_ahead_of_its_events_a_session_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the CPU nothing is gained. Trials are stopped, saved and diverge while the next epoch is there already."""
    monkeypatch.setattr(sessions, "SECONDS_AHEAD", float("inf"))
    launched: list[bool] = []
    launch = TrainingGroup.launch

    def noted(self: TrainingGroup, *, ahead: bool = False) -> None:
        launched.append(ahead)
        launch(self, ahead=ahead)

    monkeypatch.setattr(TrainingGroup, "launch", noted)

    def session(size: int) -> Any:
        opened = lanes(size)
        opened.ahead = True
        return opened

    fields: dict[str, Any] = {"widths": "5,4", "lr": 1e200, "dtype": "float64", "epochs": 5}
    works = [work_of(classes(3, n=50), key="wild", **fields), *mixed(classes(3, n=50), 23)]
    expected, found = ends(lanes(16), *works), ends(session(16), *works)
    assert [end.pop("wild")[1][-1].status for end in (expected, found)] == ["diverged"] * 2
    for key, end in found.items():
        assert_close(expected[key], end, 1e-12)
    assert {True, False} == set(launched)
    first, work = session(4), work_of(classes(), epochs=9, dtype="float64")
    states = {}
    for event in first.advance([work]):
        states[event.epoch] = first.save("t")
        if event.epoch == 5:
            first.stop("t")
    assert [int(state["epochs_done"]) for state in states.values()] == [1, 2, 3, 4, 5, 6]
    assert (event.epoch, event.status) == (6, "interrupted")

    def broken(self: TrainingGroup, *, ahead: bool = False) -> None:
        if ahead:
            raise torch.OutOfMemoryError("no room for a copy")
        launch(self)

    for epoch in (2, 6):
        rest = session(4)
        rest.restore(work, states[epoch])
        weights, events = ends(rest, work)["t"]
        whole = ends(lanes(), work)["t"]
        assert_close((whole[0], whole[1][epoch:]), (weights, events), 1e-12)
    monkeypatch.setattr(TrainingGroup, "launch", broken)
    cautious = session(4)
    assert ends(cautious, work)["t"][1][-1].status == "ok"
    assert not cautious.ahead
