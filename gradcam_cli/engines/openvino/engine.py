"""The compiled engine: OpenVINO, from a converted forward pass in a file.

The file has the forward pass alone, with an output for every layer that can be explained. For
the layer that is asked for the rest is cut off, and the backward pass is built onto it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from queue import SimpleQueue
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.engines.openvino.runtime import openvino, ops
from gradcam_cli.engines.openvino.vjp import gradient
from gradcam_cli.errors import ModelError
from gradcam_cli.passes import Gradients, Rules
from gradcam_cli.targets import Score, Target, score_weights

LOGITS = "logits"
TOLERANCE = 1e-4
"""How far apart two ways to compute may be, as a share of the largest value."""

_DENSE_BYTES = 1 << 20
_SETTINGS = {
    "INFERENCE_PRECISION_HINT": "f32",
    "ENABLE_CPU_PINNING": False,  # two processes would be pinned to the same cores
}
_MOST_STREAMS = 4
"""How many batches run side by side at most, for each needs memory of its own."""
_MOST_ROWS = 8
_BYTES_A_ROW = 64 << 20
"""How many bytes of weights one more row is worth: they are read once for all rows of a batch,
while the maps of one row or two stay in a core's own cache."""


def output_name(layer: str) -> str:
    """What the output for `layer` is called in the file; no layer's can be `LOGITS`."""
    return f"layer {layer}"


def agreement(found: Gradients, expected: Gradients) -> tuple[str, float]:
    """The array in which `found` is furthest from `expected`, and how far, or NaN.

    The distance is the largest difference as a share of the largest expected value.
    """
    apart = {"logits": relative_difference(found.scores, expected.scores)}
    for what in ("activations", "gradients"):
        for layer, array in getattr(expected, what).items():
            apart[what] = relative_difference(getattr(found, what)[layer], array)
    worst = max(apart, key=lambda name: (not np.isfinite(apart[name]), apart[name]))
    return worst, apart[worst]


