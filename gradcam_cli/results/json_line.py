"""JSON for scripts: one object a line, versioned by its "schema"."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradcam_cli.metrics.intervals import Mean

SCHEMA = 1


def dumps(fields: dict[str, Any]) -> str:
    """`fields` as one line of plain ASCII, the schema first; never NaN."""
    return json.dumps({"schema": SCHEMA, **fields}, allow_nan=False)


def mean_object(mean: Mean) -> dict[str, Any]:
    """A mean and its interval, rounded; None where there is none."""
    ends = None if mean.low is None or mean.high is None else [mean.low, mean.high]
    return {
        "mean": None if mean.value is None else round(mean.value, 6),
        "interval": ends and [round(each, 6) for each in ends],
    }
