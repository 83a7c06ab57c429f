"""Strategies for experiments and command lines that are wrong, each in at least one way, and for any that may be."""

from collections.abc import Callable
from typing import Any

import tomli_w
from hypothesis import strategies as st

Experiment = dict[str, Any]

WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=12)
NAMES = st.from_regex(r"[a-z][a-z_]{2,9}", fullmatch=True).map(lambda name: f"{name}_q")
"""No field, option or table is called so."""

NUMBERS = ("lr", "epochs", "hidden_units", "batch_size", "momentum", "weight_decay", "dropout", "val_fraction", "seed")
CHOICES = ("activation", "loss", "optimizer", "init", "lr_schedule", "scaling", "model", "dataset", "impl", "dtype")
NO_NUMBERS = st.sampled_from(
    ["many", "", "1e", "0x", "--", -1, -0.5, "-3", float("inf"), float("nan"), [1, 2], {"a": 1}]
)

BAD_AXES: st.SearchStrategy[tuple[str, Any]] = st.one_of(
    st.tuples(NAMES, st.just([1, 2])),
    st.tuples(st.sampled_from(NUMBERS), st.just([])),
    st.tuples(st.sampled_from(NUMBERS), NO_NUMBERS.map(lambda value: [value])),
    st.tuples(st.sampled_from(CHOICES), NAMES.map(lambda name: [name])),
    st.tuples(
        st.just("lr"), st.tuples(st.floats(1, 9), st.floats(0.1, 0.9)).map(lambda b: {"log": list(b), "count": 3})
    ),
    st.just(("lr", {"log": [0, 1], "count": 3})),
    st.just(("lr", {"log": [0.1, 1], "count": 1})),
    st.just(("lr", {"log": [0.1, 1], "count": 10**9})),
    st.just(("lr", {"log": [0.1, 1]})),
    st.just(("lr", {"lin": [0.1, 1], "log": [1, 2]})),
    st.just(("lr", {"values": [0.1], "when": {"optimizer": "momentum"}})),
    st.just(("activation", {"lin": [0, 1], "count": 2})),
    st.just(("seed", [1, 2])),
    st.just(("data", [1, 2])),
)


def put(table: str, key: str, value: Any) -> Callable[[Experiment], None]:
    """Return what sets a key of a table, or at the top if the table is ""."""

    def change(experiment: Experiment) -> None:
        where = experiment.setdefault(table, {}) if table else experiment
        if isinstance(where, dict):
            where[key] = value

    return change


MISTAKES: st.SearchStrategy[Callable[[Experiment], None]] = st.one_of(
    st.builds(put, st.sampled_from(["", "spec", "search", "select"]), NAMES, st.integers()),
    st.builds(put, st.just("spec"), st.sampled_from(NUMBERS), NO_NUMBERS),
    st.builds(put, st.just("spec"), st.sampled_from(CHOICES), NAMES),
    BAD_AXES.map(lambda axis: put("axes", *axis)),
    st.builds(put, st.just(""), st.just("seeds"), st.sampled_from([0, -1, [], [-1], "few", 10**9, {"a": 1}])),
    st.builds(put, st.just(""), st.just("name"), st.sampled_from(["a/b", "..", "."])),
    st.builds(put, st.just(""), st.sampled_from(["spec", "axes", "search", "select"]), st.sampled_from([3, "x", [1]])),
    st.builds(put, st.just("search"), st.just("method"), NAMES),
    st.builds(put, st.just("search"), st.sampled_from(["trials", "batch", "eta", "min_epochs"]), st.integers(-3, 0)),
    st.builds(put, st.just("select"), st.sampled_from(["on", "metric"]), NAMES),
    st.builds(
        put, st.just(""), st.just("zip"), st.sampled_from([["lr", "hidden_units"], ["lr", "epochs"], ["lr", "lr"]])
    ),
    st.builds(put, st.just(""), st.just("list"), st.sampled_from(["none.csv", [{"lrr": 1}], [{}], "\x00"])),
    st.just(put("spec", "data", {"gates": "xor"})),
    st.just(put("spec", "momentum", 0.5)),  # SGD has none
)
"""Each makes a good experiment a bad one, whatever else is changed."""


def broken(text: str, at: float) -> str:
    """Return a TOML file that is none any more."""
    place = int(at * len(text))
    return f"{text[:place]}\n= [\n{text[place:]}"