def relative_difference(found: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """The largest difference as a share of the largest expected value; NaN where either has one."""
    largest = float(np.abs(found - expected).max())
    return largest / scale if (scale := float(np.abs(expected).max())) else largest


def _rows(found: Gradients, rows: slice) -> Gradients:
    """Some of the rows."""
    cut = {
        what: {name: array[rows] for name, array in getattr(found, what).items()}
        for what in ("activations", "gradients")
    }
    return Gradients(cut["activations"], found.scores[rows], cut["gradients"])


def joined(parts: Sequence[Gradients]) -> Gradients:
    """The rows of all `parts`, in order."""
    cut = {
        what: {
            name: np.concatenate([getattr(part, what)[name] for part in parts])
            for name in getattr(parts[0], what)
        }
        for what in ("activations", "gradients")
    }
    scores = np.concatenate([part.scores for part in parts])
    return Gradients(cut["activations"], scores, cut["gradients"])


class OpenVINOEngine:
    """Runs a converted model, looking at one of its layers.

    Parameters
    ----------
    graph : Path
        The .xml file that `conversion.convert` made, its .bin beside it.
    layer : str
        One of the layers it was made with.

    Raises
    ------
    NotDifferentiableError
        Where an operation between the layer and the scores has no rule.

    Threads may share it. One row runs on all cores at once; of batches of several, `parallel` run
    side by side, each on its part of the cores, with no core waiting for another.
    """

    name = "openvino"
    parallel = min(_MOST_STREAMS, os.cpu_count() or 1)

    def __init__(self, graph: Path, layer: str) -> None:
        self.layer = layer
        self._preparing = Lock()
        self._core = openvino.Core()
        self._forward = self._core.read_model(graph)  # once: the file may be replaced meanwhile
        self._alone = self._compiled(1, streams=1)
        self._ready: dict[int, _Compiled | None] = {1: self._alone}

    @cached_property
    def rows(self) -> int:
        """See `Engine.rows`."""
        nodes = self._forward.get_ops()
        weights = sum(each.get_byte_size() for each in nodes if each.get_type_name() == "Constant")
        return int(min(_MOST_ROWS, max(2, weights // _BYTES_A_ROW)))

    def gradients(
        self,
        batch: NDArray[np.float32],
        targets: Sequence[Target],
        at: Sequence[str],
        *,
        score: Score = "logit",
        rules: Rules = "standard",
    ) -> Gradients:
        """See `Engine.gradients`. What was compiled last for several rows is kept.

        Plug-ins have other kernels for other shapes, and it is one row that was checked against
        TensorFlow. So several rows must give what one gives, or are run one by one.
        """
        rows = len(batch)
        with self._preparing:
            if rows not in self._ready:  # those for one row stay, of the others the last
                self._ready = {1: self._alone, rows: self._compiled_for_several(rows)}
            ready = self._ready[rows]
        if ready is not None:
            return ready.run(batch, targets, score)
        parts = [self._alone.run(batch[[i]], [targets[i]], score) for i in range(rows)]
        return joined(parts)

    def _compiled(self, rows: int, *, streams: int) -> _Compiled:
        return _Compiled(self._core, self._forward.clone(), self.layer, rows, streams)

    def _compiled_for_several(self, rows: int) -> _Compiled | None:
        """Compiled for `rows`; None where that fails, or gives other than one row alone."""
        try:
            several = self._compiled(rows, streams=self.parallel)
            return several if several.agrees_with(self._alone) else None
        except (RuntimeError, ModelError):  # most likely there is not enough memory for both
            return None


class _Compiled:
    """One layer of a model, for a fixed number of rows; as many calls at a time as `streams`."""

    def __init__(self, core: Any, forward: Any, layer: str, rows: int, streams: int) -> None:
        self._layer = layer
        graph = explaining_graph(forward, layer, rows)
        self._classes = graph.inputs[1].shape[1]
        self._shape = tuple(graph.inputs[0].shape)
        self._kernels = _fed_from_file(graph)  # kept, for requests only point to them
        network = core.compile_model(graph, "CPU", {**_SETTINGS, "NUM_STREAMS": streams})
        self._idle: SimpleQueue[Any] = SimpleQueue()
        for _ in range(streams):
            request = network.create_infer_request()
            for parameter, kernel in self._kernels:
                request.set_tensor(parameter.output(0), kernel.tensor_view)
            self._idle.put(request)

    @contextmanager
    def _request(self) -> Iterator[Any]:
        request = self._idle.get()
        try:
            yield request
        finally:
            self._idle.put(request)

    def run(self, batch: NDArray[np.float32], targets: Sequence[Target], score: Score) -> Gradients:
        weights, top = score_weights(targets, self._classes)
        inputs = {0: batch, 1: weights, 2: top, 3: np.array(score == "probability")}
        try:
            with self._request() as request:
                found = request.infer(inputs, share_inputs=True)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1].strip()
            raise ModelError(
                f"OpenVINO could not run the model: {reason}",
                "Free some memory, or pass --engine tensorflow.",
            ) from error
        activations, gradients, scores = (found[number] for number in range(3))
        return Gradients({self._layer: activations}, scores, {self._layer: gradients})

    def agrees_with(self, alone: _Compiled) -> bool:
        """True where the last row of noise gives what it gives `alone`."""
        random = np.random.default_rng(0)
        batch = random.uniform(-1, 1, self._shape).astype(np.float32)
        targets = [Target(0)] * len(batch)
        found = self.run(batch, targets, "logit")
        expected = alone.run(batch[-1:], targets[-1:], "logit")
        return agreement(_rows(found, slice(-1, None)), expected)[1] <= TOLERANCE


def explaining_graph(forward: Any, layer: str, rows: int) -> Any:
    """The graph from (image, targets, probability) to the four arrays of `Features`.

    Parameters
    ----------
    forward : openvino.Model
        With an output for `layer` and for the logits; not to be used afterwards.
    layer : str
        Where to stop.
    rows : int
        The size of a batch.
    """
    outputs = {each.get_friendly_name(): each.input_value(0) for each in forward.get_results()}
    activations, logits = outputs[output_name(layer)], outputs[LOGITS]
    image = forward.get_parameters()[0]
    pruned = openvino.Model([activations, logits], [image], layer)
    pruned.reshape([rows, *(side.get_length() for side in list(image.partial_shape)[1:])])

    weights = ops.parameter([rows, logits.get_shape()[1]], np.float32, "weights")
    top = ops.parameter([rows], np.float32, "top")
    probability = ops.parameter([], bool, "probability")
    seed = _score_gradient(logits, weights.output(0), top.output(0), probability.output(0))
    inside, order = _before_transpose(activations)
    gradients = gradient(pruned.get_ordered_ops(), logits, seed, inside)
    if order is not None:
        gradients = ops.transpose(gradients, order).output(0)
    return openvino.Model(
        [activations, gradients, logits], [image, weights, top, probability], layer
    )


def _score_gradient(logits: Any, weights: Any, top: Any, probability: Any) -> Any:
    """The gradient of each row's y with respect to the logits z.

    With w the weight of each score, y = Σ_i w_i·z_i has the gradient w. Of the probabilities
    p = softmax(z), y = Σ_i w_i·p_i has p_j · (w_j - y).
    """
    one, axis = ops.constant(np.int64(1)), ops.constant(np.array([1], np.int64))
    best = ops.topk(logits, one, 1, "max", "value", index_element_type="i64").output(1)
    classes = ops.constant(np.int64(logits.get_shape()[1]))
    zero, unit = ops.constant(np.float32(0)), ops.constant(np.float32(1))
    predicted = ops.one_hot(ops.squeeze(best, axis), classes, unit, zero, axis=1)
    weights = ops.add(weights, ops.multiply(ops.unsqueeze(top, axis), predicted))
    shares = ops.softmax(logits, 1)
    y = ops.reduce_sum(ops.multiply(shares, weights), axis, keep_dims=True)
    falling = ops.multiply(shares, ops.subtract(weights, y))
    return ops.select(probability, falling, weights).output(0)


def _before_transpose(port: Any) -> tuple[Any, Any]:
    """The output that a layer's is a transposed view of, with the order of its axes; or itself.

    What reads a layer with channels first reads it before it is turned to channels last, so that
    the gradient arrives there.
    """
    node = port.get_node()
    if node.get_type_name() != "Transpose":
        return port, None
    return node.input_value(0), node.input_value(1)


def _fed_from_file(graph: Any) -> list[tuple[Any, Any]]:
    """Make inputs of the kernels of the dense head, so that they are read where they are mapped.

    As constants each would be copied at every start, and packed twice: for the forward pass and
    for the backward one. For VGG16 that is 0.4 s and 0.9 GB.
    """
    kernels = []
    for node in graph.get_ordered_ops():
        readers = [each.get_node() for each in node.output(0).get_target_inputs()]
        large = node.get_type_name() == "Constant" and node.get_byte_size() >= _DENSE_BYTES
        if large and readers and all(_is_dense(reader) for reader in readers):
            parameter = ops.parameter(node.shape, np.float32, node.get_friendly_name())
            for each in node.output(0).get_target_inputs():
                each.replace_source_output(parameter.output(0))
            graph.add_parameters([parameter])
            kernels.append((parameter, node))
    graph.validate_nodes_and_infer_types()
    return kernels


def _is_dense(node: Any) -> bool:
    return node.get_type_name() == "MatMul" and len(node.get_input_shape(0)) == 2
