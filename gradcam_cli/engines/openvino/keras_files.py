"""The graph of a model in a Keras file, made by TensorFlow in a process of its own."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from gradcam_cli.engines.openvino.conversion import (
    convert,
    converted,
    difference_from_reference,
)
from gradcam_cli.engines.openvino.graphs import LOGITS
from gradcam_cli.engines.openvino.makers import (
    FINITE_DIFFERENCES,
    TENSORFLOW,
    CheckedByFiniteDifferences,
    Made,
)
from gradcam_cli.engines.openvino.model_files.preparing import counted, prepare_graph
from gradcam_cli.engines.openvino.model_files.rescaling import preprocessing_inside
from gradcam_cli.engines.openvino.runtime import core
from gradcam_cli.models.findings import Findings
from gradcam_cli.models.formats.inspection import inspect_file
from gradcam_cli.models.framework import is_installed
from gradcam_cli.models.keras_loading import load_network
from gradcam_cli.models.layers import LayerInfo, explainable_layers
from gradcam_cli.models.model_file import ModelFile
from gradcam_cli.models.preprocessing import guess_for
from gradcam_cli.passes import Engine, Pass

if TYPE_CHECKING:
    from gradcam_cli.models.keras_network import KerasNetwork

_SECONDS_TO_INSPECT = 60
"""The HDF5 library is known to hang on some damaged files."""


@dataclass(frozen=True)
class KerasFileMaker(CheckedByFiniteDifferences):
    """From a .keras or .h5 file.

    A vision transformer is looked at as a graph, of which tokens can be laid out on their grid;
    so is any other network without maps.
    """

    file: ModelFile
    uses_tensorflow = True

    @property
    def reference(self) -> str:
        """See `Maker.reference`; to know which one it is, the model is loaded."""
        return FINITE_DIFFERENCES if not is_installed() or self._is_graph else TENSORFLOW

    @property
    def size(self) -> int:
        """See `Maker.size`."""
        return self.file.path.stat().st_size

    @cached_property
    def network(self) -> KerasNetwork:
        """The model."""
        with _time_limit(_SECONDS_TO_INSPECT):
            inspect_file(self.file.path, trust=self.file.trust)
        return load_network(self.file)

    def load(self) -> None:
        """See `Maker.load`."""
        self.network  # noqa: B018

    def make(self, graph: Path) -> Made:
        """See `Maker.make`."""
        if self._is_graph:
            return self._make_graph(graph)
        convert(self.network, [layer.name for layer in self._layers], graph)
        return Made(self._layers, self._findings(graph))

    @cached_property
    def _layers(self) -> list[LayerInfo]:
        """Those with maps."""
        return explainable_layers(self.network)

    @property
    def _is_graph(self) -> bool:
        """Whether it is looked at as a graph."""
        return self.network.has_attention or not self._layers

    def _make_graph(self, graph: Path) -> Made:
        """Make it as a graph, of which Keras knows the rest."""
        network = self.network
        converted_file = replace(self.file, options=replace(self.file.options, output_name=None))
        made = prepare_graph(converted_file, converted(network), {}, graph)
        assert made.findings is not None
        findings = msgspec.structs.replace(
            made.findings,
            head=network.head,
            activation=network.activation,
            any_size=network.any_size,
        )
        preprocessing, reason = network.preprocessing_hint
        if preprocessing:
            findings = msgspec.structs.replace(
                findings,
                preprocessing=preprocessing,
                preprocessing_reason=reason,
                preprocessing_guessed=False,
            )
        return made._replace(findings=findings)

    def can_check(self, what: Pass) -> bool:
        """See `Maker.can_check`."""
        return is_installed() or what.shows_in_scores

    def difference(self, candidate: Engine, what: Pass, findings: Findings | None) -> str:
        """See `Maker.difference`."""
        from gradcam_cli.engines.tensorflow import TensorFlowEngine

        if not is_installed() or findings is None or findings.reference != TENSORFLOW:
            return super().difference(candidate, what, findings)
        reference = TensorFlowEngine(self.network, model_name=self.file.name)
        return difference_from_reference(
            candidate, reference, what, findings.input, findings.preprocessing
        )

    def _findings(self, graph: Path) -> Findings:
        network = self.network
        forward = core().read_model(graph)
        results = {each.get_friendly_name(): each for each in forward.get_results()}
        image, scores = forward.get_parameters()[0], results[LOGITS].input_value(0)
        preprocessing, reason = network.preprocessing_hint
        if not preprocessing:
            preprocessing, reason = preprocessing_inside(image)
        guessed = not preprocessing
        if guessed:
            preprocessing, reason = guess_for(self.file.format, "NHWC", network.input.channels)
        return Findings(
            format=self.file.format,
            height=network.input.height,
            width=network.input.width,
            channels=network.input.channels,
            layout="NHWC",
            any_size=network.any_size,
            classes=network.classes,
            head=network.head,
            activation=network.activation,
            preprocessing=preprocessing,
            preprocessing_reason=reason,
            preprocessing_guessed=guessed,
            reference=TENSORFLOW,
            **counted(forward.get_ordered_ops(), image, scores),
        )


@contextmanager
def _time_limit(seconds: int) -> Iterator[None]:
    """Have the process end, as of SIGALRM, where the block takes longer; not on Windows."""
    if not hasattr(signal, "alarm"):
        yield
        return
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
