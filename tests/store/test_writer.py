"""The results folder: what a kill, a full disk, a second writer and foreign files leave."""

import errno
import multiprocessing
import os
import resource
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlpctl.errors import DataError, UsageError
from mlpctl.store.checkpoints import Checkpoint, Checkpoints
from mlpctl.store.csv_lines import COLUMNS_BY_FILE
from mlpctl.store.results import load
from mlpctl.store.schema import Block
from mlpctl.store.writer import Store
from mlpctl.system.files import replace_file

TRIAL = {"key": "a" * 16, "config": "c", "status": "ok", "dataset": "iris", "val_accuracy": 0.5, "seed": 0}
EPOCHS: Block = {"epoch": [1, 2], "train_loss": [1.0, 0.5]}


def written(folder: Path, *keys: str) -> None:
    with Store(folder) as store:
        for key in keys:
            store.append({**TRIAL, "key": key}, EPOCHS)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    written(tmp_path / "r", "a", "b")
    results = load(tmp_path / "r")
    assert results.trials["key"].tolist() == ["a", "b"]
    assert results.trials["val_accuracy"].tolist() == [0.5, 0.5]
    assert results.trials["seed"].dtype == "Int64"
    assert results.epochs["train_loss"].tolist() == [1.0, 0.5] * 2
    with Store(tmp_path / "r") as store:
        assert store.known == {"a": "ok", "b": "ok"}
        assert store.repairs == []


@pytest.mark.parametrize("cut", [1, 20, 100])
def test_a_torn_last_row_is_removed_and_said(tmp_path: Path, cut: int) -> None:
    written(tmp_path / "r", "a", "b")
    for name in ("trials.csv", "epochs.csv"):
        path = tmp_path / "r" / name
        path.write_bytes(path.read_bytes()[: -min(cut, 20)])
    assert load(tmp_path / "r").trials["key"].tolist() == ["a"]  # reading does not mind
    with Store(tmp_path / "r") as store:
        assert store.known == {"a": "ok"}
        assert len(store.repairs) == 2
        store.append({**TRIAL, "key": "b"}, EPOCHS)
    assert load(tmp_path / "r").trials["key"].tolist() == ["a", "b"]


def test_epochs_of_a_trial_that_was_not_finished_do_not_count(tmp_path: Path) -> None:
    written(tmp_path / "r", "a", "b")
    trials = tmp_path / "r" / "trials.csv"
    trials.write_text("".join(trials.read_text().splitlines(keepends=True)[:-1]))
    assert set(load(tmp_path / "r").epochs["key"]) == {"a"}


@pytest.mark.parametrize("content", ["", "key,value\n1,2\n", "date;value\n"])
def test_empty_and_foreign_files(tmp_path: Path, content: str) -> None:
    folder = tmp_path / "r"
    folder.mkdir()
    (folder / "trials.csv").write_text(content)
    if not content:
        written(folder, "a")
        assert len(load(folder).trials) == 1
        return
    with pytest.raises(DataError, match="not a file of mlpctl"), Store(folder):
        pass
    assert (folder / "trials.csv").read_text() == content


