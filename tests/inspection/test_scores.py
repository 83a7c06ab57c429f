"""`predict --input` scores a file that has the target; the training file gives the training run's own scores."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlpctl.inspection.loader import load_saved
from mlpctl.inspection.predict import predict
from mlpctl.store import reader
from tests.helpers.cli import Cli

RNG = np.random.default_rng(0)
N = 90


def _frame() -> pd.DataFrame:
    size, colour = RNG.normal(size=N).round(3), RNG.choice(["red", "green", "blue"], N)
    kind = np.where(size + (colour == "red") > 0.3, "a", "b")
    return pd.DataFrame({"id": [f"n{k}" for k in range(N)], "size": size, "colour": colour, "kind": kind})


def _csv(name: str = "t.csv", *, header: bool = True, **columns: Any) -> None:
    _frame().assign(**columns).to_csv(name, index=False, header=header)


def _gaps() -> None:
    frame = _frame()
    frame.loc[::7, "size"] = np.nan
    frame.to_csv("t.csv", index=False)


def _gaps_left_out() -> None:
    frame = _frame()
    frame.loc[::7, "size"] = np.nan
    frame.loc[3::11, "kind"] = np.nan
    frame.to_csv("t.csv", index=False)


def _numbers() -> None:
    size = _frame()["size"]
    pd.DataFrame({"x": size, "u": RNG.normal(size=N), "y": 100 + 7 * size}).to_csv("t.csv")


def _arrays(*, parts: bool = False) -> None:
    X, y = RNG.normal(size=(N, 3)), RNG.integers(0, 2, N)
    if parts:
        np.savez("t.npz", x_train=X[:60], y_train=y[:60], x_test=X[60:], y_test=y[60:])
    else:
        np.savez("t.npz", X=X, y=y)


def _pair() -> None:
    np.save("t.npy", RNG.normal(size=(N, 3)))
    np.save("labels.npy", RNG.integers(0, 2, N))


def _images() -> None:
    np.savez("t.npz", images=RNG.integers(0, 256, (N, 4, 4)).astype(np.uint8), labels=np.arange(N) % 3)


def _texts() -> None:
    words = RNG.choice(["uno", "dos", "one", "two", "it", "no"], (N, 4))
    labels = np.where((words == "one").any(axis=1), "en", "es")
    lines = [f"{' '.join(row)}\t{label}" for row, label in zip(words, labels, strict=True)]
    Path("t.tsv").write_text("\n".join(["text\tlabel", *lines]) + "\n")


IS_A = _frame()["kind"] == "a"
TABLE = ["target=kind", "drop=id"]
FORMATS: dict[str, tuple[Callable[[], object], list[str]]] = {
    "csv": (_csv, [*TABLE, "path=t.csv"]),
    "csv.gz": (lambda: _csv("t.csv.gz"), [*TABLE, "path=t.csv.gz"]),
    "no header": (lambda: _csv(header=False), ["target=4", "drop=1", "header=none", "path=t.csv"]),
    "missing values": (_gaps, [*TABLE, "missing=mean", "path=t.csv"]),
    "rows left out": (_gaps_left_out, [*TABLE, "missing=drop", "path=t.csv"]),
    "whole numbers": (lambda: _csv(kind=IS_A + 1), [*TABLE, "path=t.csv"]),
    "booleans": (lambda: _csv(kind=np.where(IS_A, "true", "FALSE")), [*TABLE, "path=t.csv"]),
    "one-hot": (lambda: _csv(kind=IS_A * 1, b=1 - IS_A), ["target=kind,b", "drop=id", "path=t.csv"]),
    "regression": (_numbers, ["target=y,u", "path=t.csv"]),
    "parquet": (lambda: _frame().to_parquet("t.parquet"), [*TABLE, "path=t.parquet"]),
    "json lines": (lambda: _frame().to_json("t.jsonl", orient="records", lines=True), [*TABLE, "path=t.jsonl"]),
    "npz": (_arrays, ["path=t.npz"]),
    "npz with a test part": (lambda: _arrays(parts=True), ["path=t.npz"]),
    "npy": (_pair, ["target=labels.npy", "path=t.npy"]),
    "images": (_images, ["path=t.npz"]),
    "texts": (_texts, ["path=t.tsv"]),
}


def _write(what: str) -> list[str]:
    """Write a file and return the options of `train` that read it; its name is the last."""
    write, data = FORMATS[what]
    write()
    options = ["--dataset", "langid" if what == "texts" else "table"]
    return [*options, *(word for option in data for word in ("--data", option))]


@pytest.mark.parametrize("engine", ["kernel", "reference"])
@pytest.mark.parametrize("what", list(FORMATS))
def test_the_file_of_the_training_run_gives_its_scores_to_the_last_bit(cli: Cli, what: str, engine: str) -> None:
    options = _write(what)
    run = ("--epochs", "3", "--val-fraction", "0.2", "--eval-train", "--engine", engine, "--save", "-q", "--name", "x")
    assert cli("train", *options, *run).code == 0
    saved = load_saved("results/x")
    tables, _ = predict(saved, input_=options[-1].removeprefix("path="))
    row, epochs = reader.trial(Path("results/x"), saved.place.key)
    scores: dict[Any, Any] = {each["part"]: each for each in tables[-1].rows}
    assert set(scores) == {"training", "validation", "test"}
    sizes: dict[str, int] = {
        "fit": saved.trial.data.n_train,
        **{str(name): len(rows) for name, rows in saved.trial.data.parts.items()},
    }
    for part, prefix in (("test", "test"), ("validation", "val"), ("training", "fit")):
        assert scores[part]["examples"] == sizes[prefix]
        names = [name for name in scores[part] if name not in ("part", "examples")]
        assert "loss" in names
        for name in names:
            known = row[f"{prefix}_{name}"]
            assert scores[part][name] == (epochs[-1][f"{prefix}_{name}"] if known is None else known)


def test_new_rows_with_the_target_are_scored_and_the_id_is_carried_along(cli: Cli) -> None:
    options = _write("csv")
    assert cli("train", *options, "--epochs", "20", "--save", "-q", "--name", "x").code == 0
    new = _frame().head(20)
    new.to_csv("new.csv", index=False)
    done = cli("predict", "results/x", "--input", "new.csv", "-f", "csv")
    rows = list(csv.DictReader(done.out.splitlines()))
    assert [row["id"] for row in rows] == new["id"].tolist()
    assert [row["true"] for row in rows] == new["kind"].tolist()
    right = sum(row["true"] == row["predicted"] for row in rows)
    [line] = [line for line in done.err.splitlines() if "scores of 20 examples (all)" in line]
    assert f"accuracy {right / 20:.4f}" in line
    people = cli("predict", "results/x", "--input", "new.csv").out
    assert "Scores" in people
    without = new.drop(columns="kind")
    without.to_csv("without.csv", index=False)
    done = cli("predict", "results/x", "--input", "without.csv", "-f", "json")
    assert "scores of" not in done.err
    assert [row["predicted"] for row in json.loads(done.out)] == [row["predicted"] for row in rows]


def test_rows_with_missing_values_are_left_out_as_in_training(cli: Cli) -> None:
    options = _write("rows left out")
    assert cli("train", *options, "--epochs", "2", "--save", "-q", "--name", "x").code == 0
    frame = pd.read_csv("t.csv")
    done = cli("predict", "results/x", "--input", "t.csv", "-f", "csv")
    rows = list(csv.DictReader(done.out.splitlines()))
    complete = frame[frame.notna().all(axis=1)]
    assert [int(row["example"]) - 1 for row in rows] == complete.index.tolist()
    assert [row["id"] for row in rows] == complete["id"].tolist()
    assert f"{N - len(complete)} of {N} rows have missing values: left out" in done.err
    frame.assign(kind=np.nan).to_csv("asked.csv", index=False)
    done = cli("predict", "results/x", "--input", "asked.csv", "-f", "csv")
    rows = list(csv.DictReader(done.out.splitlines()))
    assert [row["id"] for row in rows] == frame[frame["size"].notna()]["id"].tolist()
    frame.assign(size=np.nan).to_csv("none.csv", index=False)
    done = cli("predict", "results/x", "--input", "none.csv")
    assert (done.code, "each row has a missing value" in done.err) == (4, True)


def test_errors_of_numbers_are_in_their_own_unit(cli: Cli) -> None:
    options = _write("regression")
    assert cli("train", *options, "--epochs", "5", "--save", "-q", "--name", "x").code == 0
    lines = Path("t.csv").read_text().splitlines()
    Path("new.csv").write_text("\n".join(lines[:11]) + "\n")
    tables, _ = predict(load_saved("results/x"), input_="new.csv")
    rows: list[Any] = list(tables[0].rows)
    errors = np.array([[row["error y"], row["error u"]] for row in rows])
    [scores] = tables[-1].rows
    assert scores["mse"] == pytest.approx((errors**2).mean(), rel=1e-5)
    assert scores["mae"] == pytest.approx(np.abs(errors).mean(), rel=1e-5)


@pytest.mark.parametrize(("kind", "why"), [("z", "has 'z' in kind"), ("", "empty")])
def test_a_target_that_training_did_not_have_is_not_scored(cli: Cli, kind: str, why: str) -> None:
    options = _write("csv")
    assert cli("train", *options, "--epochs", "1", "--save", "-q", "--name", "x").code == 0
    Path("new.csv").write_text(f"size,colour,kind\n0.5,purple,{kind}\n0.25,red,a\n")
    done = cli("predict", "results/x", "--input", "new.csv", "-f", "csv")
    assert done.code == 0
    assert "'colour' has words that training did not have: purple" in done.err
    assert "not scored: " in done.err
    assert why in done.err
    assert "true" not in done.out.splitlines()[0]
