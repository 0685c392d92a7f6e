"""What `--json` printed of an earlier check, to compare with."""

from __future__ import annotations

from pathlib import Path

import msgspec

from gradcam_cli.errors import UsageError
from gradcam_cli.results.check_summary import GATED, Baseline


class _BaselineClass(msgspec.Struct):
    index: int


class _BaselineImage(msgspec.Struct):
    source: str
    label: _BaselineClass = msgspec.field(name="class")
    top1: bool
    top5: bool
    empty: bool
    lift: float | None = None
    pointing: float | None = None
    object_drop: float | None = None


class _Baseline(msgspec.Struct):
    images: list[_BaselineImage]


def read_baseline(path: Path) -> Baseline:
    """The values of an earlier run by picture and class.

    Raises
    ------
    UsageError
        Where it is not what --json prints.
    """
    try:
        baseline = msgspec.json.decode(path.read_bytes(), type=_Baseline)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise UsageError(
            f"{path} is no result of a check: {error}", "Pass what `gradcam check --json` printed."
        ) from error
    return {
        (image.source, image.label.index): {
            name: float("nan") if (value := getattr(image, name)) is None else float(value)
            for name in GATED
        }
        for image in baseline.images
    }
