"""Write trials for TensorBoard: a run per trial, its hyperparameters and its scores as they come (extra `track`).

The driver writes, so it works the same for threads, and for workers on other machines.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from mlpctl.engines.base import Event
from mlpctl.errors import UsageError
from mlpctl.runner.callbacks.base import Callback
from mlpctl.runner.trial import Trial
from mlpctl.store.schema import Row

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class TensorBoard(Callback):
    """Callback that writes event files, a folder per trial, named by its key."""

    def __init__(self, folder: Path) -> None:
        """Check that it can write, before anything is trained.

        Args:
            folder: what `tensorboard --logdir` is given.

        Raises:
            UsageError: where TensorBoard is not installed, or the folder cannot be made.
        """
        try:
            import tensorboard.plugins.hparams.summary_v2  # noqa: F401
            import torch.utils.tensorboard  # noqa: F401
        except ModuleNotFoundError:
            raise UsageError("--tensorboard needs TensorBoard: pip install 'mlpctl[track]'") from None
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"cannot write to {folder}: {error.strerror}; choose another --tensorboard") from error
        self.folder = folder
        self._writers: dict[str, SummaryWriter] = {}

    def on_epoch(self, trial: Trial, event: Event) -> None:
        """Write the scores of an epoch."""
        if trial.key not in self._writers:
            self._writers[trial.key] = self._begin(trial)
        for name, score in {**event.scores, "lr": event.lr}.items():
            if score is not None:
                self._writers[trial.key].add_scalar(name, score, event.epoch)

    def on_trial(self, row: Row) -> None:
        """Close the file of a trial; one that was never trained, or was read off a longer one, has none of its own."""
        writer = self._writers.pop(str(row["key"]), None)
        if writer is not None:
            writer.close()

    def close(self) -> None:
        """Close what an interruption has left open."""
        while self._writers:
            self._writers.popitem()[1].close()

    def _begin(self, trial: Trial) -> "SummaryWriter":
        """Return the file of a trial with its hyperparameters; the seeds of a configuration are one group."""
        from tensorboard.plugins.hparams.summary_v2 import hparams_pb  # torch's `add_hparams` knows no groups
        from torch.utils.tensorboard import SummaryWriter

        writer = SummaryWriter(str(self.folder / trial.key))
        assert writer.file_writer is not None
        fields = {name: value for name, value in trial.spec.flat().items() if value is not None}
        plain = {name: value if isinstance(value, int | float) else str(value) for name, value in fields.items()}
        writer.file_writer.add_summary(hparams_pb(plain, trial_id=trial.config), 0)
        return writer
