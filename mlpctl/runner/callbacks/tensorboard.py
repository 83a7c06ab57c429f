"""Trials for TensorBoard: a run per trial, its hyperparameters and its scores as they come (extra `track`).

The driver writes, so it works the same for threads, and for workers on other machines.
"""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlpctl.engines.base import Event
from mlpctl.errors import UsageError
from mlpctl.runner.loop import Watch
from mlpctl.runner.rows import Row
from mlpctl.runner.trial import Trial

if TYPE_CHECKING:
    from tensorboard.summary.writer.event_file_writer import EventFileWriter


@dataclass
class TensorBoard:
    """A watch that writes event files and lets another one look on.

    Attributes:
        folder: what `tensorboard --logdir` is given; a folder per trial, named by its key.
        inner: the other watch.
    """

    folder: Path
    inner: Watch
    _writers: "dict[str, EventFileWriter]" = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that it can write, before anything is trained.

        Raises:
            UsageError: where TensorBoard is not installed, or the folder cannot be made.
        """
        try:
            import tensorboard.summary.writer.event_file_writer  # noqa: F401
        except ModuleNotFoundError:
            raise UsageError("--tensorboard needs TensorBoard: pip install 'mlpctl[track]'") from None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"cannot write to {self.folder}: {error.strerror}; choose another --tensorboard"
            ) from error

    def epoch(self, trial: Trial, event: Event) -> None:
        """Write the scores of an epoch."""
        if trial.key not in self._writers:
            self._begin(trial)
        for name, score in {**event.scores, "lr": event.lr}.items():
            if score is not None:
                self._write(trial.key, event.epoch, tag=name, simple_value=score)
        self.inner.epoch(trial, event)

    def finished(self, row: Row) -> None:
        """Close the file of a trial; one that was never trained, or was read off a longer one, has none of its own."""
        writer = self._writers.pop(str(row["key"]), None)
        if writer is not None:
            writer.close()
        self.inner.finished(row)

    def close(self) -> None:
        """Close what an interruption has left open."""
        while self._writers:
            self._writers.popitem()[1].close()

    def _begin(self, trial: Trial) -> None:
        """Open the file of a trial and write its hyperparameters, for TensorBoard's table of them."""
        from tensorboard.plugins.hparams import metadata
        from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionStartInfo
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self._writers[trial.key] = EventFileWriter(str(self.folder / trial.key))
        start = SessionStartInfo(group_name=trial.config)  # the seeds of a configuration are one group
        for name, value in trial.spec.flat().items():
            if isinstance(value, int | float):
                start.hparams[name].number_value = value
            elif value is not None:
                start.hparams[name].string_value = str(value)
        about = metadata.create_summary_metadata(HParamsPluginData(session_start_info=start))
        self._write(trial.key, 0, tag=metadata.SESSION_START_INFO_TAG, metadata=about)

    def _write(self, key: str, step: int, **value: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event as Record
        from tensorboard.compat.proto.summary_pb2 import Summary

        summary = Summary(value=[Summary.Value(**value)])
        self._writers[key].add_event(Record(wall_time=time.time(), step=step, summary=summary))

    def stored(self) -> None:
        """Pass it on."""
        self.inner.stored()

    def note(self, text: str) -> None:
        """Pass it on."""
        self.inner.note(text)
