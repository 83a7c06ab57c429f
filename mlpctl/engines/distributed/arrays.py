"""What a session keeps of trials that train in other processes: the arrays that travel with works and replies."""

from dataclasses import dataclass, field

from mlpctl.engines.base import State, Work


@dataclass
class Travelling:
    """The part of `mlpctl.engines.base.Session` that is about arrays, for trials that train elsewhere.

    Attributes:
        given: key -> what a trial is to be continued from; it travels with its work.
        states: key -> what continues a trial that has ended.
        trained: key -> its parameters and running statistics, where they were wanted.
    """

    given: dict[str, State] = field(default_factory=dict, kw_only=True)
    states: dict[str, State] = field(default_factory=dict, kw_only=True)
    trained: dict[str, State] = field(default_factory=dict, kw_only=True)

    def save(self, key: str) -> State:
        """Return all that is needed to continue a trial."""
        return self.states[key]

    def restore(self, work: Work, state: State) -> None:
        """Take in a saved trial."""
        self.given[work.key] = state

    def weights(self, key: str) -> State:
        """Return the parameters and running statistics of a trial."""
        return self.trained[key]

    def drop(self, key: str) -> None:
        """Forget a trial."""
        for kept in (self.given, self.states, self.trained):
            kept.pop(key, None)
