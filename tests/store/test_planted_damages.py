"""A hundred damages, drawn by seeds: each is named, and mended the same sweep ends as if undisturbed."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from mlpctl.store.csv_lines import COLUMNS_BY_FILE
from mlpctl.store.maintenance.check import check_contents
from mlpctl.store.maintenance.repair import repair
from mlpctl.store.results import load
from mlpctl.store.schema import ENVIRONMENT_FILE, EPOCHS_FILE, EXPERIMENT_FILE, KEYS_FILE, TRIALS_FILE
from mlpctl.store.weights import read_weights
from tests.helpers.cli import Cli
from tests.helpers.torture import TIMES

SWEEP = ("sweep", "--dataset", "iris", "--widths", "4", "--epochs", "3", "--axis", "lr=0.01,0.1,1e20", "--seeds", "2",
         "--name", "r", "--save", "--keep-going", "-q")  # fmt: skip
FOLDER = Path("results/r")

Damage = Callable[[Path, random.Random], None]


def _lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def change_a_cell(name: str) -> Damage:
    """Return the damage that writes another digit, letter or nothing into a cell that is not empty."""

    def damage(folder: Path, draw: random.Random) -> None:
        lines = _lines(folder / name)
        number = draw.randrange(1, len(lines))
        cells = lines[number].rstrip(b"\n").split(b",")
        column = draw.choice([place for place, cell in enumerate(cells) if cell])
        old = cells[column]
        while cells[column] == old:
            cells[column] = draw.choice([b"", b"1", b"-1", b"nan", b"ok", b"x", b"9" * 30, old + b"0", old[:-1]])
        lines[number] = b",".join(cells) + b"\n"
        (folder / name).write_bytes(b"".join(lines))

    return damage


def flip_a_bit(name: str) -> Damage:
    """Return the damage that flips one bit of a file, anywhere."""

    def damage(folder: Path, draw: random.Random) -> None:
        content = bytearray((folder / name).read_bytes())
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        (folder / name).write_bytes(content)

    return damage


def cut_short(name: str) -> Damage:
    """Return the damage that cuts a file within a row."""

    def damage(folder: Path, draw: random.Random) -> None:
        content = (folder / name).read_bytes()
        ends = [place for place in range(len(content)) if content[place : place + 1] != b"\n"]
        (folder / name).write_bytes(content[: draw.choice(ends)])

    return damage


def lose_an_epoch(folder: Path, draw: random.Random) -> None:
    """Take out a row of an epoch."""
    lines = _lines(folder / EPOCHS_FILE)
    del lines[draw.randrange(1, len(lines))]
    (folder / EPOCHS_FILE).write_bytes(b"".join(lines))


def swap_cells_of_rows(folder: Path, draw: random.Random) -> None:
    """Give two trials the scores of each other."""
    lines = _lines(folder / TRIALS_FILE)
    column = list(COLUMNS_BY_FILE[TRIALS_FILE]).index("val_loss")
    one, other = draw.sample(range(1, len(lines)), 2)
    rows = [line.split(b",") for line in lines]
    rows[one][column], rows[other][column] = rows[other][column] + b"1", rows[one][column]
    (folder / TRIALS_FILE).write_bytes(b"".join(b",".join(row) for row in rows))


def damage_the_header(name: str) -> Damage:
    """Return the damage that renames, removes or moves a column."""

    def damage(folder: Path, draw: random.Random) -> None:
        first, *rows = _lines(folder / name)
        names = first.rstrip(b"\n").split(b",")
        place = draw.randrange(2, len(names))
        how = draw.randrange(3)
        if how == 0:
            names[place] += b"x"
        elif how == 1:
            del names[place]
        else:
            names[place - 1], names[place] = names[place], names[place - 1]
        (folder / name).write_bytes(b"".join([b",".join(names) + b"\n", *rows]))

    return damage


def replace_by(name: str, *contents: bytes) -> Damage:
    """Return the damage that replaces a file by one of some contents."""

    def damage(folder: Path, draw: random.Random) -> None:
        (folder / name).write_bytes(draw.choice(contents))

    return damage


def weights_of(folder: Path, draw: random.Random) -> Path:
    """Return the file of the weights of a trial."""
    return draw.choice(sorted((folder / "weights").iterdir()))


def damage_weights(folder: Path, draw: random.Random) -> None:
    """Flip a bit of a weight, or cut the file."""
    path = weights_of(folder, draw)
    content = bytearray(path.read_bytes())
    if draw.random() < 0.5:
        content[-draw.randrange(1, 40)] ^= 1 << draw.randrange(8)
    else:
        del content[draw.randrange(len(content)) :]
    path.write_bytes(content)


def swap_weights(folder: Path, draw: random.Random) -> None:
    """Give a trial the weights of another."""
    one, other = draw.sample(sorted((folder / "weights").iterdir()), 2)
    one.write_bytes(other.read_bytes())


def lose_weights(folder: Path, draw: random.Random) -> None:
    """Remove the weights of a trial."""
    weights_of(folder, draw).unlink()


DAMAGES: dict[str, tuple[Damage, int]] = {
    "a cell of a trial": (change_a_cell(TRIALS_FILE), 24),
    "a cell of an epoch": (change_a_cell(EPOCHS_FILE), 12),
    "a bit of the trials": (flip_a_bit(TRIALS_FILE), 12),
    "a bit of the epochs": (flip_a_bit(EPOCHS_FILE), 8),
    "a bit of the keys": (flip_a_bit(KEYS_FILE), 4),
    "trials cut": (cut_short(TRIALS_FILE), 5),
    "epochs cut": (cut_short(EPOCHS_FILE), 5),
    "an epoch lost": (lose_an_epoch, 4),
    "scores swapped": (swap_cells_of_rows, 3),
    "header of the trials": (damage_the_header(TRIALS_FILE), 5),
    "header of the epochs": (damage_the_header(EPOCHS_FILE), 4),
    "a weight": (damage_weights, 6),
    "weights swapped": (swap_weights, 3),
    "weights lost": (lose_weights, 2),
    "experiment": (replace_by(EXPERIMENT_FILE, b"axes = 5", b"\xff", b"= [", b"select = {on = 3}"), 2),
    "environment": (replace_by(ENVIRONMENT_FILE, b"[1]", b"{", b"\xff\x00", b"3"), 2),
}
EACH = [(name, number) for name, (_, count) in DAMAGES.items() for number in range(count)]


def test_there_are_a_hundred() -> None:
    assert len(EACH) >= 100


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of the sweep, made by the first test that needs them."""
    return tmp_path_factory.mktemp("undisturbed") / "r"


@pytest.mark.parametrize(("name", "number"), EACH)
def test_a_damage_is_named_and_the_sweep_ends_as_if_undisturbed(cli: Cli, whole: Path, name: str, number: int) -> None:
    if not whole.exists():
        assert cli(*SWEEP).code == 3  # lr 1e20 diverges
        shutil.move(FOLDER, whole)
    FOLDER.parent.mkdir(exist_ok=True)
    shutil.copytree(whole, FOLDER)
    damage, _ = DAMAGES[name]
    damage(FOLDER, random.Random(f"{name} {number}"))
    found = check_contents(FOLDER)
    assert found.problems
    repair(FOLDER)
    assert not check_contents(FOLDER).problems
    assert cli(*SWEEP).code == 3
    for kind, keys in (("trials", ["key"]), ("epochs", ["key", "epoch"])):
        tables = [getattr(load(folder), kind).sort_values(keys, ignore_index=True) for folder in (whole, FOLDER)]
        pd.testing.assert_frame_equal(*(table.drop(columns=TIMES, errors="ignore") for table in tables))
    for path in (whole / "weights").iterdir():
        one, other = read_weights(path), read_weights(FOLDER / "weights" / path.name)
        assert all((one[key] == other[key]).all() for key in one)