def _experiment(mistakes: list[Callable[[Experiment], None]], at: float | None) -> str:
    experiment: Experiment = {
        "spec": {"dataset": "iris", "widths": [4], "epochs": 1},
        "axes": {"lr": [0.1, 0.2, 0.3], "activation": ["relu", "tanh"]},
    }
    for mistake in mistakes:
        mistake(experiment)
    text = tomli_w.dumps(experiment)
    return text if at is None else broken(text, at)


BAD_EXPERIMENTS = st.one_of(
    st.builds(_experiment, st.lists(MISTAKES, min_size=1, max_size=3), st.none()),
    st.builds(_experiment, st.just([]), st.floats(0, 1)),
)

ANY_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
OPTIONS = (
    "--lr", "--epochs", "--widths", "--batch-norm", "--betas", "--batch-size", "--optimizer", "--dataset", "--data",
    "--set", "--axis", "--zip", "--seeds", "--search", "--trials", "--metric", "--budget", "--max-trials", "--timeout",
    "--shard", "--name", "--jobs", "--device", "--engine", "--init-from", "--seed", "--split-seed", "--hidden-units",
)  # fmt: skip
ANY_TEXT = st.one_of(
    WORDS,
    ANY_VALUE.map(str).filter(lambda text: "\x00" not in text),
    st.from_regex(r"[a-z_]{1,9}=[-a-z0-9.,:;=]{0,12}", fullmatch=True),
    st.from_regex(r"(lr|epochs|hidden_units|widths|data\.x)=(log|lin|int)?:?[-0-9e.:;,]{0,12}", fullmatch=True),
    st.sampled_from(
        ["x" * 300, "@none.csv", "1/0", "0/3", "4/3", "nan", "inf", "1e999", "-0", "9" * 30, "../x", "a\nb"]
    ),
)
ANY_ARGUMENTS = st.lists(st.tuples(st.sampled_from(OPTIONS), ANY_TEXT), min_size=1, max_size=3)
"""Options with whatever text behind them: most are wrong, some are not."""

BAD_ARGUMENTS = st.one_of(
    NAMES.map(lambda name: ("sweep", f"--{name}", "1")),
    NAMES.map(lambda name: (name,)),
    NAMES.map(lambda name: ("results", name)),
    NAMES.map(lambda name: ("sweep", f"{name}.toml")),
    NAMES.map(lambda name: ("sweep", "--set", f"{name}=1")),
    NAMES.map(lambda name: ("sweep", "--set", name)),
    NAMES.map(lambda name: ("sweep", "--axis", f"{name}=1,2")),
    NAMES.map(lambda name: ("sweep", "--axis", name)),
    NAMES.map(lambda name: ("sweep", "--zip", f"lr,{name}", "--axis", "lr=0.1,0.2")),
    NAMES.map(lambda name: ("train", "--data", f"{name}=1")),
    NAMES.map(lambda name: ("report", "results/kept", "--by", name)),
    NAMES.map(lambda name: ("report", "results/kept", "--metric", name)),
    NAMES.map(lambda name: ("report", "results/kept", "--format", name)),
    NAMES.map(lambda name: ("results", "export", "results/kept", "--format", name)),
    st.tuples(st.sampled_from(NUMBERS), NO_NUMBERS.map(str)).map(
        lambda option: ("train", f"--{option[0].replace('_', '-')}={option[1]}")
    ),
    st.sampled_from(["0/2", "3/2", "1", "a/b", "1/0", "-1/2", "1/2/3"]).map(lambda text: ("sweep", f"--shard={text}")),
    st.sampled_from(["-1", "0", "nan", "soon"]).map(lambda text: ("sweep", f"--timeout={text}")),
    st.sampled_from(["10", "0s", "-1m", "1d", "m", "nan"]).map(lambda text: ("sweep", f"--budget={text}")),
    st.sampled_from(["0", "-1", "a", "1,b", "", "1.5"]).map(lambda text: ("sweep", f"--seeds={text}")),
    st.sampled_from(["--trials", "--jobs", "--eta", "--max-trials", "--batch"]).map(lambda name: ("sweep", name, "0")),
    st.just(("sweep", "--keep-going", "--fail-fast")),
    st.just(("sweep", "--search", "halving", "--trials", "9", "--axis", "lr=0.1,0.2", "--shard", "1/2")),
    st.just(("sweep", "--name", "a/b")),
    st.just(("results", "merge", "results/kept")),
)
