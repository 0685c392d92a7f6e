"""How the graph of a model is made, and what its passes are checked against."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from gradcam_cli.errors import ModelError
from gradcam_cli.models import vgg
from gradcam_cli.models.about import ABOUT, read
from gradcam_cli.models.framework import is_installed
from gradcam_cli.models.layers import LayerInfo, explainable_layers, vgg_layers
from gradcam_cli.models.sources.bundled import BundledModel, BundledWeights
from gradcam_cli.models.sources.keras_weights import KerasWeights
from gradcam_cli.passes import Engine, Pass

if TYPE_CHECKING:
    from gradcam_cli.models.findings import Findings
    from gradcam_cli.models.model import InputShape, Model
    from gradcam_cli.models.model_file import ModelFile


TENSORFLOW, FINITE_DIFFERENCES = "TensorFlow", "finite differences"


class NotCompiledError(Exception):
    """The compiled engine cannot serve this; the text says why, without a final full stop.

    Attributes
    ----------
    remedy : str
        What to do so that it can; empty where that is not known.
    """

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(reason)
        self.remedy = remedy


class Made(NamedTuple):
    """A graph that was made: its layers, and what was noticed in its file, if it has one."""

    layers: list[LayerInfo]
    findings: Findings | None = None


class Maker(Protocol):
    """Makes the graph of a model, and checks what the engine makes of it."""

    uses_tensorflow: bool

    @property
    def reference(self) -> str:
        """What it is checked against: `TENSORFLOW` or `FINITE_DIFFERENCES`."""
        ...

    @property
    def size(self) -> int:
        """About how many bytes the graph is going to have."""
        ...

    def load(self) -> None:
        """Read the model, so that what is wrong with it is said before all else."""
        ...

    def make(self, graph: Path) -> Made:
        """Write it to `graph`, an .xml file, with its weights beside it."""
        ...

    def can_check(self, what: Pass) -> bool:
        """False where there is nothing that `what` could be checked against."""
        ...

    def difference(self, candidate: Engine, what: Pass, findings: Findings | None) -> str:
        """Why `candidate` is wrong about `what`; empty where it is not."""
        ...


@dataclass(frozen=True)
class KerasMaker:
    """From a Keras model.

    Where TensorFlow is not installed, what was compiled where it is can still be checked further.

    Attributes
    ----------
    model : Model
        What is known of it.
    network : callable
        Gives the Keras model.
    digest : str
        That of its weights before it was read.
    """

    model: Model
    network: Callable[[], Any]
    digest: str
    uses_tensorflow = True

    @property
    def size(self) -> int:
        """See `Maker.size`."""
        return 4 * self.model.parameters

    @property
    def reference(self) -> str:
        """See `Maker.reference`."""
        return TENSORFLOW if is_installed() else FINITE_DIFFERENCES

    def load(self) -> None:
        """See `Maker.load`."""
        self._loaded  # noqa: B018

    def make(self, graph: Path) -> Made:
        """See `Maker.make`."""
        from gradcam_cli.engines.openvino.conversion import convert

        network = self._loaded
        layers = explainable_layers(network)
        convert(network, [layer.name for layer in layers], graph)
        return Made(layers)

    def can_check(self, what: Pass) -> bool:
        """See `Maker.can_check`."""
        return is_installed() or what.shows_in_scores

    def difference(self, candidate: Engine, what: Pass, findings: Findings | None) -> str:
        """See `Maker.difference`."""
        from gradcam_cli.engines.openvino.conversion import difference_from_reference
        from gradcam_cli.engines.openvino.finite_differences import (
            difference_from_finite_differences,
        )
        from gradcam_cli.engines.tensorflow import TensorFlowEngine

        model = self.model
        if not is_installed():
            return difference_from_finite_differences(
                candidate, what, model.input, model.preprocessing
            )
        reference = TensorFlowEngine(self._checked_network(), model_name=model.name)
        return difference_from_reference(
            candidate, reference, what, model.input, model.preprocessing
        )

    @cached_property
    def _loaded(self) -> Any:
        """The one that the graph is made of."""
        return self._checked_network()

    def _checked_network(self) -> Any:
        """The Keras model, once its weights are sure to be those that the digest is of."""
        network = self.network()
        if self.model.digest() != self.digest:
            raise NotCompiledError(f"the weights of {self.model.name} changed while they were read")
        return network


class CheckedByFiniteDifferences:
    """What makers share that need no TensorFlow, or not always.

    Scores and activations need no check then: tests compare those of the makers here with Keras,
    and those of a file are what it gives itself.
    """

    uses_tensorflow = False

    @property
    def reference(self) -> str:
        """See `Maker.reference`."""
        return FINITE_DIFFERENCES

    def can_check(self, what: Pass) -> bool:
        """See `Maker.can_check`."""
        return what.shows_in_scores

    def difference(self, candidate: Engine, what: Pass, findings: Findings | None) -> str:
        """See `Maker.difference`."""
        from gradcam_cli.engines.openvino.finite_differences import (
            difference_from_finite_differences,
        )

        known = self.input_of(findings)
        if known is None:
            return "what was noticed in its file is missing"
        return difference_from_finite_differences(candidate, what, *known)

    def input_of(self, findings: Findings | None) -> tuple[InputShape, str] | None:
        """The model's input and its preprocessing; here what was noticed in its file."""
        return None if findings is None else (findings.input, findings.preprocessing)


