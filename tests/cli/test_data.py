"""The commands of `mlpctl data`, as a user calls them."""

import json
from pathlib import Path

import pytest

from mlpctl.data import fashion_mnist, files
from mlpctl.data.fashion_mnist import PUBLISHED
from mlpctl.registry import names
from tests.helpers.cli import Cli


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("MLPCTL_DATA_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("MLPCTL_OFFLINE", "0")  # recorded here, so that --offline does not outlive its test
    monkeypatch.setenv("COLUMNS", "120")
    return tmp_path / "cache"


@pytest.mark.needs("fashion-mnist")
def test_list_names_every_dataset(cli: Cli) -> None:
    done = cli("data", "list", "--format", "json")
    assert done.code == 0
    assert [row["dataset"] for row in json.loads(done.out)] == list(names("dataset"))
    where = {row["dataset"]: row["where"] for row in json.loads(done.out)}
    assert where["fashion-mnist"] == str(PUBLISHED.installed)
    assert where["table"] == "your file"
    assert where["gates"] == "built in"
    cli("data", "fetch", "fashion-mnist")
    assert "cache" in cli("data", "list", "--format", "csv").out


@pytest.mark.needs("fashion-mnist")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["iris"], ["setosa", "150", "petal width (cm)", "batch_size"]),
        (["diabetes"], ["progression", "442", "regression"]),
        (["linreg", "--data", "w=1,2,3"], ["x1, x2, x3", "distribution", "normal, uniform"]),
        (["gates", "--data", "gate=XOR", "--data", "targets=pm1"], ["truth table of XOR", "the table itself"]),
        (["langid", "--data", "vocabulary=all"], ["SPANISH", "26", "2 official examples", "vocabulary"]),
        (["fashion-mnist"], ["Ankle boot", "28×28", "10,000 official examples", "7000", "0.1"]),
    ],
)
def test_show_tells_shapes_classes_options_and_defaults(cli: Cli, arguments: list[str], said: list[str]) -> None:
    done = cli("data", "show", *arguments)
    assert (done.code, done.err) == (0, "")
    for part in said:
        assert part in done.out


def test_show_in_json_has_plain_numbers(cli: Cli) -> None:
    tables = json.loads(cli("data", "show", "wine", "--format", "json").out)
    facts = {row["what"]: row["value"] for row in next(iter(tables.values()))}
    assert (facts["examples"], facts["inputs"]) == (178, 13)
    assert [row["examples"] for row in tables["Classes"]] == [59, 71, 48]


def table(tmp_path: Path) -> list[str]:
    (tmp_path / "my.csv").write_text("x,z,target\n" + "".join(f"{k},{k * k},{'ab'[k % 2]}\n" for k in range(9)))
    return ["table", "--data", f"path={tmp_path / 'my.csv'}"]


