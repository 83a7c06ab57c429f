"""What a search over epochs cost, beside what training everything to the end would have."""

from pathlib import Path

from mlpctl.experiment import Experiment
from mlpctl.schema import TRIALS_FILE
from mlpctl.spec import Spec
from mlpctl.stored import read_rows


def price(experiment: Experiment, folder: Path) -> str:
    """Return the model-epochs of a search over epochs in words; "" for other searches.

    Trials that differ in epochs alone are one training, of the most of them, where the schedule allows that.
    """
    most = experiment.strategy().most_epochs
    if not most:
        return ""
    spent: dict[tuple[object, ...], int] = {}
    whole: set[tuple[object, ...]] = set()
    for row in read_rows(folder / TRIALS_FILE):
        begun = tuple(row[name] for name in Spec.model_fields if name != "epochs")
        one = begun if row["lr_schedule"] != "cosine" else (*begun, row["epochs"])
        spent[one] = max(spent.get(one, 0), int(row["epochs_done"] or 0))
        whole.add(begun)
    trained, all_ = sum(spent.values()), len(whole) * most
    return (
        f"{experiment.search.method} trained {trained:,} model-epochs; its {len(whole):,} configurations with {most} "
        f"epochs each would be {all_:,}: {trained / max(all_, 1):.0%} of them"
    )
