"""Passes as OpenVINO has compiled them, kept in files beside the graph, which open in a third of
the time.

They are of one processor and one build of OpenVINO. What was exported is checked as it is imported,
like everything that is read back. Weights stay in the model's file; those that OpenVINO makes
others of, as where it takes a normalisation into them, stand in the export: it must be small.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from gradcam_cli.engines.openvino.processors import processor
from gradcam_cli.errors import GradcamError
from gradcam_cli.models.about import GRAPH, WEIGHTS, About
from gradcam_cli.passes import Pass
from gradcam_cli.storage import digests
from gradcam_cli.storage.files import write_bytes

if TYPE_CHECKING:
    from gradcam_cli.engines.openvino.engine import OpenVINOEngine

MOST_PACKED_BYTES = 80 << 20
"""Of models that OpenVINO makes more other weights of nothing is exported."""
MOST_EXPORTED_BYTES = 32 << 20
"""What is larger holds weights a second time, and is not kept."""


def paths(place: Path, about: About, passes: Sequence[Pass]) -> dict[Pass, Path]:
    """Where those of `passes` are that were exported into `place` on this processor."""
    names = {what: _name(what) for what in passes}
    return {what: place / name for what, name in names.items() if name in about.files}


def with_export(place: Path, about: About, engine: OpenVINOEngine, what: Pass) -> About:
    """Export `what` into `place`, where it is gradients and small; `about` with its file."""
    from gradcam_cli.engines.openvino.vjp import NotDifferentiableError

    if what.kind != "gradients" or engine.packed_bytes > MOST_PACKED_BYTES:
        return about
    file = place / _name(what)
    try:
        compiled = engine.export(what)
        if len(compiled) > MOST_EXPORTED_BYTES:
            return about
        write_bytes(file, compiled)
    except (NotDifferentiableError, GradcamError, OSError, RuntimeError, ValueError, KeyError):
        return about  # what keeps it from being compiled will come again
    digest = hashlib.sha256(compiled).hexdigest()
    digests.remember(file, digest)
    return replace(about, files={**about.files, file.name: digest})


def without_exports(about: About) -> About:
    """`about` without the files that were exported."""
    return replace(about, files={name: about.files[name] for name in (GRAPH, WEIGHTS)})


def _name(what: Pass) -> str:
    return f"{hashlib.sha256(f'{what} {processor()}'.encode()).hexdigest()[:16]}.blob"
