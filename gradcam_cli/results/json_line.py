"""JSON for scripts: one object a line, versioned by its "schema"."""

from __future__ import annotations

import json
from typing import Any

SCHEMA = 1


def dumps(fields: dict[str, Any]) -> str:
    """`fields` as one line of plain ASCII, the schema first; never NaN."""
    return json.dumps({"schema": SCHEMA, **fields}, allow_nan=False)
