"""Layer-wise relevance propagation: rules that hand back the relevance R of y, not its gradient.

Bach et al., 2015 (PLOS ONE 10(7)); the rules of each layer as in Montavon et al., 2019, chapter 10
of "Explainable AI" (LNCS 11700). A rule shares out the relevance R_k of each output among the
inputs x_j that made it, z_k = Σ_j x_j·w_jk, and where paths meet it is added: the walk is that of
gradients, with another table.

In dense layers a bias gets its share, which is lost, as in both papers: it is in z_k, and that is
what keeps R_k / z_k in bounds there. Elsewhere what is constant gets none (captum's
`set_bias_to_zero`, zennit's `zero_params="bias"`): what is added to a value, or multiplies it, lets
relevance pass whole, so that batch normalization need not be merged with its convolution, whose γ
keeps R_k / z_k in bounds. What a unit got whose inputs are all 0 is lost too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcam_cli.engines.openvino.runtime import ops
from gradcam_cli.engines.openvino.vjp.activations import ACTIVATIONS
from gradcam_cli.engines.openvino.vjp.convolutions import CONVOLUTIONS
from gradcam_cli.engines.openvino.vjp.elementwise import ELEMENTWISE
from gradcam_cli.engines.openvino.vjp.moving import MOVING
from gradcam_cli.engines.openvino.vjp.pools import POOLS
from gradcam_cli.engines.openvino.vjp.ports import (
    Node,
    NotDifferentiableError,
    Port,
    Rules,
    Vjp,
    constant_as,
    fixed_array,
    is_computed,
    only_input,
    scaled,
    shape_of,
    times,
    unbroadcast,
    where_not,
)
from gradcam_cli.engines.openvino.vjp.products import PRODUCTS
from gradcam_cli.engines.openvino.vjp.reductions import REDUCTIONS
from gradcam_cli.engines.openvino.vjp.slicing import SLICING

_GATES = frozenset({"HSigmoid", "HardSigmoid", "Sigmoid"})
_LAYERS = frozenset({"Convolution", "GroupConvolution", "MatMul"})


def relevance_rules(epsilon: Port, gamma: Port) -> Rules:
    """The rules of a network of convolutions, dense layers, pools and activations.

    Parameters
    ----------
    epsilon, gamma : openvino.Output
        Scalars, at least 0; see `passes.RULE_PARAMETERS`. With both 0 each layer but the first
        convolution has the rule LRP-0.
    """
    convolution = _first_or(_by_gamma(gamma))
    return {
        **dict.fromkeys(ACTIVATIONS.keys() - {"LogSoftmax", "Softmax"}, _passed),
        **MOVING,
        **SLICING,
        **{kind: ELEMENTWISE[kind] for kind in ("Convert", "ConvertLike", "Identity")},
        **dict.fromkeys(("BatchNormInference", "Divide"), _of_constants),
        **dict.fromkeys(("Add", "Subtract"), _by_size),
        "Multiply": _gated,
        "AdaptiveMaxPool": POOLS["AdaptiveMaxPool"],
        "AvgPool": _by_share(POOLS["AvgPool"]),
        "MaxPool": POOLS["MaxPool"],
        "ReduceMax": REDUCTIONS["ReduceMax"],
        "ReduceMean": _by_share(REDUCTIONS["ReduceMean"]),
        "ReduceSum": _by_share(REDUCTIONS["ReduceSum"]),
        "Convolution": convolution,
        "GroupConvolution": convolution,
        "MatMul": _by_share(PRODUCTS["MatMul"], epsilon),
    }


def _passed(node: Node, relevance: Port, number: int) -> Port:
    """An activation's output is its input's doing alone."""
    only_input(node, number)
    return relevance


def _computed(node: Node) -> list[int]:
    """The numbers of the inputs that are not constant."""
    return [i for i in range(len(node.inputs())) if is_computed(node.input_value(i))]


def _of_constants(node: Node, relevance: Port, number: int) -> Port:
    """All to the one input that is not constant."""
    if _computed(node) != [number]:
        raise NotDifferentiableError(f"no rule of relevance for {_several(node)}")
    return unbroadcast(relevance, shape_of(node.input_value(number)))


def _several(node: Node) -> str:
    return f"the operation {node.get_type_name()} of several computed inputs"


def _gated(node: Node, relevance: Port, number: int) -> Port:
    """All to what is multiplied, none to the gate that multiplies it, a sigmoid.

    Arras et al., 2017, arXiv 1706.07206, section 3: "signal-take-all".
    """
    computed = _computed(node)
    gates = [i for i in computed if node.input_value(i).get_node().get_type_name() in _GATES]
    if len(computed) == 2 and len(gates) == 1:
        shape = shape_of(node.input_value(number))
        signal = relevance if number not in gates else scaled(relevance, 0)
        return unbroadcast(signal, shape)
    return _of_constants(node, relevance, number)


def _by_size(node: Node, relevance: Port, number: int) -> Port:
    """Of a sum x_1 + x_2, where residual branches meet, R·|x_i| / (|x_1| + |x_2|).

    Otsuki et al., 2024, arXiv 2407.09115: "ratio-based splitting".
    """
    if _computed(node) != [0, 1]:
        return _of_constants(node, relevance, number)
    sizes = [ops.abs(node.input_value(i)) for i in (0, 1)]
    share = times(divided(relevance, ops.add(*sizes).output(0)), sizes[number])
    return unbroadcast(share, shape_of(node.input_value(number)))


def divided(relevance: Port, sizes: Port) -> Port:
    """R / `sizes`, which are not negative, and 0 where they are."""
    zero = ops.equal(sizes, constant_as(sizes, 0))
    share = ops.divide(relevance, ops.select(zero, constant_as(sizes, 1), sizes))
    return where_not(zero, share.output(0))


def _by_share(vjp: Any, epsilon: Port | None = None) -> Vjp:
    """LRP-ε: R_j = x_j · Σ_k w_jk · R_k / (z_k + ε·sign(z_k)), of a layer with this VJP.

    z_k is what the layer gives, with its bias. Without ε it is LRP-0.
    """

    def rule(node: Node, relevance: Port, number: int) -> Port:
        if _computed(node) != [number]:
            raise NotDifferentiableError(f"no rule of relevance for {_several(node)}")
        z = _with_bias(node)
        sizes = ops.abs(z).output(0)
        if epsilon is not None:
            sizes = ops.add(sizes, times(root_mean_square(z), epsilon)).output(0)
        signed = times(divided(relevance, sizes), ops.sign(z))
        return times(vjp(node, signed, number), node.input_value(number))

    return rule


def _with_bias(node: Node) -> Port:
    """The output of `node`, with the constant that is added to it, if one is.

    ONNX's Gemm is read as a product, its multiple by ones, and the sum with the bias.
    """
    own = node.output(0)
    for reader in (each.get_node() for each in own.get_target_inputs()):
        is_sum, total = reader.get_type_name() == "Add", reader.output(0)
        if not (is_sum or _is_by_ones(reader)) or len(_computed(reader)) != 1:
            continue
        if shape_of(total) == shape_of(own):
            return total if is_sum else _with_bias(reader)
    return own


def _is_by_ones(node: Node) -> bool:
    if node.get_type_name() != "Multiply" or len(computed := _computed(node)) != 1:
        return False
    return bool(np.all(fixed_array(node.input_value(1 - computed[0])) == 1))


def root_mean_square(port: Port) -> Port:
    """Of each row."""
    axes = ops.constant(np.arange(1, len(shape_of(port))))
    return ops.sqrt(ops.reduce_mean(ops.multiply(port, port), axes, keep_dims=True)).output(0)


def _by_gamma(gamma: Port) -> Vjp:
    """LRP-γ: as LRP-0, with γ more weight for what has the sign of z_k.

    R_j = Σ_k (x_j·w_jk + γ·(x_j·w_jk)^σ) / (z_k + γ·Σ_j (x_j·w_jk)^σ) · R_k, where (·)^σ is the
    positive part for z_k > 0, and the negative part for z_k < 0. Of inputs that are not negative,
    as after a ReLU, and a positive z_k that is Montavon's rule, with w + γ·w⁺ in place of w.

    As (v)^σ = (v + σ·|v|) / 2 with σ the sign of z_k, it is computed by one more convolution, of
    sizes: with ρ = γ / (2 + γ), q_k = Σ_j ρ·|x_j|·|w_jk| and s_k = R_k / (|z_k| + q_k) it is
    R_j = x_j · Σ_k w_jk·σ·s_k + ρ·|x_j| · Σ_k |w_jk|·s_k.
    """
    share_of_sizes = ops.divide(gamma, ops.add(gamma, constant_as(gamma, 2))).output(0)

    def rule(node: Node, relevance: Port, number: int) -> Port:
        only_input(node, number)
        vjp, x, z = CONVOLUTIONS[node.get_type_name()], node.input_value(0), node.output(0)
        size = times(ops.abs(x), share_of_sizes)
        sizes = _with_kernel(node, size, np.abs(fixed_array(node.input_value(1))))
        share = divided(relevance, ops.add(ops.abs(z), sizes).output(0))
        signed = times(vjp(node, times(share, ops.sign(z)), 0), x)
        return ops.add(signed, times(vjp(sizes, share, 0), size)).output(0)

    return rule


def _first_or(rule: Vjp) -> Vjp:
    """LRP-w² for a convolution over the input itself, whose values have no natural zero.

    R_j = Σ_k w_jk² / (Σ_j w_jk²) · R_k.
    """

    def first_or_other(node: Node, relevance: Port, number: int) -> Port:
        x = node.input_value(0)
        if not _is_of_input(x.get_node()):
            return rule(node, relevance, number)
        ones = ops.constant(np.ones(shape_of(x), np.float32))
        squares = _with_kernel(node, ones.output(0), np.square(fixed_array(node.input_value(1))))
        share = divided(relevance, squares.output(0))
        return CONVOLUTIONS[node.get_type_name()](squares, share, number)

    return first_or_other


def _is_of_input(node: Node) -> bool:
    """True where no layer with weights is among what `node` is computed from."""
    if node.get_type_name() in _LAYERS:
        return False
    return all(_is_of_input(each.get_source_output().get_node()) for each in node.inputs())


def _with_kernel(node: Node, x: Port, kernel: Any) -> Node:
    """The same convolution of other inputs."""
    window = node.get_attributes()
    convolution = ops.convolution
    if node.get_type_name() == "GroupConvolution":
        convolution = ops.group_convolution
    sides = [window[key] for key in ("strides", "pads_begin", "pads_end", "dilations")]
    return convolution(x, ops.constant(kernel), *sides)
