"""`mlpctl results`: every problem is reported, mended where it can be, and folders become one without losing a row."""

import json
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mlpctl.store.maintenance.check import check_contents
from mlpctl.store.maintenance.export import export
from mlpctl.store.maintenance.merge import COST, merge
from mlpctl.store.maintenance.repair import repair
from mlpctl.store.results import load
from mlpctl.store.schema import TRIAL_COLUMNS
from tests.helpers.cli import Cli
from tests.helpers.damage import set_cell
from tests.helpers.torture import TIMES

SWEEP = (
    "sweep",
    "--dataset",
    "iris",
    "--widths",
    "4",
    "--epochs",
    "3",
    "--axis",
    "lr=0.01,0.1,1",
    "--seeds",
    "2",
    "-q",
)


def table(folder: str | Path) -> pd.DataFrame:
    return load(folder).trials.drop(columns=TIMES).sort_values("key", ignore_index=True)


def spreadsheet(folder: Path) -> None:
    path = folder / "trials.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))


def add(folder: Path, file: str, content: bytes) -> None:
    with (folder / file).open("ab") as stream:
        stream.write(content)


def lose_an_epoch(folder: Path) -> None:
    path = folder / "epochs.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))


def further_column(folder: Path) -> None:
    path = folder / "trials.csv"
    first, *rows = path.read_text().splitlines()
    path.write_text("\n".join([f"{first},note", *(f"{row},mine" for row in rows)]) + "\n")


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "torn": (lambda f: (f / "trials.csv").write_bytes((f / "trials.csv").read_bytes()[:-9]), "not written to its end"),
    "not UTF-8": (lambda f: add(f, "trials.csv", b"1,\xff,ok\n"), "cannot be read"),
    "too few cells": (lambda f: add(f, "epochs.csv", b"1,abc,3\n"), "this one 3"),
    "no number": (lambda f: set_cell(f, 2, "val_loss", "low"), "val_loss must be a number, got 'low'"),
    "no status": (lambda f: set_cell(f, 2, "status", "fine"), "status must be one of"),
    "another score": (lambda f: set_cell(f, 2, "test_loss", "0.5"), "test_loss 0.5"),
    "edited": (lambda f: set_cell(f, 2, "activation", "tanh"), "they were changed"),
    **{
        f"a changed {name}": (partial(set_cell, line=2, column=name, text=text, checked=False), "checksum")
        for name, text in {
            "status": "diverged",
            "task": "regression",
            "parameters": "12",
            "used_engine": "lanes",
            "numerics": "7",
            "digest": "0" * 16,
            "test_accuracy": "0.75",
            "schema_version": "1",
        }.items()
    },
    "a changed epoch": (lambda f: set_cell(f, 2, "val_accuracy", "0.75", "epochs.csv", checked=False), "checksum"),
    "an epoch below 0": (lambda f: set_cell(f, 2, "epoch", "-1", "epochs.csv"), "epoch must be a whole number"),
    "a huge epoch": (lambda f: set_cell(f, 2, "epoch", "99999999999", "epochs.csv"), "does not have all of them"),
    "an endless epoch": (lambda f: set_cell(f, 2, "epoch", "1" + "0" * 20, "epochs.csv"), "must be a whole number"),
    "an open quote": (lambda f: set_cell(f, 2, "error", '"'), "cannot be read"),
    "no word of an epoch": (lose_an_epoch, "does not have all of them"),
    "CRLF and BOM": (spreadsheet, "of a spreadsheet"),
    "a column of one's own": (further_column, "columns that are not mlpctl's: note"),
    "no epochs": (lambda f: (f / "epochs.csv").unlink(), "the file is missing"),
    "empty": (lambda f: (f / "trials.csv").write_bytes(b""), "the file is empty"),
    "left over": (lambda f: (f / ".trials.csv.4194305").write_text("x"), "left over"),
    "no object": (lambda f: (f / "environment.json").write_text("[1]"), "must hold an object"),
    "wrong types": (lambda f: (f / "experiment.toml").write_text("seeds = 3\naxes = 5"), "axes must be a table"),
    "no TOML": (lambda f: (f / "experiment.toml").write_text("= ["), "cannot be read"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_reported_mended_and_what_is_lost_runs_again(cli: Cli, name: str) -> None:
    cli(*SWEEP)
    folder = Path("results/iris-mlp")
    whole = table(folder)
    assert cli("results", "check", folder).code == 0
    damage, message = DAMAGE[name]
    damage(folder)
    checked = cli("results", "check", folder, "--format", "json")
    assert checked.code == 6
    assert message in " ".join(problem["problem"] for problem in json.loads(checked.out))
    repaired = cli("results", "repair", folder)
    assert repaired.code == 0
    assert "well" not in repaired.out
    assert cli("results", "check", folder).code == 0
    assert "is well" in cli("results", "repair", folder).out
    assert cli(*SWEEP).code == 0
    pd.testing.assert_frame_equal(table(folder), whole)
    assert len(load(folder).epochs) == 18
    if name == "a column of one's own":
        assert "mine" in (folder / "trials.csv.before").read_text()
    if name == "edited":
        assert "tanh" in (folder / "trials.csv.removed").read_text()


@pytest.mark.parametrize("seed", range(12))
def test_whatever_bytes_are_in_the_files_nothing_breaks(cli: Cli, seed: int) -> None:
    """Bytes are overwritten, cut out and put in; then the folder is mended and the same sweep has the same table."""
    cli(*SWEEP)
    folder = Path("results/iris-mlp")
    whole = table(folder)
    draw = random.Random(seed)
    for name in ("trials.csv", "epochs.csv"):
        content = bytearray((folder / name).read_bytes())
        first = content.index(b"\n") + 1
        for _ in range(draw.randint(1, 4)):
            at, length = draw.randrange(first, len(content)), draw.choice([1, 3, 200])
            content[at : at + length] = draw.choice([b"", draw.randbytes(length), b"\n", b'"', b",", b"\x00" * length])
        (folder / name).write_bytes(content)
    assert cli("report", folder).code in (0, 2, 4)  # 2: nothing left to compare
    assert cli("results", "check", folder).code == 6
    assert cli("results", "repair", folder).code == 0
    assert not check_contents(folder).problems
    assert cli(*SWEEP).code == 0
    pd.testing.assert_frame_equal(table(folder), whole)


def test_rows_of_lost_trials_are_not_left_beside_those_of_the_rerun(cli: Cli) -> None:
    cli(*SWEEP)
    folder = Path("results/iris-mlp")
    whole = len((folder / "epochs.csv").read_text().splitlines())
    first, *rows = (folder / "trials.csv").read_text().splitlines(keepends=True)
    (folder / "trials.csv").write_text("".join([first, *rows[3:]]))
    assert cli(*SWEEP).code == 0
    assert len((folder / "epochs.csv").read_text().splitlines()) == whole


def test_a_sweep_goes_on_in_a_damaged_folder_by_itself(cli: Cli) -> None:
    cli(*SWEEP)
    folder = Path("results/iris-mlp")
    whole = table(folder)
    set_cell(folder, 3, "val_loss", "low")
    add(folder, "trials.csv", b"\xff\xfe\n")
    done = cli(*SWEEP)
    assert done.code == 0
    assert "2 rows were taken out and put into trials.csv.removed (line 4: val_loss must be a number" in done.err
    pd.testing.assert_frame_equal(table(folder), whole)


def test_what_is_no_results_folder_is_said(cli: Cli) -> None:
    for name in ("check", "repair"):
        assert cli("results", name, "nothing").code == 4
        assert not Path("nothing").exists()
    assert cli("results", "merge", "nothing", "-o", "all").code == 4
    Path("own").mkdir()
    Path("own/trials.csv").write_text("date,value")  # without a last newline it looks torn
    assert cli("results", "check", "own").code == 6
    assert cli("results", "repair", "own").code == 4
    assert cli(*SWEEP, "--out", ".", "--name", "own").code == 4
    assert Path("own/trials.csv").read_text() == "date,value"


def test_shards_unite_to_the_table_of_the_whole(cli: Cli) -> None:
    axes = ("--set", "batch_norm=all", "--axis", "batch_size=1,8", "--axis", "epochs=1,4")
    sweep = ("sweep", "--dataset", "iris", "--widths", "4", "--axis", "lr=0.01,0.1,1", "--seeds", "2", "-q", *axes)
    assert cli(*sweep).code == 3  # batch_size 1 cannot be normalized
    parts = []
    for number in (1, 2, 3):
        assert cli(*sweep, "--shard", f"{number}/3").code in (0, 3)
        parts.append(f"results/iris-mlp-{number}-of-3")
    sizes = [len(load(part).trials) for part in parts]
    assert min(sizes) > 0
    assert sum(sizes) == 24  # no trial is in two parts
    assert cli("results", "merge", *parts, "-o", "results/all").code == 0
    pd.testing.assert_frame_equal(table("results/all"), table("results/iris-mlp"))
    united, whole = (load(f"results/{name}").epochs.drop(columns="seconds") for name in ("all", "iris-mlp"))
    order = ["key", "epoch"]
    pd.testing.assert_frame_equal(
        united.sort_values(order, ignore_index=True), whole.sort_values(order, ignore_index=True)
    )
    before = Path("results/all/trials.csv").read_bytes()
    assert cli("results", "merge", *parts, "-o", "results/all").code == 0  # once more adds nothing
    assert Path("results/all/trials.csv").read_bytes() == before
    assert cli(*sweep, "--name", "all").code == 3  # the whole sweep finds all there, the impossible too
    assert Path("results/all/trials.csv").read_bytes() == before
    assert cli("results", "check", "results/all").code == 0


def test_merging_reports_rows_that_contradict_each_other(cli: Cli) -> None:
    cli(*SWEEP, "--name", "a")
    cli(*SWEEP, "--name", "b", "--jobs", "1", "--save")
    assert cli("results", "merge", "results/a", "results/b", "-o", "results/same").code == 0
    set_cell(Path("results/b"), 2, "val_loss", "0.125")
    done = cli("results", "merge", "results/a", "results/b", "-o", "results/c", "--format", "json")
    assert done.code == 6
    [conflict] = json.loads(done.out)
    assert conflict["column"] == "val_loss"
    assert conflict["other"] == "0.125"
    pd.testing.assert_frame_equal(table("results/c"), table("results/a"))


def test_a_trial_that_ended_well_counts_more_than_one_that_was_cut_short(cli: Cli) -> None:
    cli(*SWEEP, "--name", "a")
    cli(*SWEEP, "--name", "b", "--save")
    set_cell(Path("results/a"), 2, "status", "crashed")
    assert cli("results", "merge", "results/a", "results/b", "-o", "results/c").code == 0
    merged = load("results/c").trials
    assert set(merged["status"]) == {"ok"}
    assert len(merged) == 6
    assert len(list(Path("results/c/weights").iterdir())) == 1  # of the one trial whose row is b's


def test_what_costs_is_no_contradiction() -> None:
    assert set(COST) <= set(TRIAL_COLUMNS)


@pytest.mark.parametrize("format_", ["parquet", "json"])
def test_an_export_is_exact(cli: Cli, format_: str) -> None:
    cli(*SWEEP)
    cli("sweep", "--dataset", "diabetes", "--epochs", "3", "--axis", "lr=0.01,1e9", "--name", "diverging", "-q")
    folders = [Path("results/iris-mlp"), Path("results/diverging")]
    assert cli("results", "export", *folders, "-f", format_).code == 2  # where to?
    paths = export(folders, Path("out"), "json" if format_ == "json" else "parquet")
    results = load(*folders)
    for path, expected in zip(paths, (results.trials, results.epochs), strict=True):
        if format_ == "parquet":
            read = pd.read_parquet(path)
            assert list(read.columns) == list(expected.columns)
        else:
            read = pd.DataFrame(json.loads(path.read_text()))
        for name in read.columns:
            for cell, value in zip(read[name], expected[name], strict=True):
                missing = pd.isna(value) or value in (float("inf"), -float("inf"))
                assert pd.isna(cell) if missing and format_ == "json" else same(cell, value), name


def same(cell: Any, value: Any) -> bool:
    return bool(pd.isna(value) if pd.isna(cell) else cell == value)


def test_a_merge_of_one_folder_is_that_folder(cli: Cli) -> None:
    cli(*SWEEP)
    merged = merge([Path("results/iris-mlp")], Path("results/copy"))
    assert not merged.rows
    for name in ("trials.csv", "epochs.csv"):
        assert Path("results/copy", name).read_bytes() == Path("results/iris-mlp", name).read_bytes()
    assert repair(Path("results/copy")) == []


def test_a_shard_without_trials_is_exported_and_reported_beside_one_with_some(cli: Cli) -> None:
    sweep = ("sweep", "--dataset", "iris", "--widths", "4", "--epochs", "1", "--axis", "lr=0.1,1", "-q")
    assert cli(*sweep, "--name", "whole").code == 0
    lines = Path("results/whole/trials.csv").read_text().splitlines(keepends=True)
    Path("empty").mkdir()
    Path("empty/trials.csv").write_text(lines[0])
    for both in (["empty", "results/whole"], ["results/whole", "empty"]):
        done = cli("report", *both, "--format", "csv")
        assert (done.code, done.out) == (0, cli("report", "results/whole", "--format", "csv").out)
        told, alone = (json.loads(cli("report", *which, "-f", "json").out) for which in (both, ["results/whole"]))
        own = {"folders": both, "next": None}  # the command that goes on is known of one folder alone
        assert {**told, "next": None} == {**alone, **own}
        for format_ in ("parquet", "json"):
            assert cli("results", "export", *both, "-o", "out", "-f", format_).code == 0
        assert len(pd.read_parquet("out/trials.parquet")) == len(json.loads(Path("out/trials.json").read_text())) == 2


@pytest.mark.parametrize("how", ["flipped", "swapped", "missing"])
def test_weights_are_those_of_their_trials(cli: Cli, how: str) -> None:
    cli(*SWEEP, "--save")
    folder = Path("results/iris-mlp")
    assert cli("results", "check", folder).code == 0
    one, other, *_ = sorted((folder / "weights").iterdir())
    if how == "missing":
        one.unlink()
    elif how == "swapped":
        one.rename(folder / "aside")
        other.rename(one)
        (folder / "aside").rename(other)
    else:
        content = bytearray(one.read_bytes())
        content[-3] ^= 64
        one.write_bytes(content)
    found = json.loads(cli("results", "check", folder, "--format", "json").out)
    assert len(found) == (2 if how == "swapped" else 1)
    assert all("weights" in problem["problem"] for problem in found)
    assert cli("results", "repair", folder).code == 0
    assert cli(*SWEEP, "--save").code == 0
    assert cli("results", "check", folder).code == 0
    assert len(list((folder / "weights").iterdir())) == 6
