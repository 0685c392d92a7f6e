"""Any Keras model as a network from pictures to scores, of which every layer can be looked at."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from gradcam_cli.errors import GradcamError, ModelError
from gradcam_cli.models.framework import tensorflow
from gradcam_cli.models.keras_head import (
    Activation,
    ancestors,
    before_activation,
    head_tensors,
)
from gradcam_cli.models.keras_inputs import (
    chosen_output,
    input_shape_of,
    is_of_any_size,
    packed_input,
)
from gradcam_cli.models.keras_operations import (
    OperationOutput,
    ends_in_plain_layer,
    in_float32,
    intercepted,
    known_outputs,
    operations_of,
)
from gradcam_cli.models.known_layers import application_preprocessing
from gradcam_cli.passes import INPUT
from gradcam_cli.suggestions import folded
from gradcam_cli.targets import Head
from gradcam_cli.text import printable

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FIRST_OPERATIONS = 6
"""Among which a rescaling is one of pixels."""

_FIRST_CALLS = "#"
"""Stands between the name of an operation and the number of a call that is not its last."""


class KerasNetwork:
    """A Keras model: functional, sequential, nested, subclassed or reloaded; it is left as it is.

    Parameters
    ----------
    model : keras.Model
        Built; (N, H, W, 1 or 3) -> one score or probability for each class.
    output_name : str, optional
        Which of several outputs gives them.
    input_size : (height, width), optional
        Of the pictures, where the model takes any.
    name : str, optional
        What it is called; by default as Keras has it.

    Attributes
    ----------
    name : str
        What it is called.
    input : InputShape
        (height, width, channels).

    Raises
    ------
    ModelError
        Where it takes no pictures, gives no scores, or cannot be called.
    """

    def __init__(
        self,
        model: Any,
        *,
        output_name: str | None = None,
        input_size: tuple[int, int] | None = None,
        name: str = "",
    ) -> None:
        self._tf, _ = tensorflow()
        self._model = model
        self._output_name = output_name
        self.name = printable(name or model.name)
        self.input = input_shape_of(model, self.name, input_size)
        self._operations = operations_of(model)
        self._layers = list(model._flatten_layers())
        known = known_outputs(model, self._operations) if output_name is None else None
        self.scores_are_output = known is not None and ends_in_plain_layer(model)
        """Whether that is known without a trace; then `run` can be differentiated eagerly."""
        if known is not None:
            self.__dict__["outputs"] = known
        if not self.scores_are_output:
            self._traced  # noqa: B018 - what is wrong with the model is said at once

    @classmethod
    def of(cls, model: Any) -> KerasNetwork:
        """`model`, if it is a network already; else the network that the Keras model is."""
        return model if isinstance(model, cls) else cls(model)

    @cached_property
    def outputs(self) -> list[OperationOutput]:
        """What its operations give, in the order of the calls."""
        return self._traced.outputs

    @cached_property
    def layers(self) -> dict[str, Any]:
        """Its operations by path; see `OperationOutput`."""
        return {each.path: self._operations[_path_and_call(each.path)[0]] for each in self.outputs}

    @cached_property
    def shapes(self) -> dict[str, tuple[int | None, ...]]:
        """What each of `layers` gives for one picture."""
        return {each.path: each.shape for each in self.outputs}

    @property
    def any_size(self) -> bool:
        """True where the model leaves the sides of its pictures open."""
        return is_of_any_size(self._model)

    @property
    def parameters(self) -> int:
        """How many weights it has."""
        return int(self._model.count_params())

    def weights(self) -> Iterator[tuple[str, NDArray[Any]]]:
        """The path and the values of each of its weights."""
        for variable in self._model.weights:
            yield variable.path, variable.numpy()

    @property
    def has_attention(self) -> bool:
        """True where layers attend, to tokens most often."""
        return any("Attention" in type(each).__name__ for each in self._operations.values())

    @property
    def preprocessing_hint(self) -> tuple[str, str]:
        """The preprocessing that is left to do, and why; empty where nothing says so.

        A model that rescales takes pixels as they are. One built on a network of
        `keras.applications` takes what that was trained with.
        """
        names = [type(operation).__name__ for operation in self._operations.values()]
        if {"Rescaling", "Normalization"} & set(names[:_FIRST_OPERATIONS]):
            return "none", "the model rescales pixels itself"
        parts = {folded(part) for path in self._operations for part in path.split("/")}
        for family, preprocessing in application_preprocessing().items():
            if folded(family) in parts or folded(self._model.name) == folded(family):
                return preprocessing, f"it is built on {family}"
        return "", ""

    @property
    def activation(self) -> Activation:
        """What makes the model's output of the scores: "softmax", "sigmoid" or "none"."""
        return "none" if self.scores_are_output else self._traced.activation

    @property
    def units(self) -> int:
        """How many numbers the output has for a picture."""
        if self.scores_are_output:
            return int(self._model.outputs[0].shape[-1])
        return self._traced.units

    @property
    def classes(self) -> int:
        """How many scores `run` gives for a picture: `units`, but 2 for a single one."""
        return max(self.units, 2)

    @property
    def head(self) -> Head:
        """What makes probabilities of the scores.

        Without an activation that is a softmax for several units, and a sigmoid for a single one.
        """
        alone = self.activation == "none" and self.units == 1
        return "sigmoid" if alone or self.activation == "sigmoid" else "softmax"

    @property
    def signature(self) -> Any:
        """The TensorSpec of a batch."""
        return self._tf.TensorSpec((None, *self.input), self._tf.float32)

    def run(
        self,
        batch: Any,
        record: Sequence[str] = (),
        replace: Mapping[str, Any] = MappingProxyType({}),
    ) -> tuple[Any, list[Any]]:
        """Call the model at inference, in a trace or eagerly.

        Parameters
        ----------
        batch : (N, H, W, C) float32
        record : sequence of str
            Paths of `layers`, or `INPUT`, whose outputs are wanted.
        replace : mapping of str to (N, h, w, C) float32
            What takes the place of the output of a layer. In a trace whatever is not needed then
            is pruned.

        Returns
        -------
        scores : (N, classes) float32
            Before the last activation. Of a single unit z they are [-z, z]: the second class is
            the unit, the first one is its negative.
        recorded : list of (N, h, w, C) float32
            They lie between batch and scores for a gradient in the same trace, and for a tape
            where `scores_are_output`.
        """
        if self._tf.executing_eagerly() and not self.scores_are_output:
            traced = self._tf.function(
                lambda array: self.run(array, record, replace), autograph=False
            )
            return traced(batch)  # type: ignore[no-any-return]
        calls = _Calls(self._tf, record, replace, {each.path for each in self.outputs})
        scores, _ = self._scores(self._call(batch, calls.paths, calls.on_output))
        return scores, [batch if path == INPUT else calls.recorded(path) for path in record]

    def _call(self, batch: Any, paths: Sequence[str], on_output: Any) -> Any:
        """The output of the model for `batch`, once `on_output` has had those at `paths`."""
        operations = {path: self._operations[path] for path in paths}
        for path, operation in {"": self._model, **self._operations}.items():
            if hasattr(operation.call, "python_function"):
                operations.setdefault(path, operation)
        with in_float32(self._layers), intercepted(operations, on_output):
            outputs = self._model(packed_input(self._model, batch), training=False)
        return chosen_output(self._model, self.name, outputs, self._output_name)

    def _scores(self, output: Any) -> tuple[Any, Activation]:
        activation: Activation = "none"
        if self.scores_are_output:
            scores = output
        else:
            scores, activation = before_activation(output)
        scores = self._tf.cast(scores, self._tf.float32)
        if scores.shape[-1] == 1:
            scores = scores * self._tf.constant([-1.0, 1.0])
        return scores, activation

    @cached_property
    def _traced(self) -> _Traced:
        """What one call of the model shows."""
        seen: list[tuple[str, Any]] = []
        result: dict[str, Any] = {}

        def on_output(path: str, output: Any) -> Any:
            if path and self._tf.is_tensor(output):
                seen.append((path, output))
            return output

        def call(batch: Any) -> Any:
            output = self._call(batch, list(self._operations), on_output)
            scores, activation = self._scores(output)
            result.update(output=output, scores=scores, activation=activation)
            return scores

        try:
            self._tf.function(call, autograph=False).get_concrete_function(self.signature)
        except GradcamError:
            raise
        except Exception as error:
            raise _not_callable(self.name, self.input, error) from error
        outputs = _outputs_seen(seen, self._operations, result["output"], result["scores"])
        units = max(result["output"].shape[1:], default=1)
        return _Traced(outputs, result["activation"], units)