@pytest.mark.parametrize(
    ("suffix", "start"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")]
)  # fmt: skip
def test_plot_writes_the_format_of_the_suffix(cli: Cli, tmp_path: Path, suffix: str, start: bytes) -> None:
    path = tmp_path / f"samples{suffix}"
    assert cli("data", "show", "gates", "--plot", path).code == 0
    assert path.read_bytes().startswith(start)


@pytest.mark.needs("fashion-mnist")
def test_the_grid_of_fashion_mnist_names_its_classes(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "samples.svg"
    assert cli("data", "show", "fashion-mnist", "--plot", path).code == 0
    drawn = path.read_text("utf-8")
    assert drawn.count("<image") == 25
    first = ["Ankle boot", "T-shirt/top", "T-shirt/top", "Dress", "T-shirt/top", "Pullover", "Sneaker"]
    places = [drawn.index(f">{name}<") for name in dict.fromkeys(first)]
    assert places == sorted(places)


@pytest.mark.parametrize("name", ["iris", "digits", "diabetes", "linreg", "langid", "table"])
def test_every_kind_of_dataset_is_drawn(cli: Cli, tmp_path: Path, name: str) -> None:
    path = tmp_path / "samples.png"
    assert cli("data", "show", *(table(tmp_path) if name == "table" else [name]), "--plot", path).code == 0
    assert path.stat().st_size > 5_000


@pytest.mark.needs("fashion-mnist")
def test_verify_prints_the_published_sums_and_finds_damage(cli: Cli, cache: Path) -> None:
    done = cli("data", "verify", "fashion-mnist")
    assert done.code == 0
    for file in fashion_mnist.IDX_FILES:
        assert file.sha256 in done.out
    assert "70,000 examples" in done.out
    path = cache / "fashion-mnist" / "t10k-labels-idx1-ubyte"
    path.write_bytes(path.read_bytes()[:-1])
    damaged = cli("data", "verify", "fashion-mnist")
    assert damaged.code == 4
    assert str(path) in damaged.err
    assert damaged.err.count("\n") == 1
    assert cli("data", "fetch", "fashion-mnist").code == 0
    assert cli("data", "verify", "fashion-mnist").code == 0


def test_verify_reads_a_users_file(cli: Cli, tmp_path: Path) -> None:
    arguments = table(tmp_path)
    assert "ok, 9 examples" in cli("data", "verify", *arguments).out
    with (tmp_path / "my.csv").open("a") as file:
        file.write("1,,a\n")
    done = cli("data", "verify", *arguments)
    assert (done.code, done.out) == (4, "")
    assert "column 'z' has 1 empty or NaN cells, the first in data row 10" in done.err


@pytest.mark.needs("fashion-mnist")
def test_path_is_ready_for_other_commands(cli: Cli, cache: Path) -> None:
    cli("data", "fetch", "fashion-mnist")
    lines = cli("data", "path", "fashion-mnist").out.splitlines()
    assert [Path(line) for line in lines] == [cache / "fashion-mnist" / file.name for file in fashion_mnist.IDX_FILES]
    assert all(line.count("\t") == 1 for line in cli("data", "path").out.splitlines())


def test_offline_without_files_says_how_to_get_them(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(files, "DEBIAN", tmp_path / "none")
    monkeypatch.setenv("MLPCTL_OFFLINE", "0")
    for command in ("fetch", "show", "verify"):
        done = cli("data", command, "fashion-mnist", "--offline")
        assert (done.code, done.out) == (4, "")
        assert "apt and mirrors (not asked: offline)" in done.err
        assert done.err.splitlines()[-1].endswith("mlpctl data fetch fashion-mnist --from FOLDER")
        assert max(map(len, done.err.replace(str(tmp_path), "").splitlines())) < 160


@pytest.mark.needs("fashion-mnist")
def test_fetch_copies_from_a_folder(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cache: Path) -> None:
    folder = PUBLISHED.installed
    monkeypatch.setattr(files, "DEBIAN", tmp_path / "none")
    monkeypatch.setenv("MLPCTL_OFFLINE", "1")
    done = cli("data", "fetch", "fashion-mnist", "--from", folder)
    assert (done.code, done.err) == (0, "")
    assert done.out.count(f"from {folder}\n") == 4
    assert sorted(path.name for path in (cache / "fashion-mnist").iterdir()) == sorted(PUBLISHED.sha256)
    assert cli("data", "verify", "fashion-mnist").code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["show", "fashion"], 2, "unknown dataset 'fashion': did you mean 'fashion-mnist'?"),
        (["verify", "irs"], 2, "did you mean 'iris'?"),
        (["show", "linreg", "--data", "nose=1"], 2, "unknown key 'nose': did you mean 'noise'?"),
        (["show", "linreg", "--data", "noise"], 2, "KEY=VALUE"),
        (["show", "table"], 2, "'path' is required"),
        (["show", "table", "--data", "path=none.csv"], 4, "no file none.csv"),
        (["fetch", "iris", "--from", "x"], 2, "iris has no files to fetch: leave --from out"),
        (["fetch", "all", "--from", "x"], 2, "--from is of one dataset"),
        (["show", "gates", "--plot", "a.bmp"], 2, ".png"),
        (["show", "gates", "--plot", "/dev/null/a.png"], 2, "cannot write"),
    ],
)
def test_mistakes_have_an_exit_code_and_a_line(cli: Cli, arguments: list[str], code: int, said: str) -> None:
    done = cli("data", *arguments)
    assert done.code == code
    assert said in done.err
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1
