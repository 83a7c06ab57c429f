"""Labels of axes: fields of a trial with their units, metrics with what they count."""

from mlpctl.spec import Spec, extra

METRIC_NAMES = {
    "accuracy": "accuracy (share right)",
    "loss": "loss (mean per example)",
    "mse": "mean squared error",
    "mae": "mean absolute error",
    "r2": "R² (share of variance explained)",
}


def label(name: str) -> str:
    """Return the axis label of a field, with its unit."""
    info = Spec.model_fields.get(name)
    unit = extra(info, "unit") if info is not None else ""
    return f"{name.replace('_', ' ')} ({unit})" if unit and unit not in name else name.replace("_", " ")


def metric_label(metric: str, part: str = "") -> str:
    """Return the axis title of a metric on a part of the data, with what it counts."""
    return f"{part} {METRIC_NAMES.get(metric, metric)}".strip()
