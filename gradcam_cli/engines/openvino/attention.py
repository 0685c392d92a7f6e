"""The attention of a vision transformer, as a converted forward pass has it in its file.

Beside the outputs of layers, the file has one for the matrices of each block and one for the tokens
that the block leaves; what the tokens are is said in the graph's information.

    matrices    softmax(q·kᵀ) of each head, (N, heads, T, T), or (N·heads, T, T)
    blocks      the sum that ends the block, of T tokens
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcam_cli.engines.openvino.runtime import openvino, ops
from gradcam_cli.engines.openvino.vjp.ports import Node, Port, constant, reshaped, shape_of
from gradcam_cli.passes import TokenGrid

_MATRICES, _BLOCK = "attention ", "block "
_TOKENS = ["gradcam", "tokens"]


@dataclass(frozen=True)
class Attention:
    """The blocks of a vision transformer, from input to output, at least one.

    Attributes
    ----------
    image : openvino.Node
        The input.
    matrices : tuple of openvino.Output
        The attention of each block.
    blocks : tuple of openvino.Output
        The tokens after each block.
    tokens : TokenGrid
    """

    image: Node
    matrices: tuple[Port, ...]
    blocks: tuple[Port, ...]
    tokens: TokenGrid

    def outputs(self) -> dict[str, Port]:
        """What gets an output in the file, by the name of that."""
        return {
            f"{kind}{number}": port
            for kind, ports in ((_MATRICES, self.matrices), (_BLOCK, self.blocks))
            for number, port in enumerate(ports)
        }

    def describe_in(self, forward: Any) -> None:
        """Say in `forward`, with these outputs, what the tokens are."""
        forward.set_rt_info(" ".join(map(str, self.tokens)), _TOKENS)

    def arrays(self, ports: Sequence[Port]) -> Port:
        """`ports`, one of the shape of each of the matrices, as (N, blocks, heads, T, T)."""
        (rows, *_), sides = self.image.get_output_shape(0), shape_of(self.matrices[0])[-2:]
        return ops.concat([reshaped(port, [rows, 1, -1, *sides]) for port in ports], 1).output(0)

    def scores(self, logits: Port) -> list[Port]:
        """What `logits` are where the tokens of each block are taken for those of the last."""
        *earlier, last = self.blocks
        return [*(self._recomputed(logits, last, block) for block in earlier), logits]

    def multiplied(self, factors: Port, logits: Port) -> Port:
        """`logits` with the matrices multiplied by their parts of `factors`; changes the graph.

        Parameters
        ----------
        factors : openvino.Output
            (N, blocks, heads, T, T).
        logits : openvino.Output
        """
        for matrix, product in zip(self.matrices, self._products(factors), strict=True):
            own = product.get_node().get_name()
            for reader in matrix.get_target_inputs():
                if reader.get_node().get_name() != own:
                    reader.replace_source_output(product)
        return logits

    def multiplied_by_block(self, factors: Port, logits: Port) -> Port:
        """The sum of `scores`, those of each block with only its own matrices multiplied."""
        total, last = None, self.blocks[-1]
        blocks = zip(self.matrices, self._products(factors), self.blocks, strict=True)
        for matrix, product, block in blocks:
            tokens = self._recomputed(block, matrix, product)
            scores = self._recomputed(logits, last, tokens)
            total = scores if total is None else ops.add(total, scores).output(0)
        return total

    def _products(self, factors: Port) -> list[Port]:
        parts = ops.split(factors, constant(1, np.int64), len(self.matrices)).outputs()
        return [
            ops.multiply(matrix, reshaped(part, shape_of(matrix))).output(0)
            for matrix, part in zip(self.matrices, parts, strict=True)
        ]

    def _recomputed(self, end: Port, source: Port, replacement: Port) -> Port:
        """`end`, which depends on `source`, computed of `replacement` in its place, by copies."""
        model = openvino.Model([end], [self.image], "")
        changed = {source.get_node().get_name()}
        copies = model.clone().get_ordered_ops()
        for original, copy in zip(model.get_ordered_ops(), copies, strict=True):
            sources = [port.get_node().get_name() for port in original.input_values()]
            if changed.isdisjoint(sources):
                continue
            changed.add(original.get_name())
            for number, name in enumerate(sources):
                if name == source.get_node().get_name():
                    copy.input(number).replace_source_output(replacement)
                elif name not in changed:
                    copy.input(number).replace_source_output(original.input_value(number))
        return copies[-1].input_value(0)


def tokens_of(forward: Any) -> TokenGrid | None:
    """What the tokens are in the attention of a converted forward pass; None where it has none."""
    if not forward.has_rt_info(_TOKENS):
        return None
    return TokenGrid(*map(int, forward.get_rt_info(_TOKENS).value.split()))


def attention_in(forward: Any) -> Attention | None:
    """That of a converted forward pass; None where it has none."""
    tokens = tokens_of(forward)
    if tokens is None:
        return None
    ports = {each.get_friendly_name(): each.input_value(0) for each in forward.get_results()}
    count = sum(name.startswith(_MATRICES) for name in ports)
    matrices, blocks = (
        tuple(ports[f"{kind}{number}"] for number in range(count)) for kind in (_MATRICES, _BLOCK)
    )
    return Attention(forward.get_parameters()[0], matrices, blocks, tokens)
