"""What picture a Keras model takes, and which of its outputs gives the scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gradcam_cli.errors import ModelError
from gradcam_cli.models.framework import tensorflow
from gradcam_cli.models.model import InputShape
from gradcam_cli.text import printable

_CHANNELS = (1, 3)


def input_shape_of(model: Any, name: str, size: tuple[int, int] | None = None) -> InputShape:
    """The height, width and channels of the pictures that `model` takes.

    Parameters
    ----------
    model : keras.Model
        Built, of one input (N, height, width, channels).
    name : str
        What it is called in errors.
    size : (height, width), optional
        Where the model takes pictures of any size, that of those which it is to get.

    Raises
    ------
    ModelError
        Where it takes no pictures, several inputs, or a size that is not given.
    """
    shape = _only_input(model, name)
    if len(shape) != 4 or shape[3] not in _CHANNELS:
        raise _not_pictures(name, shape)
    height, width = _sides(shape, size, name)
    return InputShape(height, width, shape[3])


def is_of_any_size(model: Any) -> bool:
    """True where `model`, of one input, leaves the sides of its pictures open."""
    (shape,) = _input_shapes(model).values()
    return None in shape[1:]


def packed_input(model: Any, batch: Any) -> Any:
    """`batch` in the structure, such as a list of one, that a functional `model` was made with."""
    _, keras = tensorflow()
    if isinstance(model, keras.Function):
        return keras.tree.pack_sequence_as(model._inputs_struct, [batch])
    return batch


def chosen_output(model: Any, model_name: str, outputs: Any, name: str | None) -> Any:
    """The one of the `outputs` of `model` that is called `name`; the only one for None.

    In errors the model is called `model_name`.

    Raises
    ------
    ModelError
        With the names there are, where there is none of that name, or `name` is None and there
        are several.
    """
    named = _named_outputs(model, outputs)
    if name is None and len(named) == 1:
        return next(iter(named.values()))
    if name is not None and name in named:
        return named[name]
    listing = ", ".join(map(printable, named))
    if name is None:
        raise ModelError(
            f"{model_name} has {len(named)} outputs: {listing}",
            "Pass --output-name with the one that gives the scores of the classes.",
        )
    raise ModelError(f"{model_name} has no output {printable(name)!r}", f"It has: {listing}.")


def _named_outputs(model: Any, outputs: Any) -> dict[str, Any]:
    """The outputs by their keys, else by the names of their layers, else by their numbers."""
    _, keras = tensorflow()
    if isinstance(outputs, Mapping):
        return {str(key): output for key, output in outputs.items()}
    flat = keras.tree.flatten(outputs)
    names = getattr(model, "output_names", None) or []
    if len(set(names)) != len(flat):
        names = [str(number) for number in range(len(flat))]
    return dict(zip(names, flat, strict=True))


def _only_input(model: Any, name: str) -> tuple[int | None, ...]:
    shapes = _input_shapes(model)
    if not shapes:
        raise ModelError(
            f"{name} was saved before it was ever called, and does not say what it takes",
            "Call it on a batch of pictures, then save it again.",
        )
    if len(shapes) > 1:
        raise ModelError(
            f"expected a model of one input, got {name}, which takes {len(shapes)}: "
            f"{', '.join(map(printable, shapes))}",
            "Pass a model that takes a picture and nothing else.",
        )
    return next(iter(shapes.values()))


def _input_shapes(model: Any) -> dict[str, tuple[int | None, ...]]:
    """The shapes of all inputs of `model`, by name."""
    _, keras = tensorflow()
    if getattr(model, "_functional", model) is not None and hasattr(model, "inputs"):
        return {each.name: tuple(each.shape) for each in model.inputs or ()}
    shapes = getattr(model, "_build_shapes_dict", None) or {}
    if not model.built or not shapes:
        return {}
    nested = keras.tree.map_shape_structure(tuple, list(shapes.values()))
    flat = keras.tree.flatten(keras.tree.map_shape_structure(_Shape, nested))
    names = list(shapes) if len(flat) == len(shapes) else [f"input {i}" for i in range(len(flat))]
    return {each: shape.sides for each, shape in zip(names, flat, strict=True)}


class _Shape:
    """A shape that is no structure itself."""

    def __init__(self, sides: tuple[int | None, ...]) -> None:
        self.sides = tuple(sides)


def _sides(
    shape: tuple[int | None, ...], size: tuple[int, int] | None, name: str
) -> tuple[int, int]:
    height, width = shape[1:3]
    if height is None or width is None:
        if size is None:
            raise ModelError(
                f"{name} takes pictures of any size",
                "Pass the size that it was made for with --input-size HEIGHTxWIDTH.",
            )
        height, width = height or size[0], width or size[1]
    if size is not None and size != (height, width):
        raise ModelError(
            f"{name} takes pictures of {height}x{width} only, not of {size[0]}x{size[1]}",
            "Drop --input-size.",
        )
    return height, width


def _not_pictures(name: str, shape: tuple[int | None, ...]) -> ModelError:
    sides = ", ".join("any" if side is None else str(side) for side in shape[1:])
    if len(shape) == 4 and shape[1] in _CHANNELS:
        return ModelError(
            f"{name} takes pictures with the channels first, ({sides}), which TensorFlow runs on "
            "no CPU",
            "Save it with its data_format at channels_last, or as ONNX.",
        )
    return ModelError(
        f"expected a model that takes pictures (height, width, 1 or 3 channels), got {name}, which "
        f"takes ({sides})",
        "Pass another model.",
    )
