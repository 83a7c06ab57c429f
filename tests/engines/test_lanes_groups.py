"""Test the groups of lanes: their trials, their layout, their random numbers, their size."""

from collections import Counter
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpctl.data.minibatches import order
from mlpctl.engines.base import Work
from mlpctl.engines.lanes import random_numbers
from mlpctl.engines.lanes import session as sessions
from mlpctl.engines.lanes.cuda_graph import MOST_GRAPH_STEPS, WARM, Replay
from mlpctl.engines.lanes.group_size import best_size, doubling
from mlpctl.engines.lanes.groups import Shared, bytes_of, plan, shared_of
from mlpctl.engines.lanes.layout import LINE, PAGE, LaneShape, Layout, arrange, copies, leading
from mlpctl.rng import normals, uniforms, words
from tests.helpers.engines import lanes as open_lanes
from tests.helpers.making import classes, work_of

KINDS = [Shared(0, "float32", batch, ("mse", 1.0), 1, "sgd", (False,), True, True) for batch in (4, 8, 16)]

Lanes = list[tuple[Shared, int]]
some_lanes = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(1, 60)), max_size=30)


@given(lanes=some_lanes, cap=st.integers(1, 100), most=st.integers(1, 12))
def test_the_laws_of_a_plan(lanes: Lanes, cap: int, most: int) -> None:
    groups = plan(lanes, cap, most)
    members = [member for group in groups for member in group.members]
    assert sorted(members) == list(range(len(lanes)))  # each trial in exactly one group
    assert [group.members[0] for group in groups] == sorted(group.members[0] for group in groups)
    for group in groups:
        assert {lanes[member][0] for member in group.members} == {group.shared}
        assert len(group.members) <= most
        assert len(group.members) == 1 or sum(lanes[member][1] for member in group.members) <= cap
    for one in groups:  # no two would fit into one
        for other in groups:
            if one is not other and one.shared == other.shared:
                both = (*one.members, *other.members)
                assert len(both) > most or sum(lanes[member][1] for member in both) > cap


