"""Rows of trials and epochs."""

from mlpctl.runner.rows import wall_time


def test_the_share_of_a_trial_is_group_seconds_by_group_size() -> None:
    group = [{"seconds": None, "group_seconds": s, "group_size": n} for s, n in ((2.0, 8), (2.0, 8), (1.0, 4))]
    assert wall_time(group) == {"seconds": None, "group_seconds": 5.0, "group_size": 7}
    assert wall_time([{"seconds": 1.0, "group_seconds": 1.0, "group_size": 1}, {"seconds": 0.5}]) == {"seconds": 1.5}
