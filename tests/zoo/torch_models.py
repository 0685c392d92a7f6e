"""The table of networks that `make_torch.py` exports, and what is done to the files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import onnx
import torch
from onnx import TensorProto, helper
from torch import nn
from torch_networks import (
    ChannelsLast,
    Cnn,
    ConvNext,
    ConvolutionalHead,
    MobileNet,
    Network,
    Normalized,
    PooledCnn,
    Resampled,
    ResNet,
    Segmenter,
    TwoInputs,
    TwoOutputs,
    WithHead,
)
from torch_transformers import Swin, TorchVit, Vit

Graph = onnx.ModelProto
LABELS = ("cat", "dog", "cow's calf", "fox", "tree frog")


@dataclass(frozen=True)
class Spec:
    """A network and how it is exported.

    Attributes
    ----------
    network : function
        Makes it, with weights yet to be drawn.
    says : str
        What is special about it.
    opset : int
        Of the file.
    new : bool
        By the exporter that stands on `torch.export`, the default since PyTorch 2.9.
    input : tuple of int
        Shape of the example, as the network takes it.
    dynamic : dict
        Names of the axes of the input that stay open.
    head : str
        What the network ends in: logits, softmax, log_softmax, sigmoid.
    names : tuple of str or None
        Of inputs and outputs; None leaves them to the exporter.
    options : tuple
        Further arguments for `torch.onnx.export`.
    change : function or None
        What is done to the graph afterwards.
    tolerance : float
        How far logits may be off, for networks that compute in half precision.
    seed : int
        Added to that of the name.
    labels : tuple of str
        The names of the classes that the file has.
    preprocessing : str
        What the file says of it.
    """

    network: Callable[[], Network]
    says: str
    opset: int = 13
    new: bool = False
    input: tuple[int, ...] = (1, 3, 32, 32)
    dynamic: tuple[tuple[int, str], ...] = ()
    head: str = "logits"
    names: tuple[str, ...] | None = ("image", "logits")
    options: tuple[tuple[str, Any], ...] = ()
    change: Callable[[Graph], Graph] | None = None
    refusal: str = ""
    tolerance: float = 1e-4
    seed: int = 0
    labels: tuple[str, ...] = ()
    preprocessing: str = ""


def half(network: Network) -> Network:
    """`network` with weights that half precision holds, computing in single precision."""
    return network.half().float()


def half_inside(graph: Graph) -> Graph:
    """Weights and computation in half precision, input and output in single precision."""
    from onnxconverter_common.float16 import convert_float_to_float16

    return convert_float_to_float16(graph, keep_io_types=True)


def with_class_names(graph: Graph) -> Graph:
    """The properties that Ultralytics writes into a classifier."""
    names = str(dict(enumerate(LABELS)))
    properties = {
        "description": "a classifier", "author": "gradcam", "stride": "1", "task": "classify",
        "batch": "1", "imgsz": "[32, 32]", "names": names, "channels": "3",
    }  # fmt: skip
    helper.set_model_props(graph, properties)
    return graph


def with_custom_operation(graph: Graph) -> Graph:
    """The first ReLU becomes an operation of somebody's own."""
    node = next(node for node in graph.graph.node if node.op_type == "Relu")
    node.op_type, node.domain = "SharpRelu", "com.example"
    graph.opset_import.append(helper.make_opsetid("com.example", 1))
    return graph


def with_condition(graph: Graph) -> Graph:
    """The scores are negated where their sum is negative, by an `If`."""
    inner = graph.graph
    scores = inner.output[0].name
    for node in inner.node:
        node.output[:] = ["raw" if name == scores else name for name in node.output]
    value = helper.make_tensor_value_info

    def branch(kind: str) -> onnx.GraphProto:
        out = value(f"{kind}_out", TensorProto.FLOAT, None)
        return helper.make_graph(
            [helper.make_node(kind, ["raw"], [f"{kind}_out"])], kind, [], [out]
        )

    zero = helper.make_tensor("zero", TensorProto.FLOAT, [], [0.0])
    inner.initializer.append(zero)
    inner.node.extend(
        [
            helper.make_node("ReduceSum", ["raw"], ["sum"], keepdims=0),
            helper.make_node("Greater", ["sum", "zero"], ["positive"]),
            helper.make_node(
                "If", ["positive"], [scores],
                name="if", then_branch=branch("Identity"), else_branch=branch("Neg"),
            ),
        ]
    )  # fmt: skip
    return graph


def ending_in(head: nn.Module, classes: int = 5) -> Callable[[], Network]:
    return lambda: WithHead(Cnn(classes), head)


