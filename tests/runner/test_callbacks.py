"""Callbacks: the base class does nothing, several are told in their order."""

from mlpctl.engines.base import Event
from mlpctl.runner.callbacks.base import Callback, Callbacks
from mlpctl.runner.trial import Trial, trial_of
from mlpctl.spec import make_spec
from mlpctl.store.schema import Row


class Named(Callback):
    """Writes down what it is told."""

    def __init__(self, name: str, told: list[tuple[str, object]]) -> None:
        self.name, self.told = name, told

    def on_epoch(self, trial: Trial, event: Event) -> None:
        self.told.append((self.name, (trial.key, event.epoch)))

    def on_trial(self, row: Row) -> None:
        self.told.append((self.name, row["key"]))

    def on_note(self, text: str) -> None:
        self.told.append((self.name, text))


def test_several_callbacks_are_told_one_after_the_other() -> None:
    told: list[tuple[str, object]] = []
    trial = trial_of(make_spec({"dataset": "iris", "epochs": 1}))
    callbacks = Callbacks(Named("a", told), Callback(), Named("b", told))
    callbacks.on_epochs(trial, Event(trial.key, 1))
    callbacks.on_trial({"key": trial.key})
    callbacks.on_stored()
    callbacks.on_note("late")
    assert told == [(name, what) for what in ((trial.key, 1), trial.key, "late") for name in ("a", "b")]
