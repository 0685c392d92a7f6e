"""A pass, compiled for a fixed number of rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from queue import SimpleQueue
from threading import Event
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.engines.comparison import TOLERANCE, relative_difference
from gradcam_cli.engines.openvino.graph_inputs import PROBABILITY, TOP, WEIGHTS, gradient_inputs
from gradcam_cli.engines.openvino.packing import packed, places_of, unpacked
from gradcam_cli.engines.openvino.runtime import openvino
from gradcam_cli.errors import ModelError
from gradcam_cli.passes import RULE_PARAMETERS, Precision, Rules
from gradcam_cli.targets import Target, score_weights

if TYPE_CHECKING:
    from gradcam_cli.engines.openvino.graphs import Graph

TOLERANCES: dict[Precision, float] = {"f32": TOLERANCE, "bf16": 0.1}
"""How far batches of several rows may be from one row."""
_WEIGHTLESS = {"CACHE_MODE": "OPTIMIZE_SIZE"}


compiling = Event()
"""Set once OpenVINO compiles for the first time in this process, which leaves Python to others."""


class CompiledPass:
    """A graph, compiled; as many calls at a time as `streams`.

    Parameters
    ----------
    network : openvino.CompiledModel
        Its inputs are those that `inputs` says, and then one for each of `kernels`.
    inputs : tuple of str
        See `Graph.inputs`.
    kernels : mapping of str to openvino.Tensor
        What is given to each further input, by its name.
    owner : object
        What owns the memory of `kernels`; kept, for requests only point to it.
    streams : int
        How many calls run side by side.
    """

    def __init__(
        self,
        network: Any,
        inputs: tuple[str, ...],
        kernels: Mapping[str, Any],
        owner: Any,
        streams: int = 1,
    ) -> None:
        self.inputs = inputs
        self._network = network
        self._kernels = kernels
        self._owner = owner
        self._streams = streams
        ports = network.inputs
        self.shapes = {name: tuple(port.shape) for name, port in zip(inputs, ports, strict=False)}
        self._outputs = len(network.outputs)
        self._idle: SimpleQueue[Any] = SimpleQueue()
        for _ in range(streams):
            request = network.create_infer_request()
            for port in ports[len(inputs) :]:
                request.set_tensor(port, kernels[port.get_any_name()])
            self._idle.put(request)

    @classmethod
    def of(
        cls,
        core: Any,
        graph: Graph,
        streams: int,
        precision: Precision = "f32",
        mapped: Mapping[str, Any] = MappingProxyType({}),
    ) -> CompiledPass:
        """`graph`, not to be used afterwards, compiled by `core`; kernels are taken from `mapped`.

        Where it does not have them, they are taken from the graph.
        """
        from gradcam_cli.engines.openvino.feeding import feed

        nodes = feed(graph.model)
        compiling.set()
        network = core.compile_model(graph.model, "CPU", _settings(streams, precision))
        kernels = {
            name: mapped.get(_constant_of(name), node.tensor_view) for name, node in nodes.items()
        }
        return cls(network, graph.inputs, kernels, nodes, streams)

    @classmethod
    def imported(cls, core: Any, file: Path, weights: Path, rules: Rules) -> CompiledPass:
        """Gradients by `rules` for one row at a time, from a file of what `exported` gave.

        Raises
        ------
        OSError, RuntimeError, ValueError, TypeError, KeyError
            Where it cannot be read, or is of another build of OpenVINO.
        """
        network, arrays = unpacked(file, weights)
        compiling.set()
        settings = {**_settings(streams=1), **_WEIGHTLESS, "WEIGHTS_PATH": str(weights)}
        compiled = core.import_model(_shared(network), "CPU", settings)
        tensors = {name: _shared(array) for name, array in arrays.items()}
        inputs = gradient_inputs(rules)
        names = [port.get_any_name() for port in compiled.inputs]
        kernels = {name: tensors[_constant_of(name)] for name in names if _constant_of(name)}
        if len(names) != len(inputs) + len(kernels):
            raise ValueError(f"expected the inputs {inputs} and kernels, got {names}")
        return cls(compiled, inputs, kernels, (network, arrays))

    @property
    def kernels(self) -> dict[str, Any]:
        """The tensors that it is given, by the names of the constants that they are."""
        return {_constant_of(name): kernel for name, kernel in self._kernels.items()}

    @contextmanager
    def _request(self) -> Iterator[Any]:
        request = self._idle.get()
        try:
            yield request
        finally:
            self._idle.put(request)

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> list[NDArray[np.float32]]:
        """The outputs of the graph, in its order, for an array for each of `self.inputs`.

        Raises
        ------
        ModelError
            Where OpenVINO fails, as it does without memory.
        """
        arrays = {number: inputs[name] for number, name in enumerate(self.inputs)}
        try:
            with self._request() as request:
                results = request.infer(arrays, share_inputs=True)
        except RuntimeError as error:
            raise inference_error(error) from error
        return [results[number] for number in range(self._outputs)]

    def noise(self) -> dict[str, NDArray[Any]]:
        """Inputs to try it with, seeded: the same in each row's last but for their number."""
        random = np.random.default_rng(0)
        shapes = self.shapes
        fixed = {
            name: np.array(value, np.float32)
            for parameters in RULE_PARAMETERS.values()
            for name, value in parameters.items()
            if name in shapes
        }
        if WEIGHTS in shapes:
            weights, top = score_weights([Target(0)] * shapes[WEIGHTS][0], shapes[WEIGHTS][1])
            fixed |= {WEIGHTS: weights, TOP: top, PROBABILITY: np.array(False)}
        return fixed | {
            name: random.uniform(-1, 1, shape).astype(np.float32)
            for name, shape in shapes.items()
            if name not in fixed
        }

    def agrees_with(self, single_row: CompiledPass, tolerance: float) -> bool:
        """True where the last row of noise gives, in each stream, what it gives `single_row`."""
        from concurrent.futures import ThreadPoolExecutor

        inputs = self.noise()
        last_row = single_row.run(
            {name: array[-1:] if array.ndim else array for name, array in inputs.items()}
        )
        with ThreadPoolExecutor(self._streams) as pool:
            batches = list(pool.map(self.run, [inputs] * self._streams))
        return all(agree([each[-1:] for each in batch], last_row, tolerance) for batch in batches)


