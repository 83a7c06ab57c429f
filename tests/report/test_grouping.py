"""Groups of rows: each operation against pandas."""

import numpy as np
import pandas as pd
import pytest

from mlpctl.report.dataframes import of_frame
from mlpctl.report.grouping import codes_of, distinct_values, is_in, is_there, moments
from mlpctl.report.tables import in_order
from mlpctl.store.columns import Columns, concatenated, objects, values_of


def mixed(n: int) -> pd.DataFrame:
    """Return rows of every kind of column, some cells missing."""
    rng = np.random.default_rng(n)
    gone = rng.random(n) < 0.2
    units = pd.array(rng.integers(1, 5, n), dtype="Int64")
    units[gone] = pd.NA
    words = pd.array(rng.choice(np.array(["b", "a", "é", "10", "9"], dtype=object), n), dtype="str")
    words[gone] = np.nan
    return pd.DataFrame(
        {
            "seed": pd.array(rng.integers(2**62, 2**62 + 3, n), dtype="Int64"),
            "hidden_units": units,
            "lr": np.where(gone[::-1], np.nan, rng.choice([0.1, 0.3, 2.0], n)),
            "model": pd.array(["mlp"] * n, dtype="str"),
            "activation": words,
        }
    )


@pytest.mark.parametrize("n", [0, 1, 2, 50])
def test_a_frame_comes_back_as_it_went(n: int) -> None:
    frame = mixed(n)
    pd.testing.assert_frame_equal(of_frame(frame).frame(), frame)
    twice = concatenated([of_frame(frame), of_frame(frame)])
    pd.testing.assert_frame_equal(twice.frame(), pd.concat([frame, frame], ignore_index=True))


def test_rows_and_cells_are_those_of_pandas() -> None:
    frame = mixed(40)
    table, mask = of_frame(frame), np.arange(40) % 3 == 0
    pd.testing.assert_frame_equal(table.rows(mask).frame(), frame[mask].reset_index(drop=True))
    places = np.array([5, 5, 0, 39])
    pd.testing.assert_frame_equal(table.rows(places).frame(), frame.iloc[places].reset_index(drop=True))
    plain = [{k: None if pd.isna(v) else v for k, v in row.items()} for row in frame.to_dict("records")]
    assert list(table.records()) == plain
    for name in map(str, frame):
        assert is_there(table[name]).tolist() == frame[name].notna().tolist()
        assert distinct_values(table[name]) == [None if pd.isna(v) else v for v in frame[name].drop_duplicates()]
    assert is_in(table["activation"], ("a", None)).tolist() == frame["activation"].isin(["a", np.nan]).tolist()


@pytest.mark.parametrize(
    "by", [["activation"], ["hidden_units"], ["lr", "model", "hidden_units", "activation", "seed"]]
)
@pytest.mark.parametrize("n", [0, 200])
def test_groups_are_those_of_pandas(by: list[str], n: int) -> None:
    frame = mixed(n)
    codes, firsts = codes_of(*(of_frame(frame)[name] for name in by))
    assert codes.tolist() == frame.groupby(by, dropna=False, sort=False).ngroup().tolist()
    assert firsts.tolist() == frame.drop_duplicates(by).index.tolist()


def test_moments_are_those_of_pandas() -> None:
    rng = np.random.default_rng(2)
    for trial in range(200):
        n, groups = rng.integers(1, 120), rng.integers(1, 12)
        values = (rng.random(n) * 10.0 ** rng.integers(-3, 5)).round(rng.integers(2, 17))
        values[rng.random(n) < (0, 0.3, 0.9)[trial % 3]] = np.nan
        keys = rng.integers(0, groups, n)
        keys = np.sort(keys) if trial % 2 else keys
        expected = (
            pd.DataFrame({"x": values, "key": keys}).groupby("key", sort=False)["x"].agg(["count", "mean", "std"])
        )
        codes, firsts = codes_of(keys)
        found = np.stack(moments(values, codes, len(firsts)), axis=1)
        np.testing.assert_allclose(found, expected.to_numpy(), rtol=1e-12)


def test_an_infinite_score_leaves_the_other_groups_alone() -> None:
    values, codes = np.array([1.0, np.inf, 3.0, 2.0, 4.0, np.inf]), np.array([0, 1, 0, 1, 0, 1])
    with np.errstate(invalid="ignore"):
        n, mean, _ = moments(values, codes, 2)
    assert (n.tolist(), mean.tolist()) == ([3, 3], [8 / 3, np.inf])


def test_numbers_come_before_words_and_what_is_missing_last() -> None:
    table = Columns({"x": objects(["b", None, "10", "9", "a", "9"]), "y": np.arange(6)}, 6)
    assert values_of(in_order(table, ["x"])["y"]) == [3, 5, 2, 4, 0, 1]
    assert values_of(in_order(table, ["x", "y"])["x"]) == ["9", "9", "10", "a", "b", None]
