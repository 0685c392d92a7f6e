"""What is known of a model, and whether it can be explained: `gradcam doctor`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from gradcam_cli.callbacks import Note
from gradcam_cli.errors import ModelError
from gradcam_cli.explainer import Explainer
from gradcam_cli.models.layers import LayerInfo
from gradcam_cli.models.sources.model_file import FileSource

if TYPE_CHECKING:
    from gradcam_cli.engines import EngineName
    from gradcam_cli.models.findings import Findings
    from gradcam_cli.models.model import Model, ModelInfo
    from gradcam_cli.models.selection import Selection
    from gradcam_cli.models.sources.contract import ModelSource

_ROUNDS = 5
_LONG = 1.0
"""Seconds after which no further round is begun."""
_WITHOUT_GRADIENTS = "score-cam"


@dataclass(frozen=True)
class Diagnosis:
    """What `diagnose` found.

    Attributes
    ----------
    info : ModelInfo
        What the model takes and gives, as it is going to be used.
    findings : Findings or None
        What was noticed in its file; None for a model of the catalogue.
    layers : tuple of LayerInfo
        Those with maps.
    engine : str
        What runs it; empty where nothing can.
    check : str
        What its gradients were checked against.
    seconds : float or None
        What a picture takes, the median of some.
    gradient_problem : str
        Why its gradients are of no use; empty where they are.
    problem : str
        Why it cannot be explained; empty where it can.
    suggestions : tuple of str
        What would make it better, a sentence each.
    """

    info: ModelInfo
    findings: Findings | None
    layers: tuple[LayerInfo, ...]
    engine: str = ""
    check: str = ""
    seconds: float | None = None
    gradient_problem: str = ""
    problem: str = ""
    suggestions: tuple[str, ...] = ()

    @property
    def default(self) -> LayerInfo | None:
        """The layer that it is explained at by default."""
        return next((layer for layer in self.layers if layer.default), None)


def diagnose(
    selection: Selection, *, engine: EngineName = "auto", offline: bool = False, note: Note
) -> Diagnosis:
    """Open the model of `selection`, explain some noise with it, and tell what was found.

    Parameters
    ----------
    selection : Selection
        One model; of "auto", the first whose weights are here.
    engine, offline, note
        As `Explainer.load` takes them.

    Raises
    ------
    ModelError
        Where the model's weights cannot be had.
    """
    source = selection.without_fetching()
    findings = source.findings if isinstance(source, FileSource) else None
    model = selection.open(offline=offline, note=note)
    layers = tuple(source.layers())
    found = Diagnosis(source.info, findings, layers, suggestions=tuple(_suggestions(source)))
    return _tried(found, model, engine, note)


def _tried(found: Diagnosis, model: Model, engine: EngineName, note: Note) -> Diagnosis:
    """The same with what came of explaining noise, without gradients where they are of no use."""
    try:
        explainer = Explainer.load(model, engine=engine, note=note)
    except ModelError as error:
        found = replace(found, gradient_problem=error.what)
        try:
            explainer = Explainer.load(model, methods=_WITHOUT_GRADIENTS, engine=engine, note=note)
        except ModelError:
            return replace(found, problem=error.what)
    return replace(
        found,
        engine=explainer.engine.name,
        check=explainer.engine.reference,
        seconds=_seconds(explainer),
    )


def _seconds(explainer: Explainer) -> float:
    """What an explanation takes, without reading the picture and writing the overlay.

    The first of several is left out; where it takes long, it is the only one.
    """
    height, width, _ = explainer.model.input
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    times = []
    for _ in range(1 + _ROUNDS):
        start = time.perf_counter()
        explainer.explain(noise)
        times.append(time.perf_counter() - start)
        if sum(times) > _LONG:
            break
    return median(times[1:] or times)


def _suggestions(source: ModelSource) -> Iterator[str]:
    if not isinstance(source, FileSource):
        return
    findings, options = source.findings, source.options
    if not findings.names and options.labels is None:
        yield "Pass --labels FILE with the names of the classes, one a line."
    if findings.without_rule:
        yield (
            f"{' and '.join(findings.without_rule)} cannot be differentiated: before "
            "them, only methods without gradients can be used, as --method score-cam."
        )
    if findings.activation == "none" and findings.classes > 2 and options.head is None:
        yield (
            "Pass --head sigmoid if a picture may be of several classes; a softmax is assumed, for "
            "the file has nothing after the scores."
        )