def agree(
    results: list[NDArray[np.float32]], expected: list[NDArray[np.float32]], tolerance: float
) -> bool:
    """True where no output differs by more than `tolerance` of its largest value."""
    pairs = zip(results, expected, strict=True)
    return all(relative_difference(*pair) <= tolerance for pair in pairs)


def exported(core: Any, graph: Graph, path: Path) -> bytes:
    """What `CompiledPass.imported` takes for `graph`, of one row and not to be used afterwards.

    Its weights stay in the file beside `path`, the .xml file that it is from, unless compiling
    makes others of them.

    Raises
    ------
    OSError, RuntimeError, ValueError, KeyError
        Where that cannot be.
    """
    from gradcam_cli.engines.openvino.feeding import feed

    nodes = feed(graph.model)
    network = core.compile_model(graph.model, "CPU", {**_settings(streams=1), **_WEIGHTLESS})
    with BytesIO() as stream:
        network.export_model(stream)
        constants = {_constant_of(name): node.tensor_view.data for name, node in nodes.items()}
        return packed(stream.getvalue(), places_of(constants, path))


def inference_error(error: RuntimeError) -> ModelError:
    """The ModelError for what OpenVINO raised."""
    reason = str(error).strip().splitlines()[-1].strip().rstrip(".")
    return ModelError(
        f"OpenVINO could not run the model: {reason}",
        "Free some memory, or pass --engine tensorflow if it is a Keras model.",
    )


def _settings(streams: int, precision: Precision = "f32") -> dict[str, Any]:
    return {
        "INFERENCE_PRECISION_HINT": precision,
        "ENABLE_CPU_PINNING": False,  # two processes would be pinned to the same cores
        "NUM_STREAMS": streams,
    }


def _shared(array: NDArray[Any]) -> Any:
    return openvino.Tensor(array, shared_memory=True)


def _constant_of(name: str) -> str:
    """The constant that is given to the input `name`; see `feeding.feed`."""
    return name.partition(" ")[2]
