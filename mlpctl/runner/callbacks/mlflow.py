"""Write trials to MLflow: a run per trial, its hyperparameters and the scores of its epochs (extra `mlflow`).

MLflow follows the store: what the tables of a results folder have and MLflow has not is written, whoever trained it and
whenever. So a sweep that was killed leaves nothing half there, and nothing comes twice when it goes on.
"""

import hashlib
import logging
import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from mlpctl.errors import UsageError
from mlpctl.runner.callbacks.base import Callback
from mlpctl.spec import Spec
from mlpctl.store import reader
from mlpctl.store.schema import EPOCH_COLUMNS, EPOCHS_FILE, TRIALS_FILE, Row

SECONDS_BETWEEN_WRITES = 1.0
"""A run takes 40 ms to write, so those of a second are written together."""

KEY_TAG, ROW_TAG = "mlpctl.key", "mlpctl.row"
"""Tags of a run: the trial, and which row of it was written; the latter comes last: a run without it is half there."""

MOST_METRICS = 1000
"""Metrics that MLflow takes at a time."""

STATUS = {"ok": "FINISHED", "interrupted": "KILLED"}
"""MLflow's words; every other status is its FAILED, with ours as a tag."""

MLFLOW_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",  # it would tell its makers that it is used
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # with 7, a server that is not there is asked for two minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}
"""Of MLflow, unless the user's environment says otherwise; read when it is imported."""


@dataclass
class Mlflow(Callback):
    """Callback that keeps MLflow up to date with a results folder.

    Attributes:
        place: an MLflow tracking URI, or a folder, in which there is then a database.
        folder: of the results; the experiment in MLflow has its name.
        note: shows a note to the user.
    """

    place: str
    folder: Path
    note: Callable[[str], None]
    _read: dict[str, int] = field(default_factory=dict)
    _there: dict[str, tuple[str, str]] = field(default_factory=dict)
    _epochs: dict[str, dict[int, Mapping[str, str]]] = field(default_factory=dict)
    _half: list[str] = field(default_factory=list)
    _written: float = 0.0
    _is_ours: bool = False

    def __post_init__(self) -> None:
        """Connect and see what is there, before anything is trained.

        Raises:
            UsageError: where MLflow is not installed, or the place cannot be used.
        """
        for name, value in MLFLOW_ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        try:
            from mlflow.exceptions import MlflowException
            from mlflow.tracking import MlflowClient
        except ModuleNotFoundError:
            raise UsageError("--mlflow needs MLflow: pip install 'mlpctl[mlflow]'") from None
        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.ERROR)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # of SQLAlchemy, about MLflow's own code
                self._client = MlflowClient(tracking_uri=_uri(self.place))
                self._experiment = self._open()
            self._look()
        except (MlflowException, OSError) as error:
            raise UsageError(f"cannot write to {self.place}: {_in_one_line(error)}; choose another --mlflow") from error

    def _open(self) -> str:
        found = self._client.get_experiment_by_name(self.folder.name)
        if found is not None:
            return str(found.experiment_id)
        files = None if "://" in self.place else (Path(self.place) / "files").absolute().as_uri()
        return str(self._client.create_experiment(self.folder.name, artifact_location=files))

    def _look(self) -> None:
        """See what is there."""
        token = None
        while True:
            page = self._client.search_runs([self._experiment], max_results=1000, page_token=token)
            for run in (run for run in page if KEY_TAG in run.data.tags):
                if ROW_TAG in run.data.tags:
                    self._there[run.data.tags[KEY_TAG]] = run.info.run_id, run.data.tags[ROW_TAG]
                else:
                    self._half.append(run.info.run_id)
            if not (token := page.token):
                return

    def on_trial(self, row: Row) -> None:  # noqa: ARG002
        """Write what is new in the store, now and then."""
        self._is_ours = True  # the store is locked: nobody else writes what it has
        if time.monotonic() - self._written > SECONDS_BETWEEN_WRITES:
            self._catch_up()

    def close(self) -> None:
        """Write the rest."""
        if self._is_ours:
            self._catch_up()

    def _catch_up(self) -> None:
        from mlflow.exceptions import MlflowException

        rows = dict(self._new(TRIALS_FILE))  # of a trial that was run again the last row counts
        rows = {key: row for key, row in rows.items() if self._there.get(key, ("", ""))[1] != _name(row)}
        for key, epoch in self._new(EPOCHS_FILE):  # written before the rows of their trials
            if key in rows or key not in self._there:
                self._epochs.setdefault(key, {})[int(epoch["epoch"])] = epoch
        try:
            while self._half:
                self._client.delete_run(self._half.pop())
            for key, row in rows.items():
                self._write(key, row, self._epochs.pop(key, {}))
        except MlflowException as error:
            self.note(f"MLflow: {_in_one_line(error)}; the same command writes what is missing")
            self._read.clear()
        self._written = time.monotonic()

    def _new(self, name: str) -> Iterator[tuple[str, Mapping[str, str]]]:
        """Yield the key and the cells, as texts, of the rows of a table that were not read yet."""
        rows, self._read[name] = reader.rows_from(self.folder / name, self._read.get(name, 0))
        for row in rows:
            yield row["key"], {column: "" if cell is None else str(cell) for column, cell in row.items()}

    def _write(self, key: str, row: Mapping[str, str], epochs: Mapping[int, Mapping[str, str]]) -> None:
        from mlflow.entities import Metric, Param, RunTag

        if key in self._there:
            self._client.delete_run(self._there.pop(key)[0])  # of a trial that was run again
        began = int(datetime.fromisoformat(row["started"]).timestamp() * 1000) if row["started"] else 0
        about = {KEY_TAG: key, **{f"mlpctl.{name}": row[name] for name in ("config", "status", "error") if row[name]}}
        run = self._client.create_run(self._experiment, start_time=began, tags=about, run_name=key).info.run_id
        self._half.append(run)
        names = [name for name in Spec.model_fields if row.get(name)]
        self._client.log_batch(run, params=[Param(name, row[name]) for name in names])
        now, metrics = float(began), []
        for number, epoch in sorted(epochs.items()):
            now += 1000 * float(epoch["seconds"] or 0.0)
            scores = {name: epoch[name] for name in _SHOWN if epoch.get(name)}
            metrics += [Metric(name, float(value), int(now), number) for name, value in scores.items()]
        for first in range(0, len(metrics), MOST_METRICS):
            self._client.log_batch(run, metrics=metrics[first : first + MOST_METRICS])
        self._client.set_terminated(run, STATUS.get(row["status"], "FAILED"), int(now))
        self._client.log_batch(run, tags=[RunTag(ROW_TAG, _name(row))])
        self._half.remove(run)
        self._there[key] = run, _name(row)

    def on_stored(self) -> None:
        """Note that the store is locked by this process."""
        self._is_ours = True


_SHOWN = [name for name, kind in EPOCH_COLUMNS.items() if kind == "float" and name != "seconds"]


def _uri(place: str) -> str:
    if "://" in place:
        return place
    Path(place).mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{(Path(place) / 'mlflow.db').absolute()}"


def _name(row: Mapping[str, str]) -> str:
    return hashlib.sha256("\n".join(row.values()).encode()).hexdigest()[:16]


def _in_one_line(error: Any) -> str:
    return " ".join(str(getattr(error, "strerror", "") or error).split())