@dataclass(frozen=True)
class _Traced:
    """What a call of a model shows; see the properties of `KerasNetwork`."""

    outputs: list[OperationOutput]
    activation: Activation
    units: int


class _Calls:
    """What is to be recorded and replaced, while the model is called."""

    def __init__(
        self, tf: Any, record: Sequence[str], replacements: Mapping[str, Any], known: set[str]
    ) -> None:
        self._tf = tf
        self._seen: dict[str, list[Any]] = defaultdict(list)
        counts = Counter(_path_and_call(path)[0] for path in known)
        self._replacements = {
            (path, call or counts[path]): array
            for (path, call), array in (
                (_path_and_call(path), array) for path, array in replacements.items()
            )
        }
        places = [place for place in (*record, *replacements) if place != INPUT]
        self.paths = list(dict.fromkeys(_path_and_call(place)[0] for place in places))

    def on_output(self, path: str, output: Any) -> Any:
        """Record `output` in float32, on its way to whatever reads it."""
        if path not in self.paths or not self._tf.is_tensor(output):
            return output
        call = len(self._seen[path]) + 1
        array = self._replacements.get((path, call), output)
        array = self._tf.cast(array, self._tf.float32)
        self._seen[path].append(array)
        return self._tf.cast(array, output.dtype)

    def recorded(self, place: str) -> Any:
        """The output at `place`."""
        path, call = _path_and_call(place)
        return self._seen[path][call - 1]


