"""The chart of settings as the page draws it: a row for each, a dot for each seed, a bar for their mean."""

from typing import Any

import numpy as np

from mlpctl.report.conclusion import sure_of
from mlpctl.report.ending import verdict_told
from mlpctl.report.page.encode import rounded_number
from mlpctl.report.summary import Summary
from mlpctl.report.tables import rows_of, setting_of

MOST_SETTINGS = 20
"""Settings that are drawn, the best first; the table has all."""


def settings_chart(summary: Summary) -> dict[str, Any]:
    """Return words, class, mean and seeds of each setting that has a score, best first; and how many are left out."""
    scored = summary.ranked.rows(summary.ranked["n"] > 0)
    shown = scored.rows(np.arange(min(MOST_SETTINGS, len(scored))))
    judged = sure_of(summary) not in (None, "unknown")  # of one seed nothing is known of chance
    drawn: list[dict[str, Any]] = []
    for row in rows_of(shown):
        own = (summary.compared["config"] == row["config"]) & (summary.compared["status"] == "ok")
        scores = summary.compared[summary.column].astype(np.float64)[own]
        class_ = str(row["verdict"] or "") if judged else "best" if not drawn else ""
        drawn.append(
            {
                "name": setting_of(row, summary.varied) or "the only setting",
                "class": class_,
                "said": verdict_told(row, summary.better) if judged else class_,
                "mean": rounded_number(row["mean"]),  # type: ignore[arg-type]
                "seeds": [rounded_number(score) for score in scores[np.isfinite(scores)]],
                "failed": row["failed"],
            }
        )
    return {"rows": drawn, "more": len(scored) - len(drawn)}
