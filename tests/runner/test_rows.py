"""Rows of trials and epochs."""

import math

from mlpctl.engines.base import Event, event_of
from mlpctl.runner.rows import Curve
from mlpctl.store.schema import Block


def curve_of(*events: Event) -> Curve:
    curve = Curve()
    for event in events:
        curve.add(event)
    return curve


def test_the_share_of_a_trial_is_group_seconds_by_group_size() -> None:
    group = [Event("t", n, {"val_loss": 1.0}, group_seconds=s, group_size=size)
             for n, (s, size) in enumerate(((2.0, 8), (2.0, 8), (1.0, 4)))]  # fmt: skip
    assert curve_of(*group).wall_time() == {"seconds": None, "group_seconds": 5.0, "group_size": 7}
    alone = Event("t", 1, {"val_loss": 1.0}, seconds=1.0, group_seconds=1.0, group_size=1)
    assert curve_of(alone, Event("t", 1, seconds=0.5)).wall_time() == {"seconds": 1.5}


def test_a_block_of_epochs_is_as_its_epochs_one_by_one() -> None:
    block: Block = {"epoch": [4, 5, 6], "lr": [0.1, 0.1, 0.2], "val_loss": [3.0, 2.0, math.inf]}
    block |= {"test_loss": [None, 7.0, None], "seconds": [0.5, 0.5, 0.25]}
    event = event_of("t", block)
    each = list(event.each())
    assert [(one.epoch, one.lr, one.scores, one.seconds, one.block) for one in each] == [
        (4, 0.1, {"val_loss": 3.0}, 0.5, None),
        (5, 0.1, {"val_loss": 2.0, "test_loss": 7.0}, 0.5, None),
        (6, 0.2, {"val_loss": math.inf}, 0.25, None),
    ]
    first = Event("t", 3, {"val_loss": 4.0}, 0.1, 0.5)
    whole, single = curve_of(first, event), curve_of(first, *each)
    assert whole.wall_time() == single.wall_time() == {"seconds": 1.75}
    assert whole.last_scores() == {"val_loss": math.inf}
    for name, values in whole.block.items():
        assert single.block[name] == values
    assert whole.upto(5).block["test_loss"] == [None, None, 7.0]
    assert whole.upto(6) is whole
    assert event.own_seconds == 1.25
    after = event.after(4).block
    assert after is not None
    assert after["epoch"] == [5, 6]
