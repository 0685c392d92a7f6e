"""The input of a model that was read: one batch of pictures, channels last, float32."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from gradcam_cli.engines.openvino.graph_inputs import IMAGE
from gradcam_cli.engines.openvino.graphs import fold
from gradcam_cli.engines.openvino.model_files.axes import (
    BATCH,
    CHANNELS,
    COLUMNS,
    PLANES,
    ROWS,
    Axes,
)
from gradcam_cli.engines.openvino.runtime import openvino, ops
from gradcam_cli.errors import ModelError
from gradcam_cli.models.model import InputShape
from gradcam_cli.text import printable

Layout = Literal["NCHW", "NHWC"]
CHANNELS_LAST = (BATCH, ROWS, COLUMNS, CHANNELS)
DEFAULT_SIDE = 224
_MOST_NUMBERS = 1 << 28
"""In one array, 1 GB in float32: a graph of a few bytes can ask for any size."""
_LOW_PRECISION = ("f16", "bf16", "f64")


@dataclass(frozen=True)
class PictureInput:
    """What a model takes.

    Attributes
    ----------
    shape : InputShape
        For one picture.
    layout : "NCHW" or "NHWC"
        The order of the axes in the file.
    any_size : bool
        True where the file leaves the sides open.
    element : str
        Of what type its elements are in the file: "f32", "u8", ...
    """

    shape: InputShape
    layout: Layout
    any_size: bool
    element: str = "f32"


def normalize_input(model: Any, size: tuple[int, int] | None) -> tuple[PictureInput, Any]:
    """Give `model` an input of (1, H, W, C) float32, all shapes static, and all of it in float32.

    Parameters
    ----------
    model : openvino.Model
        Changed in place.
    size : (height, width), optional
        Of the input, where the model leaves it open.

    Returns
    -------
    input : PictureInput
        What it takes.
    original : openvino.Model
        A copy of it as it was, but for shapes that are static.

    Raises
    ------
    ModelError
        Where it takes something else than one picture.
    """
    parameter = _only_parameter(model)
    sides = _sides(parameter)
    layout = _layout(parameter, sides)
    element = parameter.get_element_type().to_string()
    channels = sides[layout.index(CHANNELS)] or _channels_read(parameter)
    file_size = sides[layout.index(ROWS)], sides[layout.index(COLUMNS)]
    any_size = 0 in file_size
    height, width = _size(file_size, size)
    shape = InputShape(height, width, channels)
    numbers = {BATCH: 1, ROWS: height, COLUMNS: width, CHANNELS: channels}
    _reshape(model, [numbers[str(axis)] for axis in layout], file_size, size)
    _check_sizes(model)
    original = model.clone()
    _to_float32(model)
    _replace_parameter(model, parameter, layout, shape)
    fold(model)
    order: Layout = "NCHW" if layout == PLANES else "NHWC"
    return PictureInput(shape, order, any_size, element), original


def names_of(port: Any) -> str:
    """What an input or output is called in its file."""
    names = sorted(port.get_names())
    return printable(names[0] if names else port.get_node().get_friendly_name())


def _only_parameter(model: Any) -> Any:
    parameters = model.get_parameters()
    read = [parameter for parameter in parameters if parameter.output(0).get_target_inputs()]
    if len(read) == 1:
        for parameter in parameters:
            if parameter is not read[0] and not parameter.output(0).get_target_inputs():
                model.remove_parameter(parameter)
        return read[0]
    if not read:
        raise ModelError("the model has no input", "Pass another model.")
    listing = ", ".join(names_of(parameter.output(0)) for parameter in read)
    raise ModelError(
        f"expected a model with one input, a picture; got {len(read)} inputs: {listing}",
        "Save it again with the others as constants.",
    )


def _sides(parameter: Any) -> list[int]:
    """The sides of the input, 0 for those that are left open."""
    shape = parameter.get_partial_shape()
    if shape.rank.is_dynamic or shape.rank.get_length() != len(PLANES):
        raise ModelError(
            "expected a model that takes pictures, (N, height, width, channels) or "
            f"(N, channels, height, width); got an input {_shape_text(shape)}",
            "Pass a model that takes pictures.",
        )
    return [0 if side.is_dynamic else side.get_length() for side in shape]


def _shape_text(shape: Any) -> str:
    return printable(str(shape).replace("[", "(").replace("]", ")").replace(",", ", "))


def _layout(parameter: Any, sides: list[int]) -> Axes:
    stated = parameter.get_layout().to_string().strip("[]").replace(",", "")
    for layout in (PLANES, CHANNELS_LAST):
        if stated == "".join(layout):
            return layout
    first, last = sides[1] in (1, 3), sides[3] in (1, 3)
    if first != last:
        return PLANES if first else CHANNELS_LAST
    if not first and 0 not in (sides[1], sides[3]):
        raise ModelError(
            f"expected pictures of 1 or 3 channels, got an input {_shape_text(sides)}",
            "Pass a model that takes such pictures.",
        )
    return CHANNELS_LAST if _is_transposed_first(parameter) else PLANES


def _is_transposed_first(parameter: Any) -> bool:
    for node in _first_readers(parameter):
        if node.get_type_name() == "Transpose":
            order = node.input_value(1).get_node()
            return order.get_type_name() == "Constant" and list(order.data) == [0, 3, 1, 2]
    return False


def _channels_read(parameter: Any) -> int:
    """How many channels the first convolution reads."""
    for node in _first_readers(parameter):
        if node.get_type_name() == "Convolution":
            side = node.get_input_partial_shape(1)[1]
            return 3 if side.is_dynamic else int(side.get_length())
    return 3


def _first_readers(parameter: Any) -> Iterator[Any]:
    """The operations after the input, one after another, breadth first."""
    pending, seen = [parameter], {parameter.get_name()}
    while pending:
        node = pending.pop(0)
        for output in node.outputs():
            for reader in sorted(
                (target.get_node() for target in output.get_target_inputs()),
                key=lambda each: str(each.get_name()),
            ):
                if reader.get_name() not in seen:
                    seen.add(reader.get_name())
                    pending.append(reader)
                    yield reader


def _size(file_size: tuple[int, int], size: tuple[int, int] | None) -> tuple[int, int]:
    height, width = (
        own or (DEFAULT_SIDE if size is None else size[i]) for i, own in enumerate(file_size)
    )
    return (height, width) if size is None else size


def _reshape(
    model: Any, shape: list[int], file_size: tuple[int, int], size: tuple[int, int] | None
) -> None:
    try:
        model.reshape(shape)
    except RuntimeError as error:
        raise _wrong_size(shape, file_size, size) from error
    if (size is not None or 0 in file_size) and any(map(_has_several_rows, model.outputs)):
        raise _wrong_size(shape, file_size, size)


def _check_sizes(model: Any) -> None:
    """Refuse a graph with an array, other than its weights, that would fill the memory."""
    for node in model.get_ordered_ops():
        if node.get_type_name() == "Constant":
            continue
        for output in node.outputs():
            shape = output.get_partial_shape()
            if shape.is_static and math.prod(output.get_shape()) > _MOST_NUMBERS:
                raise ModelError(
                    f"the model makes an array of {_sides_text(output.get_shape())}, more than "
                    f"{_MOST_NUMBERS >> 28} GB",
                    "Pass a smaller --input-size if the file leaves it open, or another model.",
                )


def _sides_text(shape: Any) -> str:
    return "x".join(map(str, shape))


def _has_several_rows(output: Any) -> bool:
    """True for a table of several rows: of maps that are too large, a Reshape makes pictures."""
    shape = output.get_partial_shape()
    return bool(shape.is_static and len(shape) == 2 and shape[0].get_length() > 1)


def _wrong_size(
    shape: list[int], file_size: tuple[int, int], size: tuple[int, int] | None
) -> ModelError:
    if size is not None and 0 not in file_size:
        return ModelError(
            f"the model takes pictures of {file_size[0]}x{file_size[1]} only, "
            f"not of {size[0]}x{size[1]}",
            "Drop --input-size.",
        )
    return ModelError(
        f"the model cannot take a picture of {_sides_text(shape)}",
        "Pass the size that it was made for with --input-size HEIGHTxWIDTH.",
    )


def _to_float32(model: Any) -> None:
    """Have constants, inputs and conversions of other precisions in float32, and no identities.

    For a dense layer with weights in 8 bits, OpenVINO would round what it multiplies by them too.
    """
    for node in model.get_ordered_ops():
        kind = node.get_type_name()
        if kind == "Constant" and node.get_element_type().to_string() in _LOW_PRECISION:
            _replace(node, ops.constant(np.asarray(node.data, np.float32)))
        elif kind == "Parameter" and node.get_element_type() != openvino.Type.f32:
            node.set_element_type(openvino.Type.f32)
        elif kind == "Convert" and _has_whole_weights(node):
            _replace(node, ops.constant(node.input_value(0).get_node().data.astype(np.float32)))
        elif kind == "Convert" and node.get_element_type().to_string() in _LOW_PRECISION:
            node.set_destination_type("f32")
    model.validate_nodes_and_infer_types()
    for node in model.get_ordered_ops():
        if _changes_nothing(node):
            source = node.input_value(0)
            source.add_names(node.output(0).get_names())
            for reader in node.output(0).get_target_inputs():
                reader.replace_source_output(source)


def _has_whole_weights(convert: Any) -> bool:
    """True for a conversion to real numbers of constants in 8 bits."""
    source = convert.input_value(0).get_node()
    is_byte = source.get_element_type().to_string() in ("i8", "u8")
    return is_byte and source.get_type_name() == "Constant" and convert.get_element_type().is_real()


def _changes_nothing(node: Any) -> bool:
    """True for an identity, and for a conversion to what its input is already."""
    kind = node.get_type_name()
    if kind == "Convert":
        return bool(node.get_element_type() == node.input_value(0).get_element_type())
    return bool(kind == "Identity")


def _replace(node: Any, replacement: Any) -> None:
    replacement.set_friendly_name(node.get_friendly_name())
    for reader in node.output(0).get_target_inputs():
        reader.replace_source_output(replacement.output(0))


def _replace_parameter(model: Any, parameter: Any, layout: Axes, shape: InputShape) -> None:
    """Have channels last at the input, whatever they are in the file."""
    image = ops.parameter([1, *shape], np.float32, IMAGE)
    source = image.output(0)
    if layout == PLANES:
        source = ops.transpose(image, ops.constant(np.array([0, 3, 1, 2], np.int64))).output(0)
    for reader in parameter.output(0).get_target_inputs():
        reader.replace_source_output(source)
    model.add_parameters([image])
    model.remove_parameter(parameter)
    model.validate_nodes_and_infer_types()
