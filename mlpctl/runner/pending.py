"""Find the trials that have to run: those that are not in the store, or whose row does not count."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from mlpctl.errors import UsageError
from mlpctl.runner.failure_policy import REDONE, RETRIED
from mlpctl.runner.rows import invalid_row
from mlpctl.runner.run_groups import key_without_epochs
from mlpctl.runner.trial import Trial, trial_of
from mlpctl.runner.types import RunOptions
from mlpctl.spec import Spec
from mlpctl.store.schema import Row
from mlpctl.store.writer import Store

if TYPE_CHECKING:
    from mlpctl.runner.shard import Shard


def pending(
    specs: Iterable[Spec],
    store: Store,
    options: RunOptions,
    *,
    on_invalid: Callable[[Row], None],
    on_stored: Callable[[str], None],
) -> Iterator[Trial]:
    """Yield the trials of some specs that have to run; equal trials once.

    Combinations that cannot be trained go to `on_invalid` as rows; `on_stored` gets the status of each stored trial.
    Trials of other shards are passed over.
    """
    begun: set[str] = set()
    for spec in specs:
        trial, row = identify(spec)
        key = row["key"] if trial is None else trial.key
        if key in begun:
            continue
        begun.add(key)
        if options.shard is not None and not in_shard(options.shard, trial, key):
            continue
        if trial is None and key not in store.known:
            on_invalid(row)
        elif trial is not None and has_to_run(store, key, options):
            yield trial
        else:
            store.count_in(key)
            on_stored(store.known.get(key, ""))


def in_shard(shard: "Shard", trial: Trial | None, key: str) -> bool:
    """Return whether a trial, or the row of a key, is in a part of the experiment; trials of one run stay together."""
    return shard.has(key if trial is None else key_without_epochs(trial))


def identify(spec: Spec) -> tuple[Trial | None, Row]:
    """Return the trial of a spec, or the row that says why there is none; either has the key."""
    try:
        return trial_of(spec), {}
    except UsageError as error:
        return None, invalid_row(spec, str(error))


def has_to_run(store: Store, key: str, options: RunOptions) -> bool:
    """Return whether a trial has to run: it is not in the store, or what is there does not count."""
    status = store.known.get(key)
    if status is None or options.force or status in REDONE or (options.retry and status in RETRIED):
        return True
    return options.save and status == "ok" and not store.weights_file(key).is_file()