@dataclass(frozen=True)
class BundledMaker(CheckedByFiniteDifferences):
    """From the weights that come as a Python package; see `Maker`."""

    @property
    def size(self) -> int:
        """See `Maker.size`."""
        return 4 * BundledModel().info.parameters

    def load(self) -> None:
        """See `Maker.load`: it is read where it is made."""

    def make(self, graph: Path) -> Made:
        """See `Maker.make`."""
        from gradcam_cli.engines.openvino.bundled import forward_graph
        from gradcam_cli.engines.openvino.saving import save

        save(forward_graph(), graph)
        return Made(BundledModel().layers())

    def input_of(self, findings: Findings | None) -> tuple[InputShape, str]:
        """See `CheckedByFiniteDifferences`."""
        info = BundledModel().info
        return info.input, info.preprocessing


@dataclass(frozen=True)
class VGGMaker(CheckedByFiniteDifferences):
    """From a file of weights of VGG16 or VGG19; see `Maker`.

    Attributes
    ----------
    model : Model
        What is known of it.
    weights : KerasWeights
        Its weights.
    digest : str
        That of the weights before they were read.
    """

    model: Model
    weights: KerasWeights
    digest: str

    @property
    def size(self) -> int:
        """See `Maker.size`."""
        return 4 * self.model.parameters

    def load(self) -> None:
        """See `Maker.load`: its shapes are compared with those of the model."""
        with self._weights():
            pass

    def make(self, graph: Path) -> Made:
        """See `Maker.make`."""
        from gradcam_cli.engines.openvino.saving import save
        from gradcam_cli.engines.openvino.vgg import forward_graph

        with self._weights() as weights:
            network = forward_graph(self.model.name, weights)
            save(network.model, graph, network.kernels)
        if self.model.digest() != self.digest:
            raise NotCompiledError(f"the weights of {self.model.name} changed while they were read")
        return Made(vgg_layers(self.model.name))

    def input_of(self, findings: Findings | None) -> tuple[InputShape, str]:
        """See `CheckedByFiniteDifferences`."""
        return self.model.input, self.model.preprocessing

    @contextmanager
    def _weights(self) -> Iterator[dict[str, Any]]:
        try:
            with vgg.opened_weights(self.weights.path, self.model.name) as weights:
                yield weights
        except (OSError, KeyError, ValueError, AttributeError) as error:
            raise ModelError(*self.weights.misfit) from error


@dataclass(frozen=True)
class GraphMaker(CheckedByFiniteDifferences):
    """From a file that OpenVINO reads."""

    file: ModelFile

    @property
    def size(self) -> int:
        """See `Maker.size`."""
        from gradcam_cli.models.formats.files import files_of

        return sum(path.stat().st_size for path in files_of(self.file.path, self.file.format))

    def load(self) -> None:
        """See `Maker.load`: it is read where it is made."""

    def make(self, graph: Path) -> Made:
        """See `Maker.make`."""
        if self.file.format == "explainer":
            return _copied(self.file.path, graph.parent)
        from gradcam_cli.engines.openvino.model_files.preparing import write_graph

        return write_graph(self.file, graph)


def maker_of(model: Model, network: Callable[[], Any], digest: str) -> Maker:
    """What makes the graph of `model`, whose Keras model `network` gives where it has one."""
    file: ModelFile | None = getattr(model.weights, "file", None)
    if file is not None:
        return maker_of_file(file)
    if isinstance(model.weights, BundledWeights):
        return BundledMaker()
    if isinstance(model.weights, KerasWeights) and model.name in vgg.MODELS:
        return VGGMaker(model, model.weights, digest)
    return KerasMaker(model, network, digest)


def maker_of_file(file: ModelFile) -> Maker:
    """What makes the graph of the model in `file`."""
    if not file.needs_keras:
        return GraphMaker(file)
    from gradcam_cli.engines.openvino.keras_files import KerasFileMaker

    return KerasFileMaker(file)


def _copied(source: Path, target: Path) -> Made:
    """The graph of an exported model, and what stands in its record."""
    from gradcam_cli.models.explainer_folder import copy_graph

    about = read(source)
    if about is None or about.findings is None:
        raise ModelError(
            f"{source / ABOUT} cannot be read, or is not what `gradcam export` writes",
            "Export the model again.",
        )
    copy_graph(about, source, target)
    return Made(about.layers, about.findings)
