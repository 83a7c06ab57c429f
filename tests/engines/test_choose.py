"""Engine and device that train a trial, and the time that is guessed for each."""

from typing import Any

import pytest
import torch

from mlpctl.engines import choose as choosing
from mlpctl.engines.choose import choose
from mlpctl.engines.expected_time import load_of
from mlpctl.engines.lanes.training import TrainingGroup
from mlpctl.errors import DeviceError, UsageError
from mlpctl.system import devices
from tests.helpers.making import classes, work_of


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let there be a CUDA GPU, as far as the choice of an engine can see."""
    monkeypatch.setattr(choosing, "has_cuda", lambda: True)


def chosen(trials: int, device: str = "auto", **fields: Any) -> tuple[str, str, str]:
    """Return engine, device and note for some trials."""
    work = work_of(classes(), **fields)
    choice = choose(work, engine="auto", device=device, load=lambda: load_of([work], trials))
    return choice.engine.name, choice.device, choice.note


def test_auto_takes_the_gpu_where_the_work_is_long(gpu: None) -> None:
    assert chosen(1)[1] == "cpu"
    engine, device, note = chosen(10**7)
    assert (engine, device) == ("lanes", "cuda")
    assert "s on this CPU" in note
    assert chosen(10**7, device="cpu")[1] == "cpu"
    assert chosen(10**7, impl="manual")[:2] == ("reference", "cpu")


def test_what_lanes_cannot_do_the_reference_does_on_the_gpu() -> None:
    engine, device, note = chosen(5, device="cuda:1", model="parallel")
    assert (engine, device) == ("reference", "cuda:1")
    assert "one by one" in note
    assert chosen(5, device="cuda:1")[:2] == ("lanes", "cuda:1")


def test_apples_gpu_takes_lanes_where_it_has_the_operations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its availability is made up, and so is what it lacks; the step that finds out is the CPU's."""
    with pytest.raises(DeviceError, match="needs an Apple GPU"):
        chosen(5, device="mps")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    with pytest.raises(DeviceError, match="has no float64"):
        chosen(5, device="mps", dtype="float64")
    monkeypatch.setattr(devices, "torch_device", lambda *_: torch.device("cpu"))
    for fields in ({}, {"optimizer": "adam", "dropout": 0.2, "batch_norm": "all", "widths": "6"}):
        assert chosen(5, device="mps", **fields) == ("lanes", "mps", "")
    assert chosen(5, device="mps", impl="manual") == ("reference", "mps", "")
    step = TrainingGroup.one_step

    def missing(self: TrainingGroup) -> None:
        raise NotImplementedError("The operator 'aten::aminmax' is not there for the MPS device. If you want …")

    monkeypatch.setattr(TrainingGroup, "one_step", missing)
    engine, _, note = chosen(5, device="mps", widths="7", optimizer="rmsprop")
    assert (engine, note) == ("reference", "trained one by one by the reference engine on mps: The operator "
                              "'aten::aminmax' is not there for the MPS device")  # fmt: skip
    results = iter([1.0, 1.01])

    def differs(self: TrainingGroup) -> None:
        step(self)
        self.arrays.tensors["0.weight"] *= next(results)

    monkeypatch.setattr(TrainingGroup, "one_step", differs)
    note = chosen(5, device="mps", widths="7", optimizer="adagrad")[2]
    assert note.endswith("a step there gives another 0.weight than on the CPU")


def test_auto_stays_on_the_cpu_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "has_cuda", lambda: False)
    assert chosen(10**7)[1] == "cpu"
    work = work_of(classes())
    with pytest.raises(UsageError, match="tf32"):
        choose(work, engine="auto", device="auto", load=lambda: load_of([work], 1), precision="tf32")


def test_the_load_is_the_mean_of_some_times_all() -> None:
    works = [work_of(classes(), widths=str(width), epochs=3) for width in (4, 64, 512)]
    some, all_ = load_of(works, 3), load_of(works, 300)
    assert all_ == pytest.approx((100 * some.reference, 100 * some.kernel))
    assert some.reference == pytest.approx(sum(load_of([work], 1).reference for work in works))
    assert some.kernel < some.reference
