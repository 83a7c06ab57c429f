"""The searches, asked and told without training anything: a made-up score stands for it."""

from collections import Counter
from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np
import pytest

from mlpctl.errors import UsageError
from mlpctl.search.asha import Asha
from mlpctl.search.axes import make_axis, parse_axis
from mlpctl.search.base import Search
from mlpctl.search.halving import Halving, rungs_of
from mlpctl.search.hyperband import hyperband_brackets
from mlpctl.search.make import make_search
from mlpctl.search.random import Random
from mlpctl.search.sobol import Sobol
from mlpctl.search.space import Proposal, Space, make_space
from mlpctl.search.table import Method, SearchTable

RANGES = make_space([parse_axis("lr=log:1e-4:1"), parse_axis("dropout=lin:0:0.9"), parse_axis("hidden_units=int:2:65")])
MIXED = make_space(
    [
        parse_axis("optimizer=sgd,momentum,adam"),
        parse_axis("momentum=lin:0.1:0.95 when optimizer=momentum"),
        parse_axis("lr=log:1e-4:1"),
        parse_axis("hidden_units=4,8,16,32"),
        parse_axis("widths=4;8,8 when optimizer=adam"),
    ]
)
LEARNING: tuple[Method, ...] = ("tpe", "gp", "halving", "asha", "hyperband")


def same(proposal: Proposal) -> tuple[Any, ...]:
    return tuple(proposal.items())


def search_of(method: Method, space: Space = RANGES, epochs: int = 27, **table: Any) -> Search:
    return make_search(SearchTable(method=method, **table), space, epochs, same)


def play(search: Search, score: Callable[[Proposal], float | None]) -> list[Proposal]:
    """Go through a search as `mlpctl.runner.ask_tell` does; return what it proposed."""
    proposed = []
    while batch := list(search.ask()):
        proposed += batch
        for proposal in batch:
            search.tell(proposal, score(proposal))
        if not search.learns:
            break
    return proposed


def peak(proposal: Proposal) -> float:
    """Return a score with one peak, at lr 0.01, dropout 0.3 and 20 units; more epochs are better."""
    return -float(
        (np.log10(proposal["lr"]) + 2) ** 2
        + (proposal.get("dropout", 0.3) - 0.3) ** 2
        + ((proposal["hidden_units"] - 20) / 30) ** 2
        + 0.1 / proposal.get("epochs", 27)
    )


def gappy(proposal: Proposal) -> float | None:
    return None if proposal["lr"] > 0.3 else peak(proposal)


@pytest.mark.parametrize("method", ["random", "sobol", *LEARNING])
def test_a_search_is_decided_by_its_seed_and_what_it_is_told(method: Method) -> None:
    trials = 12 if method == "gp" else 18  # a Gaussian process takes a tenth of a second each
    runs = [play(search_of(method, MIXED, trials=trials, seed=seed), gappy) for seed in (3, 3, 4)]
    assert runs[0] == runs[1] != runs[2]
    assert len(runs[0]) == len({same(p) for p in runs[0]})  # nothing twice
    for proposal in runs[0]:
        assert ("momentum" in proposal) == (proposal["optimizer"] == "momentum")
        assert ("widths" in proposal) == (proposal["optimizer"] == "adam")
    if method in ("random", "sobol", "tpe", "gp"):
        assert len(runs[0]) == search_of(method, MIXED, trials=trials).size() == trials


@pytest.mark.parametrize("method", ["random", "sobol", "tpe", "gp", "halving"])
def test_a_small_space_is_proposed_whole_and_once(method: Method) -> None:
    space = make_space(
        [parse_axis("lr=0.1,0.2,0.3"), parse_axis("activation=relu,tanh"), parse_axis("hidden_units=4,8")]
    )
    proposed = play(search_of(method, space, trials=100), lambda p: p["lr"])
    lowest = min(p.get("epochs", 0) for p in proposed)
    begun = [p for p in proposed if p.get("epochs", 0) == lowest]
    assert sorted(same({**p, "epochs": 0}) for p in begun) == sorted(
        same({**p, "epochs": 0}) for p in space.combinations()
    )


def test_different_proposals_that_train_the_same_trial_are_duplicates() -> None:
    space = make_space([make_axis("hidden_units", [4, 8]), make_axis("lr", [0.1, 0.2])])
    search = make_search(SearchTable(method="tpe", trials=20), space, 3, lambda proposal: proposal["hidden_units"])
    assert len(play(search, peak)) == 2


def test_sobol_points_lie_evenly_where_random_ones_do_not() -> None:
    """The first 64 points have exactly 4 in each sixteenth of each axis: a (0, 6, 1)-net in every dimension."""

    def counts(draws: list[Proposal], name: str) -> set[int]:
        u = [(np.log10(p["lr"]) + 4) / 4 if name == "lr" else (p["hidden_units"] - 2) / 64 for p in draws]
        return set(Counter(int(16 * x) for x in u).values())

    sobol, random = list(Sobol(RANGES, 64).ask()), list(Random(RANGES, 64).ask())
    assert counts(sobol, "lr") == counts(sobol, "hidden_units") == {4}
    assert counts(random, "lr") != {4}
    assert list(Sobol(RANGES, 100).ask())[:64] == sobol


