"""Train a group of lanes, an epoch at a time."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from mlpctl.engines.base import Work
from mlpctl.engines.lanes.arrays import Arrays, allocate
from mlpctl.engines.lanes.cuda_graph import Replay
from mlpctl.engines.lanes.dataset import Resident
from mlpctl.engines.lanes.groups import Shared, bytes_of, shared_of
from mlpctl.engines.lanes.initial_weights import start
from mlpctl.engines.lanes.layout import LaneShape, Layout, arrange
from mlpctl.engines.lanes.losses import loss
from mlpctl.engines.lanes.products import in_precision
from mlpctl.engines.lanes.program import Program
from mlpctl.engines.lanes.scoring import ScoreSums, scores_of
from mlpctl.engines.lanes.step_tables import Tables
from mlpctl.engines.precision import Precision
from mlpctl.models.learner import OPTIMIZER_PREFIX, STEPS, State

if TYPE_CHECKING:
    from torch import Tensor

EPOCHS_DONE = "epochs_done"

SCORED_ELEMENTS = 2**26
"""Units of a layer that are scored together, or a minibatch of them: 256 MiB in float32; at most 8192 rows."""


@dataclass(eq=False)
class Lane:
    """A trial in training.

    Attributes:
        work: work of the trial.
        number: number of its arrival.
        epochs_done: epochs done.
        begun: it has trained an epoch, so its state is on the device.
        ended: it has had its last event; its numbers do not matter any more.
    """

    work: Work
    number: int
    epochs_done: int = 0
    begun: bool = False
    ended: bool = False

    @cached_property
    def shared(self) -> Shared:
        """Settings that decide which programs it may be in."""
        return shared_of(self.work)

    @cached_property
    def bytes(self) -> int:
        """About how much memory it takes."""
        return bytes_of(self.work)


class Result(NamedTuple):
    """Scores of an epoch of a lane."""

    lane: Lane
    scores: dict[str, float]
    lr: float | None
    finite: bool


class Sent(NamedTuple):
    """Sums of an epoch, on their way from the device.

    Attributes:
        sums: (R, ·): of training, of each part, and whether anything is not finite.
        width: columns of each.
        due: lane's number -> (column prefix, part) of what it is scored on.
        parts: all of those.
        rates: each lane's learning rate; None where nothing was trained.
    """

    sums: "Tensor"
    width: int
    due: dict[int, tuple[tuple[str, str], ...]]
    parts: list[str]
    rates: list[float] | None


class TrainingGroup:
    """Lanes that train together; another layout is another object."""

    def __init__(self, lanes: Sequence[Lane], resident: Resident, precision: Precision) -> None:
        """Lay out lanes that may share a program; their weights are 0 until `begin`."""
        shapes = [_shape(lane) for lane in lanes]
        order = arrange(shapes)
        self.lanes, self.resident, self.precision = [lanes[k] for k in order], resident, precision
        works = [lane.work for lane in self.lanes]
        spec, self.network = works[0].spec, works[0].network
        self.layout = Layout(resident.data.n_inputs, tuple(shapes[k] for k in order))
        names = [f"{number}.{name}" for number, layer in enumerate(self.network.layers) for name in layer.shapes]
        dtype: torch.dtype = getattr(torch, spec.dtype)
        self.arrays = allocate(self.layout, names, spec.optimizer or "sgd", resident.device, dtype)
        assert isinstance(spec.batch_size, int)
        train = resident.parts["train"]
        half = precision == "bf16" and spec.dtype == "float32"
        self.tables = Tables(self.layout, works, train, dtype)
        self.program = Program(self.arrays, works, min(spec.batch_size, len(train)), half=half)
        self.counts = ScoreSums(self.network, len(lanes), resident.device)
        number = {cohort: k for k, cohort in enumerate(self.layout.cohorts)}
        cohorts = [number[shape.cohort] for shape in self.layout.shapes]
        self.cohort_of_lane = torch.tensor(cohorts, device=resident.device)
        self.replay = Replay(resident.device)
        self.steps = self.tables.steps
        self.elapsed = 0
        self.sent: Sent | None = None
        self.before: Arrays | None = None
        self.places = {lane.work.key: place for place, lane in enumerate(self.lanes)}

    def begin(self, old: "TrainingGroup | None", held: dict[str, State]) -> None:
        """Set every lane to its numbers in an old layout, a held state, or its initial weights."""
        places = {} if old is None else {lane.number: place for place, lane in enumerate(old.lanes)}
        sources = [places.get(lane.number) for lane in self.lanes]
        if old is not None:
            self.arrays.take(old.arrays, sources)
        fresh = []
        for place, (lane, source) in enumerate(zip(self.lanes, sources, strict=True)):
            if source is None and lane.work.key in held:
                self.arrays.fill(place, held[lane.work.key])
            elif source is None:
                fresh.append((place, lane.work))
        start(self.arrays, fresh)

    def epoch(self) -> list[Result]:
        """Return the results of an epoch, which the device may have begun already; it is waited for once, here."""
        if self.sent is None:
            self.launch()
        sent, self.sent, self.before = self.sent, None, None
        assert sent is not None
        for lane in self.lanes:
            lane.epochs_done += 1
        return self._results(sent)

    def launch(self, *, ahead: bool = False) -> None:
        """Have an epoch trained and scored, without waiting.

        Args:
            ahead: of those who still look at the lanes: `state` is what it was until `epoch` is called.
        """
        if ahead:
            self.before = self.arrays.clone()
        with in_precision(self.precision):
            self.tables.fill([lane.epochs_done + 1 for lane in self.lanes], self.elapsed)
            self.counts.sums.zero_()
            whole = self.tables.used // self.tables.batch
            self.replay.run(whole, self.one_step)
            if whole < self.tables.steps:
                self._step(self.tables.used - whole * self.tables.batch)
            self.elapsed += 1
            self.sent = self._scored(epochs=1)

    def timed(self, steps: int, rounds: int) -> float:
        """Return the seconds of a step in the last of some rounds; the lanes move, so they must be nobody's."""
        steps = max(min(steps, self.tables.used // self.tables.batch), 1)  # as many as a graph has
        seconds = 0.0
        with in_precision(self.precision):
            for _ in range(rounds):
                self.tables.fill([1] * len(self.lanes), 0)
                self.counts.sums.sum().item()  # waits for the device
                started = time.perf_counter()
                self.replay.run(steps, self.one_step)
                self.counts.sums.sum().item()
                seconds = time.perf_counter() - started
        return seconds / steps

    def scored(self) -> list[Result]:
        """Score the lanes as they are."""
        with in_precision(self.precision):
            return self._results(self._scored(epochs=0))

    def state(self, key: str) -> State:
        """Return the state that continues a trial, in the form of the reference engine."""
        place = self.places[key]
        arrays = self.arrays if self.before is None else self.before
        state = {name: view.cpu().numpy().copy() for name, view in arrays.lane(place).items()}
        done = self.lanes[place].epochs_done
        if done:
            state[STEPS] = np.array(done * self.steps)
        return {**state, EPOCHS_DONE: np.array(done)}

    def release(self) -> None:
        """Give back everything but the lanes' arrays: another layout is to take them over."""
        for name in ("program", "tables", "replay", "counts"):
            delattr(self, name)

    def one_step(self) -> None:
        """Take the step that is due, with a whole minibatch."""
        self._step(self.tables.batch)

    def _step(self, n: int) -> None:
        """Take the step that is due, with n examples of each cohort; nothing here waits for the device."""
        tables = self.tables
        rows, numbers = tables.now(n)
        X, y = self.resident.gather(rows.reshape(-1))
        target = (
            torch.unflatten(y, 0, rows.shape).index_select(0, self.cohort_of_lane).transpose(0, 1)
        )  # (n, R) or (n, R, C)
        losses, z = self.program.step(torch.unflatten(X, 0, rows.shape), target, numbers, tables.epochs, tables.t)
        self.counts.add(losses, z, target)
        tables.t += 1

    def _scored(self, epochs: int) -> Sent:
        """Return the scores of the lanes as they are, after so many epochs more than those done; nothing waits."""
        due = {lane.number: tuple(lane.work.parts_at(lane.epochs_done + epochs)) for lane in self.lanes}
        parts = sorted({part for some in set(due.values()) for _, part in some})
        sums = [self.counts.sums, *(self._score(part) for part in parts)]
        bad = self.arrays.not_finite()[:, None].to(sums[0].dtype)
        rates = self.tables.rates[0].tolist() if epochs else None
        return Sent(torch.cat([*sums, bad], dim=1), sums[0].shape[1], due, parts, rates)

    def _results(self, sent: Sent) -> list[Result]:
        due, parts, trained = sent.due, sent.parts, sent.rates is not None
        fetched: NDArray[np.float64] = sent.sums.cpu().numpy().astype(np.float64)
        finite = fetched[:, -1] == 0
        columns = {}
        if trained:
            columns[""] = self._trained_scores(fetched)
            finite &= np.isfinite(fetched[:, 0])
        for part in parts:
            at = sent.width * (1 + parts.index(part))
            columns[part] = scores_of(self.network, fetched[:, at : at + sent.width], self.resident.targets[part])
        rates: Sequence[float | None] = sent.rates or [None] * len(self.lanes)
        results = []
        for place, (lane, lr, is_finite) in enumerate(zip(self.lanes, rates, finite.tolist(), strict=True)):
            if not lane.ended:
                scores = dict(columns[""][place]) if trained else {}
                for prefix, part in due[lane.number]:
                    for name, value in columns[part][place].items():
                        scores[f"{prefix}_{name}"] = value
                results.append(Result(lane, scores, lr, is_finite))
        return sorted(results, key=lambda result: result.lane.number)

    def _trained_scores(self, fetched: NDArray[np.float64]) -> list[dict[str, float]]:
        """Return each lane's running means of the epoch, as columns."""
        loss, right = (fetched[:, :2] / self.tables.used).T.tolist()
        if not self.network.n_classes:
            return [{"train_loss": value} for value in loss]
        return [{"train_loss": value, "train_accuracy": share} for value, share in zip(loss, right, strict=True)]

    def _score(self, part: str) -> "Tensor":
        """Return the sums (R, ·) over a part, with the weights as they are."""
        counts = ScoreSums(self.network, len(self.lanes), self.resident.device)
        rows = self.resident.parts[part]
        widest = max(columns[-1] for columns in self.layout.columns)
        together = max(self.tables.batch, min(SCORED_ELEMENTS // widest, 8192))
        for first in range(0, len(rows), together):
            X, y = self.resident.gather(rows[first : first + together])
            z = self.program.outputs(X)  # (n, R, C)
            target = y[:, None].expand(-1, len(self.lanes), *([-1] if y.dim() > 1 else []))
            counts.add(loss(self.network, z, target), z, target)
        return counts.sums


def weights_of(state: State) -> State:
    """Return the parameters and running statistics among a state."""
    return {name: a for name, a in state.items() if not name.startswith(OPTIMIZER_PREFIX) and name != EPOCHS_DONE}


def _shape(lane: Lane) -> LaneShape:
    layers = lane.work.network.layers
    return LaneShape(
        (lane.work.spec.data_key, lane.epochs_done),
        tuple(layer.activation for layer in layers),
        tuple(layer.outputs for layer in layers),
    )
