"""What stands in the about.json of a compiled model."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard, get_args

from gradcam_cli.models.layers import LayerInfo
from gradcam_cli.passes import Kind, Rules
from gradcam_cli.storage.files import write_bytes
from gradcam_cli.storage.folders import cache_folder
from gradcam_cli.text import printable

if TYPE_CHECKING:
    from gradcam_cli.models.findings import Findings

GRAPH, WEIGHTS, ABOUT = "model.xml", "model.bin", "about.json"
ROWS = (1, 2, 4, 8)
"""What a batch may have."""

_SCHEMA = 2
_FILE = re.compile(rf"{GRAPH}|{WEIGHTS}|[0-9a-f]{{16}}\.blob")
_UNUSUAL = re.compile(r"[^A-Za-z0-9._-]")
_LONGEST_NAME = 80
_PASS = re.compile(
    f"(({'|'.join(sorted({*get_args(Rules)} - {'standard', 'relevance'}))}) )?"
    f"({'|'.join(kind.replace('_', ' ') for kind in get_args(Kind))}|relevance)( at .+)?"
)
"""What `str` makes of a `Pass`."""


@dataclass(frozen=True)
class About:
    """What is known of a compiled model.

    Attributes
    ----------
    model : str
        Its name in the catalogue.
    weights : str
        The SHA-256 of the weights it was made from.
    made_with : dict
        See `dependencies.made_with`.
    files : dict
        The SHA-256 of `GRAPH`, `WEIGHTS`, and of what was exported; see `exports`.
    layers : list of LayerInfo
        The layers it has an output for, one of them the default.
    checked : dict
        For each pass that was asked for so far, by its text, what is wrong with it; empty where
        nothing is.
    findings : Findings or None
        What was noticed in the model's file; None for a model of the catalogue.
    rows : dict
        How many rows a batch has best, for each pass and machine for which that was measured.
    """

    model: str
    weights: str
    made_with: dict[str, str]
    files: dict[str, str]
    layers: list[LayerInfo]
    checked: dict[str, str] = field(default_factory=dict)
    findings: Findings | None = None
    rows: dict[str, int] = field(default_factory=dict)


def compiled_folder() -> Path:
    """Where compiled models are kept.

    Raises
    ------
    ModelError
        Where there is no such place.
    """
    return cache_folder() / "compiled"


def place_of(name: str, digest: str) -> Path:
    """The folder of the compiled form of the model `name` whose weights have `digest`."""
    return compiled_folder() / f"{_UNUSUAL.sub('_', name)[:_LONGEST_NAME]}-{digest[:16]}"


def records_of(name: str) -> list[About]:
    """What is known of the compiled forms of the model `name`, each of other weights.

    Raises
    ------
    ModelError
        Where there is no place for them.
    """
    found = map(read, sorted(place_of(name, "").parent.glob(f"{place_of(name, '').name}*")))
    return [about for about in found if about is not None and about.model == name]


def read(place: Path) -> About | None:
    """What about.json in `place` says; None where that cannot be read or is not sound."""
    try:
        found = json.loads((place / ABOUT).read_text("utf-8"))
        if found.pop("schema") != _SCHEMA:
            return None
        layers = [_layer(**values) for values in found.pop("layers")]
        findings = _findings(found.pop("findings", None))
        about = About(layers=layers, findings=findings, **found)
        return about if _is_sound(about) else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def write(place: Path, about: About) -> None:
    """Write about.json into `place`.

    Raises
    ------
    OSError
        Where it cannot be written; what was there stays.
    """
    import msgspec

    values = {**asdict(about), "findings": msgspec.to_builtins(about.findings)}
    write_bytes(place / ABOUT, json.dumps({"schema": _SCHEMA, **values}, indent=1).encode())


def _layer(name: Any, kind: Any, shape: Any, default: Any, reason: Any = "") -> LayerInfo:
    sides = isinstance(shape, list) and [type(side) for side in shape] == [int, int, int]
    if not (sides and all(map(_is_text, (name, kind, reason))) and isinstance(default, bool)):
        raise ValueError("no layer")
    return LayerInfo(name, kind, (shape[0], shape[1], shape[2]), default, reason)


def _findings(values: Any) -> Findings | None:
    """What was noticed in a model's file; ValueError where it is no such thing."""
    if values is None:
        return None
    import msgspec

    from gradcam_cli.models.findings import Findings

    return msgspec.convert(values, Findings)


def _is_sound(about: About) -> bool:
    names = {layer.name for layer in about.layers}
    return (
        _is_text(about.model)
        and _is_text(about.weights)
        and all(map(_has_texts, (about.made_with, about.files, about.checked)))
        and about.files.keys() >= {GRAPH, WEIGHTS}
        and all(map(_FILE.fullmatch, about.files))
        and all(map(_PASS.fullmatch, about.checked))
        and all(_is_text(key) and rows in ROWS for key, rows in about.rows.items())
        and len(names) == len(about.layers)
        and sum(layer.default for layer in about.layers) == 1
    )


def _has_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_text, [*value, *value.values()]))


def _is_text(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and value == printable(value)
