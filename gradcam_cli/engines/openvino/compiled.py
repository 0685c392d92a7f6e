"""A pass, compiled for a fixed number of rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from queue import SimpleQueue
from threading import Event
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.engines.comparison import TOLERANCE, relative_difference
from gradcam_cli.engines.openvino.graphs import PROBABILITY, TOP, WEIGHTS, Graph
from gradcam_cli.engines.openvino.runtime import openvino, ops
from gradcam_cli.engines.openvino.vjp.products import is_fed
from gradcam_cli.errors import ModelError
from gradcam_cli.targets import Target, score_weights

_SETTINGS = {
    "INFERENCE_PRECISION_HINT": "f32",
    "ENABLE_CPU_PINNING": False,  # two processes would be pinned to the same cores
}


compiling = Event()
"""Set once OpenVINO compiles for the first time in this process, which leaves Python to others."""


class CompiledPass:
    """A graph, compiled; as many calls at a time as `streams`.

    Parameters
    ----------
    network : openvino.CompiledModel
        Its inputs are those that `inputs` says, and then `kernels`.
    inputs : tuple of str
        See `Graph.inputs`.
    kernels : list of openvino.Node
        Constants that are read where their file is mapped; kept, for requests only point to them.
    streams : int
        How many calls run side by side.
    """

    def __init__(
        self, network: Any, inputs: tuple[str, ...], kernels: list[Any], streams: int = 1
    ) -> None:
        self.inputs = inputs
        self._network = network
        self._kernels = kernels
        ports = network.inputs
        self._shapes = {name: tuple(port.shape) for name, port in zip(inputs, ports, strict=False)}
        self._outputs = len(network.outputs)
        self._idle: SimpleQueue[Any] = SimpleQueue()
        for _ in range(streams):
            request = network.create_infer_request()
            for port, kernel in zip(ports[len(inputs) :], kernels, strict=True):
                request.set_tensor(port, kernel.tensor_view)
            self._idle.put(request)

    @classmethod
    def of(cls, core: Any, graph: Graph, streams: int) -> CompiledPass:
        """`graph`, not to be used afterwards, compiled by `core`."""
        kernels = _fed_from_file(graph.model)
        compiling.set()
        settings = {**_SETTINGS, "NUM_STREAMS": streams}
        return cls(core.compile_model(graph.model, "CPU", settings), graph.inputs, kernels, streams)

    @classmethod
    def imported(
        cls, core: Any, blob: bytes, inputs: tuple[str, ...], forward: Any
    ) -> CompiledPass:
        """What `exported` gave, for one row at a time, with the kernels of `forward`."""
        compiling.set()
        network = core.import_model(blob, "CPU", {**_SETTINGS, "NUM_STREAMS": 1})
        names = [port.get_any_name() for port in network.inputs[len(inputs) :]]
        constants = {node.get_friendly_name(): node for node in forward.get_ops()}
        kernels = [constants[name.partition(" ")[2]] for name in names]
        return cls(network, inputs, kernels)

    def exported(self) -> bytes:
        """What a process needs to run it without compiling: the graph as OpenVINO has made it."""
        with BytesIO() as stream:
            self._network.export_model(stream)
            return stream.getvalue()

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
        shapes = self._shapes
        if WEIGHTS in shapes:
            weights, top = score_weights([Target(0)] * shapes[WEIGHTS][0], shapes[WEIGHTS][1])
            fixed = {WEIGHTS: weights, TOP: top, PROBABILITY: np.array(False)}
        else:
            fixed = {}
        return fixed | {
            name: random.uniform(-1, 1, shape).astype(np.float32)
            for name, shape in shapes.items()
            if name not in fixed
        }

    def agrees_with(self, single_row: CompiledPass) -> bool:
        """True where the last row of noise gives what it gives `single_row`."""
        inputs = self.noise()
        last_row = single_row.run(
            {name: array[-1:] if array.ndim else array for name, array in inputs.items()}
        )
        return all(
            relative_difference(results[-1:], expected) <= TOLERANCE
            for results, expected in zip(self.run(inputs), last_row, strict=True)
        )


def inference_error(error: RuntimeError) -> ModelError:
    """The ModelError for what OpenVINO raised."""
    reason = str(error).strip().splitlines()[-1].strip().rstrip(".")
    return ModelError(
        f"OpenVINO could not run the model: {reason}",
        "Free some memory, or pass --engine tensorflow if it is a Keras model.",
    )


def _fed_from_file(graph: Any) -> list[Any]:
    """Make inputs of the kernels of the dense head, so that they are read where they are mapped.

    As constants each would be copied at every start, and packed twice: for the forward pass and
    for the backward one. For VGG16 that is 0.4 s and 0.9 GB. One for each reader, with an axis of
    any length: inputs of a known size are allocated and cleared, another 0.2 s.
    """
    kernels = []
    for node in graph.get_ordered_ops():
        if is_fed(node):
            readers = sorted(node.output(0).get_target_inputs(), key=_reader_name)
            for number, reader_input in enumerate(readers):
                parameter = ops.parameter(_open_shape(node, reader_input), np.float32)
                name = f"{number} {node.get_friendly_name()}"  # is exported
                parameter.output(0).get_tensor().set_names({name})
                reader_input.replace_source_output(parameter.output(0))
                graph.add_parameters([parameter])
                kernels.append(node)
    graph.validate_nodes_and_infer_types()
    return kernels


def _reader_name(reader_input: Any) -> str:
    return str(reader_input.get_node().get_name())


def _open_shape(kernel: Any, reader_input: Any) -> Any:
    """The shape of a matrix with any length along the axis that its product sums over."""
    shape = openvino.PartialShape(list(kernel.shape))
    if len(kernel.shape) == 2:
        number = reader_input.get_index()
        flag = reader_input.get_node().get_attributes()[("transpose_a", "transpose_b")[number]]
        shape[number if flag else 1 - number] = openvino.Dimension(-1)
    return shape