def test_an_older_schema_is_brought_up_to_date(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    folder.mkdir()
    (folder / "trials.csv").write_bytes(b"schema_version,key,status,val_accuracy\r\n1,a,ok,0.25\r\n")
    assert load(folder).trials["bias"].tolist() == ["true"]
    with Store(folder) as store:
        assert store.known == {"a": "ok"}
        assert "brought up to date" in store.repairs[0]
        store.append({**TRIAL, "key": "b"}, {})
    assert load(folder).trials["val_accuracy"].tolist() == [0.25, 0.5]
    assert load(folder).trials["bias"].tolist()[0] == "true"  # what a field says that was not there yet
    assert (folder / "trials.csv").read_text().split("\n")[0] == ",".join(COLUMNS_BY_FILE["trials.csv"])


def test_a_newer_row_does_not_count_and_stays(tmp_path: Path) -> None:
    """One row of a newer version does not lock the folder; a file with columns of a newer one is not rewritten."""
    folder = tmp_path / "r"
    with Store(folder) as store:
        store.append(TRIAL, {})
    lines = (folder / "trials.csv").read_text().splitlines(keepends=True)
    newer = "99" + lines[1][1:].replace("a" * 16, "b")
    (folder / "trials.csv").write_text("".join([*lines, newer]))
    assert load(folder).trials["key"].tolist() == [TRIAL["key"]]
    with Store(folder) as store:
        assert store.known == {TRIAL["key"]: "ok"}
    assert (folder / "trials.csv").read_text().endswith(newer)
    (folder / "trials.csv").write_text("schema_version,key,status,colour\n99,a,ok,red\n")
    with pytest.raises(DataError, match="newer mlpctl"), Store(folder):
        pass
    assert "red" in (folder / "trials.csv").read_text()


def test_the_second_writer_is_told(tmp_path: Path) -> None:
    with Store(tmp_path / "r"), pytest.raises(UsageError, match="another mlpctl is writing"), Store(tmp_path / "r"):
        pass
    written(tmp_path / "r", "a")  # and once the first has gone it works


def _write_and_die(folder: Path) -> None:
    with Store(folder) as store:
        store.append(TRIAL, EPOCHS)
        signal.raise_signal(signal.SIGKILL)


def test_the_lock_of_a_killed_writer_is_free(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_write_and_die, args=(tmp_path / "r",))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    with Store(tmp_path / "r") as store:
        assert store.known == {TRIAL["key"]: "ok"}


def test_a_full_disk_in_the_middle_of_a_row_leaves_whole_rows(tmp_path: Path) -> None:
    """A file-size limit cuts a write short as a full disk does; nothing is lost, nothing is half."""
    folder = tmp_path / "r"
    written(folder, "a")
    sizes = {name: (folder / name).stat().st_size for name in ("trials.csv", "epochs.csv")}
    limit = max(sizes.values()) + 300
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with Store(folder) as store:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
            store.append({**TRIAL, "key": "short"}, {})
            with pytest.raises(DataError, match="what had finished is safe"):
                store.append({**TRIAL, "key": "b" * 50}, {name: values * 50 for name, values in EPOCHS.items()})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    for name in sizes:
        assert (folder / name).read_bytes().endswith(b"\n")
    with Store(folder) as store:
        assert store.repairs == []
        assert "a" in store.known


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot write results"), Store(tmp_path / "file" / "r"):
        pass


def test_errors_with_newlines_stay_in_one_row(tmp_path: Path) -> None:
    with Store(tmp_path / "r") as store:
        store.append({**TRIAL, "status": "crashed", "error": 'two\nlines, and "quotes"'}, {})
    assert load(tmp_path / "r").trials["error"].tolist() == ['two lines, and "quotes"']


def test_what_separates_cells_in_a_checksum_is_no_part_of_one(tmp_path: Path) -> None:
    with Store(tmp_path / "r") as store:
        store.append({**TRIAL, "error": "one\x1ftwo"}, {})
    assert load(tmp_path / "r").trials["error"].tolist() == ["one two"]


def test_weights_are_written_whole_and_read_back(tmp_path: Path) -> None:
    import numpy as np
    from safetensors.numpy import load_file

    weights: dict[str, Any] = {"0.weight": np.arange(6, dtype=np.float32).reshape(2, 3)}
    with Store(tmp_path / "r") as store:
        store.save_weights("a", weights, {"dataset": "iris"})
        path = store.weights_file("a")
    np.testing.assert_array_equal(load_file(path)["0.weight"], weights["0.weight"])
    assert [p.name for p in path.parent.iterdir()] == ["a.safetensors"]


def test_what_a_living_process_is_writing_is_not_left_over(tmp_path: Path) -> None:
    """A report is written into the folder while a sweep opens it; a killed writer's number is nobody's."""
    mine, dead = tmp_path / f".report.md.{os.getpid()}", tmp_path / ".report.md.4194305"  # above what Linux gives out
    mine.touch()
    dead.touch()
    with Store(tmp_path):
        pass
    assert mine.is_file()
    assert not dead.exists()


def test_a_file_that_cannot_be_written_is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))  # as a read-only file system says of any name

    monkeypatch.setattr(Path, "open", refused)
    monkeypatch.setattr(Path, "unlink", refused)
    with pytest.raises(DataError, match="Read-only file system"):
        replace_file(tmp_path / "a", b"1")


def test_a_file_in_place_of_a_folder_is_an_error_of_the_data(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    for name in ("weights", "states"):
        (tmp_path / "r" / name).touch()
    with Store(tmp_path / "r") as store, pytest.raises(DataError, match="cannot make the folder"):
        store.save_weights("k", {"w": np.ones(2)}, {})
    with pytest.raises(DataError, match="cannot make the folder"):
        Checkpoints(tmp_path / "r").keep("k", "kernel", Checkpoint(1, {"w": np.ones(2)}, {}))


def test_a_folder_that_is_removed_meanwhile_is_an_error_of_the_data(tmp_path: Path) -> None:
    with Store(tmp_path / "r") as store:
        shutil.rmtree(tmp_path / "r")
        with pytest.raises(DataError, match="was removed while it was written"):
            store.append(TRIAL, EPOCHS)
        with pytest.raises(DataError, match="cannot make the folder"):
            store.save_weights("k", {"w": np.ones(2)}, {})