@pytest.mark.parametrize(
    ("least", "most", "eta", "rungs"),
    [(1, 27, 3, (1, 3, 9, 27)), (2, 27, 3, (3, 9, 27)), (1, 20, 3, (2, 6, 20)), (1, 1, 3, (1,)), (5, 4, 2, (4,))],
)
def test_rungs(least: int, most: int, eta: int, rungs: tuple[int, ...]) -> None:
    assert rungs_of(least, most, eta) == rungs


@pytest.mark.parametrize("method", ["halving", "asha", "hyperband"])
@pytest.mark.parametrize("trials", [1, 2, 3, 8, 9, 20, 26, 27, 80, 100])
def test_whoever_asks_for_81_epochs_gets_a_survivor_at_81(method: Method, trials: int) -> None:
    """The lowest rung rises until the counts fit; every configuration that was asked for is begun."""
    proposed = play(search_of(method, epochs=81, trials=trials), peak)
    assert max(p["epochs"] for p in proposed) == 81
    assert len({same({**p, "epochs": 0}) for p in proposed}) == trials


def test_successive_halving_promotes_the_best_third() -> None:
    draws = list(Random(RANGES, 27).ask())
    proposed = play(Halving(iter(draws), [(27, (1, 3, 9, 27))], 3), peak)
    assert [p["epochs"] for p in proposed] == [1] * 27 + [3] * 9 + [9] * 3 + [27]
    ranked = sorted(draws, key=lambda p: -peak({**p, "epochs": 1}))
    assert [{**p, "epochs": 3} for p in ranked[:9]] == proposed[27:36]
    assert [{**p, "epochs": 9} for p in ranked[:3]] == proposed[36:39]
    assert search_of("halving", trials=27).size() == len(proposed) == 40


def test_what_failed_does_not_go_on() -> None:
    assert all(p["lr"] <= 0.3 for p in play(search_of("halving", trials=27), gappy) if p["epochs"] > 1)
    assert {p["epochs"] for p in play(search_of("halving", trials=27), lambda _: None)} == {1}
    assert {p["epochs"] for p in play(search_of("asha", trials=27), lambda _: float("nan"))} == {1}


def test_the_brackets_of_hyperband_are_those_of_the_paper() -> None:
    """Li et al. 2018, table 1: R = 81, η = 3."""
    brackets = hyperband_brackets(rungs_of(1, 81, 3), 3)
    assert [(n, rungs[0]) for n, rungs in brackets] == [(81, 1), (34, 3), (15, 9), (8, 27), (5, 81)]
    proposed = play(search_of("hyperband", epochs=81), peak)
    assert Counter(p["epochs"] for p in proposed) == {
        1: 81, 3: 27 + 34, 9: 9 + 11 + 15, 27: 3 + 3 + 5 + 8, 81: 1 + 1 + 1 + 2 + 5
    }  # fmt: skip
    assert search_of("hyperband", epochs=81).size() == len(proposed)
    assert len(play(search_of("hyperband", epochs=81, trials=100), peak)) < len(proposed)


@pytest.mark.parametrize("batch", [1, 2, 8, 100])
def test_asha_promotes_who_is_in_the_best_third_and_finds_the_best(batch: int) -> None:
    search = search_of("asha", trials=27, batch=batch)
    assert isinstance(search, Asha)
    told: dict[int, list[tuple[float, Proposal]]] = {epochs: [] for epochs in search.rungs}
    below = {3: 1, 9: 3, 27: 9}
    asked = []
    while proposals := search.ask():
        assert len(proposals) <= batch
        for proposal in proposals:
            asked.append(proposal)
            if proposal["epochs"] > 1:
                rung = below[proposal["epochs"]]
                leading = sorted(told[rung], key=lambda item: -item[0])[: len(told[rung]) // 3]
                assert {**proposal, "epochs": rung} in [p for _, p in leading]
        for proposal in proposals:
            search.tell(proposal, peak(proposal))
            told[proposal["epochs"]].append((peak(proposal), proposal))
    assert len({same(p) for p in asked}) == len(asked)
    assert len([p for p in asked if p["epochs"] == 1]) == 27
    best = max((p for p in asked if p["epochs"] == 1), key=peak)
    assert {**best, "epochs": 27} in asked


@pytest.mark.parametrize("method", ["tpe", "gp"])
def test_a_model_finds_better_ones_than_chance_does(method: Method) -> None:
    def best(method: Method, seed: int) -> float:
        return max(peak(p) for p in play(search_of(method, trials=24, seed=seed), gappy) if gappy(p) is not None)

    assert np.mean([best(method, seed) for seed in range(2)]) > np.mean([best("random", seed) for seed in range(2)])


def test_searches_over_epochs_take_no_axis_of_epochs() -> None:
    with pytest.raises(UsageError, match="asha decides the epochs itself"):
        search_of("asha", make_space([make_axis("epochs", [1, 2])]))


def test_asking_for_a_batch_draws_no_more_than_it() -> None:
    draws = iter(Random(RANGES, 27).ask())
    search = Asha(draws, (1, 3), 3, 4, 27)
    assert len(search.ask()) == 4
    assert len(list(islice(draws, 100))) == 23