BATCH = ((0, "batch"),)
SIDES = ((0, "batch"), (2, "height"), (3, "width"))
HARD = nn.Hardswish, nn.Hardsigmoid()
SILU = nn.SiLU, nn.Sigmoid()
SPECS = {
    "cnn_nchw": Spec(Cnn, "convolutions, max- and average-pooling, a dense layer"),
    "cnn_opset9": Spec(
        Cnn, "operation set 9, BatchNormalization not merged", 9,
        options=(("training", torch.onnx.TrainingMode.PRESERVE),),
    ),
    "external_data": Spec(
        Cnn, "as PyTorch writes it by default: weights in a second file, its own names", 20, True,
        names=None, options=(("external_data", True),),
    ),
    "dynamic_batch": Spec(Cnn, "any number of images", 18, True, (2, 3, 32, 32), BATCH),
    "dynamic_sides": Spec(PooledCnn, "any number, any height, any width", 11, dynamic=SIDES),
    "wide": Spec(lambda: Cnn(4, (96, 160), pool=8), "not square", 10, input=(1, 3, 96, 160)),
    "gray": Spec(lambda: Cnn(colors=1, sides=(28, 28), pool=1), "one colour", 14,
                 input=(1, 1, 28, 28)),
    "half_input": Spec(lambda: half(Cnn()), "all in float16, input and output too", 15,
                       tolerance=2e-2),
    "half_inside": Spec(Cnn, "float16 between a float32 input and output", 17,
                        change=half_inside, tolerance=2e-2, seed=1),
    "softmax": Spec(ending_in(nn.Softmax(1)), "ends in softmax", 11, head="softmax"),
    "log_softmax": Spec(ending_in(nn.LogSoftmax(1)), "ends in log-softmax", 12, head="log_softmax"),
    "multi_label": Spec(ending_in(nn.Sigmoid()), "ends in a sigmoid for each label", 18, True,
                        head="sigmoid", seed=1),
    "one_unit_sigmoid": Spec(ending_in(nn.Sigmoid(), 1), "one unit and a sigmoid", head="sigmoid"),
    "one_unit": Spec(lambda: Cnn(1), "one unit, its raw score"),
    "two_units": Spec(lambda: Cnn(2), "two classes"),
    "convolutional_head": Spec(ConvolutionalHead, "1x1 convolution to classes, then pooling", 12),
    "nhwc": Spec(lambda: ChannelsLast(Cnn()), "channels last, transposed first, as by tf2onnx", 15,
                 input=(1, 32, 32, 3)),
    "two_outputs": Spec(TwoOutputs, "scores and features", 19, True,
                        names=("image", "logits", "features")),
    "two_inputs": Spec(TwoInputs, "an image and a vector", refusal="inputs",
                       names=("image", "vector", "logits")),
    "segmenter": Spec(Segmenter, "a map of each class, no scores", refusal="output"),
    "mobilenet_like": Spec(lambda: MobileNet(*HARD), "hard-swish, squeeze-excite", 14, seed=1),
    "efficientnet_like": Spec(lambda: MobileNet(*SILU), "SiLU, squeeze-excite", 20, True),
    "convnext_like": Spec(ConvNext, "LayerNorm and GELU, in parts", 16),
    "convnext_new": Spec(ConvNext, "LayerNorm and GELU, whole", 21, True, seed=1),
    "vit_like": Spec(Vit, "attention written out, LayerNorm in parts", 14),
    "vit_fused": Spec(lambda: Vit(fused=True), "scaled_dot_product_attention", 21, True),
    "vit_torch": Spec(TorchVit, "torch.nn.TransformerEncoderLayer", 20, True, seed=2),
    "vit_dynamic": Spec(Vit, "any number of images", 17, dynamic=BATCH),
    "deit_like": Spec(lambda: Vit(distilled=True), "a distillation token", 18, True),
    "swin_like": Spec(Swin, "windows, shifts, patch merging; any number of images", 17,
                      dynamic=BATCH),
    "swin_new": Spec(Swin, "windows, shifts, patch merging", 20, True),
    "upsampled_nearest": Spec(lambda: Resampled("nearest"), "nearest-neighbour upsampling", 9),
    "upsampled_bilinear": Spec(lambda: Resampled("bilinear"), "bilinear upsampling", 16, seed=1),
    "transposed": Spec(lambda: Resampled("transposed"), "a transposed convolution"),
    "resnet_like": Spec(ResNet, "3x3 max-pooling with padding, residual blocks; names by default",
                        12, names=None),
    "normalized_inside": Spec(lambda: Normalized(Cnn()), "takes 0..255",
                              preprocessing="none"),
    "class_names": Spec(
        ending_in(nn.Softmax(1)), "names of classes in the file, as by Ultralytics", 17,
        names=("images", "output0"), head="softmax", change=with_class_names,
        labels=LABELS, preprocessing="scale=0..1",
    ),
    "custom_operation": Spec(Cnn, "an operation of another domain", change=with_custom_operation,
                             refusal="operation"),
    "condition": Spec(Cnn, "an If", change=with_condition, refusal="operation"),
}  # fmt: skip