def _path_and_call(place: str) -> tuple[str, int]:
    """The path of an operation, and the number of its call from 1 on; 0 for the last one."""
    path, mark, call = place.rpartition(_FIRST_CALLS)
    return (path, int(call)) if mark and call.isdecimal() else (place, 0)


def _outputs_seen(
    seen: Sequence[tuple[str, Any]], operations: Mapping[str, Any], output: Any, scores: Any
) -> list[OperationOutput]:
    head, used = head_tensors(output), ancestors(scores)
    totals, calls = Counter(path for path, _ in seen), Counter[str]()
    inside: dict[str, set[str]] = defaultdict(set)
    outputs = []
    for path, tensor in seen:
        calls[path] += 1
        number = "" if calls[path] == totals[path] else f"{_FIRST_CALLS}{calls[path]}"
        outputs.append(
            OperationOutput(
                path + number,
                type(operations[path]).__name__,
                tuple(tensor.shape[1:]) if tensor.shape.rank else (),
                is_copy=tensor.name in inside[path],
                in_head=tensor.name in head,
                is_used=tensor.op.name in used,
            )
        )
        for parent in _parents(path):
            inside[parent].add(tensor.name)
    return outputs


def _parents(path: str) -> list[str]:
    names = path.split("/")
    return ["/".join(names[:end]) for end in range(1, len(names))]


def _not_callable(name: str, shape: Sequence[int], error: Exception) -> ModelError:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    sides = "x".join(map(str, shape))
    return ModelError(
        f"{name} cannot be called on pictures of {sides}: {printable(lines[0])}",
        "Check that Keras runs it: `model(pictures, training=False)`.",
    )
