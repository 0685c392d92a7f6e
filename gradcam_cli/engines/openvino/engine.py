"""The compiled engine: OpenVINO, from a converted forward pass in a file.

The file has the forward pass alone, with an output for every layer that can be explained. Each
pass that is needed is a graph cut from it, with the backward pass built on where there is one.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.engines import refusals
from gradcam_cli.engines.openvino.compiled import CompiledPass, exported, inference_error
from gradcam_cli.engines.openvino.graph_inputs import ACTIVATIONS, IMAGE, PROBABILITY, TOP, WEIGHTS
from gradcam_cli.engines.openvino.prepared import Prepared
from gradcam_cli.engines.openvino.runtime import core
from gradcam_cli.engines.openvino.several_rows import SeveralRows
from gradcam_cli.errors import ModelError, UsageError
from gradcam_cli.passes import (
    ATTENTION,
    BIASES,
    BLOCK_ATTENTION,
    FORWARD,
    INPUT,
    NO_PARAMETERS,
    Captured,
    Curvature,
    Gradients,
    Pass,
    Precision,
    Rules,
    TokenGrid,
)
from gradcam_cli.storage.files import file_identity
from gradcam_cli.targets import Head, Score, Target, score_weights

if TYPE_CHECKING:
    from gradcam_cli.engines.openvino.graphs import Graph

Array = NDArray[np.float32]

_MOST_STREAMS = 4
"""How many batches run side by side at most, for each needs memory of its own."""
_FORWARD_ROWS = 4
"""Without gradients 2 to 8 rows of a small model take the same time each; 4 make fewer calls."""


class OpenVINOEngine:
    """Runs a converted model.

    Parameters
    ----------
    graph : Path, or openvino.Model
        The .xml file that `conversion.convert` made, its .bin beside it; read once, when something
        has to be compiled. Or what was read.
    model_name : str, optional
        The model's name, for errors; by default the network's own.
    head : "softmax" or "sigmoid"
        What makes probabilities of the scores.
    precision : "f32" or "bf16"
        What it computes in.
    reference : str
        What its gradients were checked against.
    prepared : Prepared
        What was exported and measured before.

    Threads may share it. One row runs on all cores at once; of batches of several, `parallel` run
    side by side, each on its part of the cores, with no core waiting for another. A pass is
    compiled when it is first run, for each number of rows.
    """

    name = "openvino"
    parallel = min(_MOST_STREAMS, os.cpu_count() or 1)

    def __init__(
        self,
        graph: Path | Any,
        *,
        model_name: str | None = None,
        head: Head = "softmax",
        precision: Precision = "f32",
        reference: str = "",
        prepared: Prepared | None = None,
    ) -> None:
        self.reference = reference
        self.precision = precision
        self._head = head
        prepared = prepared or Prepared()
        self._exports = prepared.exports
        self._preparing = RLock()
        self._core = core()
        self._graph = graph
        self._identity = file_identity(graph) if isinstance(graph, Path) else ()
        self._name = model_name
        self._mapped: dict[str, Any] = {}  # kernels, each in one place of memory
        self._single_row: dict[Pass, CompiledPass] = {}
        self._served: frozenset[Pass] | None = None
        self._several_rows = SeveralRows(
            partial(self._compile, streams=self.parallel),
            self._compiled_pass,
            self.parallel,
            precision,
            prepared.rows,
            prepared.keep_rows,
        )

    @cached_property
    def _forward(self) -> Any:
        """The forward pass. What was exported opens without it, in half the time."""
        if not isinstance(self._graph, Path):
            return self._graph
        forward = self._core.read_model(self._graph)
        if file_identity(self._graph) != self._identity:
            what = f"{self._graph} was replaced by another process while it was in use"
            raise ModelError(what, "Run it again.")
        return forward

    @property
    def _model(self) -> str:
        return self._name or str(self._forward.get_friendly_name())

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(H, W, C) of its input."""
        height, width, channels = list(self._forward.get_parameters()[0].partial_shape)[1:]
        return height.get_length(), width.get_length(), channels.get_length()

    @cached_property
    def layers(self) -> dict[str, tuple[int, int, int]]:
        """See `Engine.layers`."""
        from gradcam_cli.engines.openvino.graphs import layer_shapes

        return layer_shapes(self._forward)

    @property
    def rows(self) -> int:
        """See `Engine.rows`; measured at the first pass of gradients, where that is not known."""
        what = self._gradients_pass()
        return _FORWARD_ROWS if what is None else self._several_rows.best(what)

    @property
    def forward_rows(self) -> int:
        """See `Engine.forward_rows`."""
        return max(_FORWARD_ROWS, self._usual_rows() or 1)

    def _usual_rows(self) -> int | None:
        """`rows`, where that is known."""
        what = self._gradients_pass()
        return None if what is None else self._several_rows.measured.get(what)

    def _gradients_pass(self) -> Pass | None:
        """The first pass of gradients."""
        return next((what for what in list(self._single_row) if what.kind == "gradients"), None)

    def forward(self, batch: Array) -> Array:
        """See `Engine.forward`."""
        (scores,) = self._run(FORWARD, {IMAGE: batch})
        return scores

    def capture(self, batch: Array, at: Sequence[str]) -> Captured:
        """See `Engine.capture`."""
        what = Pass("capture", tuple(dict.fromkeys(at)))
        *activations, scores = self._run(what, {IMAGE: batch})
        tokens = self._tokens(what)
        return Captured(dict(zip(what.at, activations, strict=True)), scores, tokens=tokens)

    def gradients(
        self,
        batch: Array,
        targets: Sequence[Target],
        at: Sequence[str],
        *,
        score: Score = "logit",
        rules: Rules = "standard",
        parameters: Mapping[str, float] = NO_PARAMETERS,
    ) -> Gradients:
        """See `Engine.gradients`."""
        what = Pass("gradients", tuple(dict.fromkeys(at)), rules)
        numbers = refusals.rule_parameters(rules, parameters)
        inputs = {IMAGE: batch, **self._target(what, targets, score), **numbers}
        *arrays, scores = self._run(what, inputs)
        outputs = iter(arrays)
        places = [name for name in what.at if name != BIASES]
        return Gradients(
            {name: batch if name == INPUT else next(outputs) for name in places},
            scores,
            {name: next(outputs) for name in places},
            tokens=self._tokens(what),
            biases=tuple(outputs),
        )

    def _tokens(self, what: Pass) -> TokenGrid | None:
        """What the tokens are, where `what` is of attention."""
        if not {ATTENTION, BLOCK_ATTENTION}.intersection(what.at):
            return None
        from gradcam_cli.engines.openvino.attention import tokens_of

        return tokens_of(self._forward)

    def tail(self, activations: Array, layer: str, batch: Array) -> Array:
        """See `Engine.tail`."""
        what = Pass("tail", (layer,))
        (scores,) = self._run(what, self._tail_inputs(what, activations, batch))
        return scores

    def tail_gradients(
        self,
        activations: Array,
        layer: str,
        batch: Array,
        targets: Sequence[Target],
        *,
        score: Score = "logit",
    ) -> Gradients:
        """See `Engine.tail_gradients`."""
        what = Pass("tail_gradients", (layer,))
        inputs = self._tail_inputs(what, activations, batch) | self._target(what, targets, score)
        gradients, scores = self._run(what, inputs)
        return Gradients({layer: activations}, scores, {layer: gradients})

    def tail_curvature(
        self,
        activations: Array,
        layer: str,
        batch: Array,
        targets: Sequence[Target],
        *,
        score: Score = "logit",
    ) -> Curvature:
        """See `Engine.tail_curvature`."""
        what = Pass("tail_curvature", (layer,))
        inputs = self._tail_inputs(what, activations, batch) | self._target(what, targets, score)
        gradients, products, scores = self._run(what, inputs)
        return Curvature({layer: activations}, scores, {layer: gradients}, {layer: products})

    def _tail_inputs(self, what: Pass, activations: Array, batch: Array) -> dict[str, NDArray[Any]]:
        """What a tail reads: the batch only where it reaches the scores past it."""
        inputs: dict[str, NDArray[Any]] = {ACTIVATIONS: activations}
        if IMAGE in self._compiled_pass(what).inputs:
            refusals.check_rows(len(activations), len(batch))
            inputs[IMAGE] = np.broadcast_to(batch, (len(activations), *batch.shape[1:]))
        return inputs

    def _target(
        self, what: Pass, targets: Sequence[Target], score: Score
    ) -> dict[str, NDArray[Any]]:
        """What is differentiated, as the graph of `what` takes it."""
        _, classes = self._compiled_pass(what).shapes[WEIGHTS]
        weights, top = score_weights(targets, classes)
        return {WEIGHTS: weights, TOP: top, PROBABILITY: np.array(score == "probability")}

    @property
    def kernels(self) -> list[str]:
        """The names of the operations with kernels, those nearest to the scores first."""
        from gradcam_cli.engines.openvino.randomization import kernels

        return [node.get_friendly_name() for node in kernels(self._forward)]

    def with_shuffled_kernels(self, count: int, seed: int = 0) -> OpenVINOEngine:
        """The same with the kernels of the first `count` of `kernels` shuffled."""
        from gradcam_cli.engines.openvino.randomization import shuffle_kernels

        graph = self._forward.clone()
        shuffle_kernels(graph, count, seed)
        return OpenVINOEngine(
            graph,
            model_name=self._model,
            head=self._head,
            precision=self.precision,
            prepared=Prepared(rows=self._several_rows.measured),
        )

    def check(self, what: Pass) -> None:
        """Raise UsageError where the model has no such place, or no ReLU for guided gradients."""
        from gradcam_cli.engines.openvino.graphs import check_pass

        check_pass(self._forward, what, self._model)

    def prepare(self, what: Pass) -> None:
        """Compile `what` for one row.

        Raises
        ------
        UsageError
            See `check`.
        NotDifferentiableError
            Where an operation between a place and the scores has no rule.
        RuntimeError
            Where OpenVINO cannot compile it.
        """
        with self._preparing:
            if what not in self._single_row:
                self._check_served(what)
                self._single_row[what] = self._imported(what) or self._compile(what, 1, streams=1)

    @property
    def packed_bytes(self) -> int:
        """How many bytes of weights OpenVINO may make others of when it compiles."""
        from gradcam_cli.engines.openvino.vjp.products import is_fed

        constants = [op for op in self._forward.get_ops() if op.get_type_name() == "Constant"]
        return sum(constant.get_byte_size() for constant in constants if not is_fed(constant))

    def export(self, what: Pass) -> bytes:
        """What a process needs to run `what` on one row without compiling it.

        Raises
        ------
        NotDifferentiableError
            See `prepare`.
        OSError, RuntimeError, ValueError, KeyError
            Where it cannot be exported.
        """
        return exported(self._core, self._graph_of(what, 1), self._graph)

    def rehearse(self, what: Pass) -> None:
        """Run `what` once, on one row of noise."""
        single_row = self._compiled_pass(what)
        single_row.run(single_row.noise())

    def serve_only(self, passes: Collection[Pass]) -> None:
        """From now on refuse all gradients but those of `passes`, which were checked.

        Scores, activations and tails are served at every layer: they are parts of the forward pass
        that was checked with any of `passes`. What else was compiled, to check them, is dropped.
        """
        self._served = frozenset(passes)
        with self._preparing:
            for what in self._single_row.keys() - self._served:
                del self._single_row[what]

    def _check_served(self, what: Pass) -> None:
        if what.has_gradients and self._served is not None and what not in self._served:
            raise UsageError(
                f"expected gradients that {self._model} was opened and checked for, got {what}",
                "Name them among the `needs` of `open_engine`, or take the engine `tensorflow`.",
            )

    def _compiled_pass(self, what: Pass) -> CompiledPass:
        try:
            self.prepare(what)
        except RuntimeError as error:
            raise inference_error(error) from error
        return self._single_row[what]

    def _imported(self, what: Pass) -> CompiledPass | None:
        """What an earlier process has exported, where that is at hand."""
        file = self._exports.get(what)
        if file is None or what.kind != "gradients":
            return None
        try:
            weights = self._graph.with_suffix(".bin")
            imported = CompiledPass.imported(self._core, file, weights, what.rules)
        except (OSError, RuntimeError, ValueError, TypeError, KeyError):  # of another build
            return None
        self._mapped.update(imported.kernels)
        return imported

    def _compile(self, what: Pass, rows: int, *, streams: int) -> CompiledPass:
        graph = self._graph_of(what, rows)
        return CompiledPass.of(self._core, graph, streams, self.precision, self._mapped)

    def _graph_of(self, what: Pass, rows: int) -> Graph:
        from gradcam_cli.engines.openvino.graphs import graph_of

        self.check(what)
        return graph_of(self._forward.clone(), what, rows, self._head)

    def _run(self, what: Pass, inputs: Mapping[str, NDArray[Any]]) -> list[Array]:
        """The outputs of the graph of `what`, whose first input has the rows that count."""
        single_row = self._compiled_pass(what)
        rows = len(inputs[single_row.inputs[0]])
        if rows == 1:
            return single_row.run(inputs)
        usual = self._usual_rows() if what.has_gradients else self.forward_rows
        return self._several_rows.run(what, inputs, rows, usual)