@given(counts=st.lists(st.integers(0, 40), min_size=3, max_size=3), size=st.integers(1, 30), most=st.integers(1, 12))
def test_lanes_of_one_size_make_the_fewest_groups(counts: list[int], size: int, most: int) -> None:
    lanes = [(kind, size) for kind, count in zip(KINDS, counts, strict=True) for _ in range(count)]
    room = max(min(100 // size, most), 1)
    assert len(plan(lanes, 100, most)) == sum(-(-count // room) for count in counts)


@settings(max_examples=60)
@given(sizes=st.lists(st.integers(1, 10), min_size=1, max_size=7))
def test_groups_are_nearly_the_fewest_by_memory(sizes: list[int]) -> None:
    """11/9 of the fewest + 6/9 (Dósa 2007); the fewest are found by trying everything."""

    def fewest(left: list[int], rooms: tuple[int, ...]) -> int:
        if not left:
            return len(rooms)
        size, rest = left[0], left[1:]
        opened = fewest(rest, (*rooms, 10 - size))
        fitting = [k for k, room in enumerate(rooms) if room >= size]
        into = [fewest(rest, (*rooms[:k], rooms[k] - size, *rooms[k + 1 :])) for k in fitting]
        return min([opened, *into])

    assert len(plan([(KINDS[0], size) for size in sizes], 10, 100)) <= 11 / 9 * fewest(sizes, ()) + 6 / 9


def test_a_group_shares_what_changes_shapes_or_order_and_nothing_else() -> None:
    dataset = classes()
    base = work_of(dataset)
    free: list[dict[str, Any]] = [
        {"lr": 0.3}, {"widths": "3"}, {"activation": "tanh"}, {"seed": 4}, {"init": "zeros"}, {"epochs": 7},
        {"dropout": 0.4}, {"weight_decay": 0.1}, {"lr_schedule": "cosine"}, {"reduction": "sum"},
    ]  # fmt: skip
    fixed: list[dict[str, Any]] = [
        {"batch_size": 8}, {"widths": "3,3"}, {"optimizer": "adam"}, {"loss": "mse"}, {"bias": "false"},
        {"batch_norm": "1"}, {"dtype": "float64"}, {"split_seed": 1}, {"scaling": "unit"},
    ]  # fmt: skip
    for fields in free:
        assert shared_of(work_of(dataset, **fields)) == shared_of(base)
    for fields in fixed:
        assert shared_of(work_of(dataset, **fields)) != shared_of(base)
    assert bytes_of(work_of(dataset, widths="64")) > bytes_of(work_of(dataset, widths="32")) > 0


shapes = st.builds(
    LaneShape,
    st.tuples(st.integers(0, 1), st.integers(0, 1)),
    st.tuples(st.sampled_from(["relu", "tanh"]), st.just("identity")),
    st.tuples(st.integers(1, 3), st.just(2)),
)


@given(lanes=st.lists(shapes, min_size=1, max_size=20))
def test_the_laws_of_a_layout(lanes: list[LaneShape]) -> None:
    layout = Layout(5, tuple(lanes[k] for k in arrange(lanes)))
    assert Counter(layout.shapes) == Counter(lanes)
    for layer in (0, 1):
        runs = [run for _, run in layout.activations(layer)]
        for some in (runs, layout.masks(layer), layout.minibatches if not layer else layout.products(1)):
            assert [some[0].first, some[-1].last] == [0, len(lanes)]
            assert all(one.last == two.first and one.stop == two.start for one, two in pairwise(some))
        widths = [shape.widths[layer] for shape in layout.shapes]
        assert layout.columns[layer] == (0, *np.cumsum(widths))
        assert len(layout.lanes_of_columns(layer)) == sum(widths)
    for run in layout.products(1):
        assert len({layout.fan_in(1, lane) for lane in range(run.first, run.last)}) == 1
    assert len(layout.minibatches) == len(layout.cohorts) == len({shape.cohort for shape in lanes})


@given(columns=st.integers(1, 5000), itemsize=st.sampled_from([4, 8]))
def test_rows_begin_on_cache_lines_and_not_pages_apart(columns: int, itemsize: int) -> None:
    row = leading(columns, itemsize) * itemsize
    assert row % LINE == 0
    assert row % PAGE != 0
    assert columns * itemsize <= row < columns * itemsize + 2 * LINE


@given(sources=st.lists(st.none() | st.integers(0, 9), max_size=12))
def test_copies_move_every_lane_once(sources: list[int | None]) -> None:
    copied = {target + k: source + k for target, source, lanes in copies(sources) for k in range(lanes)}
    assert copied == {target: source for target, source in enumerate(sources) if source is not None}


SEEDS = [0, 3, 2**40 + 1, 2**63 - 1]


@pytest.mark.parametrize("n", [1, 2, 7, 1000])
def test_the_device_draws_the_shared_numbers(n: int) -> None:
    seeds, epochs = torch.tensor(SEEDS), torch.tensor([1, 2, 3, 4])
    step = torch.tensor([5])
    for k, seed in enumerate(SEEDS):
        expected = words(seed, "dropout", n, epoch=k + 1, layer=2, extra=5)
        drawn = random_numbers.words(seeds, "dropout", n, epoch=epochs, layer=2, extra=step)[k]
        np.testing.assert_array_equal(drawn.numpy(), expected.astype(np.int64))
        np.testing.assert_array_equal(random_numbers.orders(seeds, epochs, n)[k].numpy(), order(seed, k + 1, n))
        np.testing.assert_array_equal(
            random_numbers.uniforms(seeds, "weight", n, layer=1)[k].numpy(), uniforms(seed, "weight", n, layer=1)
        )
        np.testing.assert_allclose(
            random_numbers.normals(seeds, "weight", n, layer=1)[k].numpy(), normals(seed, "weight", n, layer=1),
            rtol=1e-12, atol=1e-15,
        )  # fmt: skip


def test_a_group_grows_until_that_no_longer_pays() -> None:
    assert doubling(16, 100) == [16, 32, 64, 100]
    assert doubling(16, 9) == [9]

    def bound_by(latency: float, full: int) -> int:
        return best_size(lambda size: latency * max(1, size / full), doubling(16, 8192))

    assert bound_by(1e-3, 256) == 256
    assert bound_by(1e-3, 10**6) == 8192
    assert best_size(lambda size: float("inf") if size > 64 else 1.0, doubling(16, 512)) == 64


def test_a_trial_of_sizes_leaves_the_trials_as_they_were() -> None:
    from mlpctl.engines.lanes.dataset import Resident
    from mlpctl.engines.lanes.group_size import tried_size
    from mlpctl.engines.lanes.training import Lane

    torch.set_num_threads(1)
    dataset = classes(3, n=200)
    lanes = [Lane(work_of(dataset, key=str(n), lr=0.01, batch_size=1, epochs=9), n) for n in range(40)]
    resident = Resident(lanes[0].work.data, torch.device("cpu"))
    assert 16 <= tried_size(lanes, resident, "fp32") <= 40
    assert all(lane.epochs_done == 0 and not lane.begun for lane in lanes)


@given(calls=st.lists(st.integers(0, 300), max_size=6))
def test_played_back_or_not_every_step_is_taken_once(calls: list[int]) -> None:
    """Recording and playing back is CUDA's; how many steps are left to it is not."""
    taken: list[int] = []

    class Recorded(Replay):
        def _warm_up(self, times: int, step: Any) -> int:  # noqa: ARG002
            taken.append(times)
            self._warm = times == WARM
            return times

        def _record(self, length: int, step: Any) -> Any:  # noqa: ARG002
            assert 1 < length <= MOST_GRAPH_STEPS
            return SimpleNamespace(replay=lambda: taken.append(length))

    replay = Recorded(torch.device("cuda"))
    for times in calls:
        replay.run(times, lambda: taken.append(1))
    assert sum(taken) == sum(calls)


def test_few_trials_say_nothing_of_how_many_train_together_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rungs and batches of a search come to one session; a measured size holds for all that follow."""
    data, session = classes(), open_lanes()
    session.tries_sizes = True

    def largest(works: list[Work]) -> int:
        sizes = []
        for event in session.advance(works):
            sizes.append(event.group_size or 1)
            if event.status:
                session.drop(event.key)
        return max(sizes)

    few, many, more = (
        [work_of(data, key=f"{name}{k}", lr=0.01 * (k + 1)) for k in range(count)]
        for name, count in (("few", 2), ("many", 40), ("more", 40))
    )
    assert [largest(few), largest(many)] == [2, 40]
    monkeypatch.setattr(sessions, "tried_size", lambda waiting, *_: min(8, len(waiting)))
    assert largest(more) == 8
    monkeypatch.setattr(sessions, "tried_size", lambda waiting, *_: len(waiting))
    assert largest([work_of(data, key=f"last{k}", lr=0.02 * (k + 1)) for k in range(20)]) == 8
