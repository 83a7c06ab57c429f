"""Tell callbacks of epochs and trials: the base class, several as one, and those that a user asked for."""

from mlpctl.engines.base import Event
from mlpctl.runner.trial import Trial
from mlpctl.store.schema import Row


class Callback:
    """Base of all callbacks: each method does nothing, a subclass defines those that it needs."""

    def on_epochs(self, trial: Trial, event: Event) -> None:
        """Handle the end of an epoch, or of a block of epochs; the base tells of each by `on_epoch`."""
        if type(self).on_epoch is not Callback.on_epoch:
            for each in event.each():
                self.on_epoch(trial, each)

    def on_epoch(self, trial: Trial, event: Event) -> None:
        """Handle the end of an epoch."""

    def on_trial(self, row: Row) -> None:
        """Handle a trial that was trained and is in the store now."""

    def on_stored(self) -> None:
        """Handle a trial that was found in the store."""

    def on_note(self, text: str) -> None:
        """Handle a note for the user."""


class Callbacks(Callback):
    """Several callbacks, told in their order."""

    def __init__(self, *callbacks: Callback) -> None:
        """Hold the callbacks."""
        self.callbacks = callbacks

    def on_epochs(self, trial: Trial, event: Event) -> None:
        """Tell all of an epoch, or of a block of epochs."""
        for callback in self.callbacks:
            callback.on_epochs(trial, event)

    def on_trial(self, row: Row) -> None:
        """Tell all of a trial."""
        for callback in self.callbacks:
            callback.on_trial(row)

    def on_stored(self) -> None:
        """Tell all of a trial that was in the store."""
        for callback in self.callbacks:
            callback.on_stored()

    def on_note(self, text: str) -> None:
        """Tell all of a note."""
        for callback in self.callbacks:
            callback.on_note(text)
