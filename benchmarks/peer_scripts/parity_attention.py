"""Maps of transformers, of the papers' formulas written out, by PyTorch's derivatives.

python parity_attention.py FOLDER SAMPLES
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from parity_networks import network, questions
from torch.nn.functional import linear


def attended(block: Any, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """What a block makes of the tokens (1, T, D), and its attention (heads, T, T)."""
    layer = block.self_attention
    tokens, width = x.shape[1:]
    projected = linear(block.ln_1(x), layer.in_proj_weight, layer.in_proj_bias)[0]
    q, k, v = projected.reshape(tokens, 3, layer.num_heads, -1).permute(1, 2, 0, 3)
    attention = torch.softmax(q @ k.transpose(1, 2) / q.shape[-1] ** 0.5, dim=-1)
    x = x + layer.out_proj((attention @ v).transpose(0, 1).reshape(1, tokens, width))
    return x + block.mlp(block.ln_2(x)), attention


def maps(x: torch.Tensor, index: int) -> dict[str, np.ndarray]:
    """All maps of one picture."""
    model = network("transformer")
    tokens = torch.cat([model.class_token, model._process_input(x)], dim=1)
    tokens = tokens + model.encoder.pos_embedding
    matrices, of_blocks = [], []
    for block in model.encoder.layers:
        tokens, attention = attended(block, tokens)
        matrices.append(attention)
        of_blocks.append(model.heads(model.encoder.ln(tokens)[:, 0])[0, index])
    assert torch.allclose(of_blocks[-1], model(x)[0, index], atol=1e-4)
    pairs = list(zip(of_blocks, matrices, strict=True))
    own = [torch.autograd.grad(y, a, retain_graph=True)[0] for y, a in pairs]
    gradients = torch.autograd.grad(of_blocks[-1], matrices)
    one = torch.eye(len(matrices[0][0]))
    rollout = relevance = attribution = one
    pixels, linear = attn_lrp(x, index)
    for a, g, shares in zip(matrices, gradients, linear, strict=True):
        attribution = attribution + (g * a * shares).clamp(min=0).mean(0) @ attribution
        rollout = (a.mean(0) + one) / 2 @ rollout
        relevance = relevance + (g * a).clamp(min=0).mean(0) @ relevance
    rows = {
        "attention-rollout": rollout[0],
        "generic-attention": relevance[0],
        "transformer-attribution": attribution[0],
        "le-grad": torch.stack(own).clamp(min=0).mean((0, 1, 2)),
    }
    found = {key: row[1:].reshape(4, 4).detach().numpy() for key, row in rows.items()}
    return {**found, "attn-lrp": pixels}


def halved(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """The product, half of whose derivative is by either factor."""
    half = (a @ b.detach() + a.detach() @ b) / 2
    return half + (a @ b - half).detach()


def normalized(layer: Any, x: torch.Tensor) -> torch.Tensor:
    """The layer norm, whose divisor has no derivative."""
    centred = x - x.mean(-1, keepdim=True)
    deviation = (centred.square().mean(-1, keepdim=True) + layer.eps).sqrt()
    return centred / deviation.detach() * layer.weight + layer.bias


def attributed(block: Any, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The same as `attended`, with the derivatives of AttnLRP."""
    layer = block.self_attention
    tokens, width = x.shape[1:]
    projected = linear(normalized(block.ln_1, x), layer.in_proj_weight, layer.in_proj_bias)[0]
    q, k, v = projected.reshape(tokens, 3, layer.num_heads, -1).permute(1, 2, 0, 3)
    attention = torch.softmax(halved(q, k.transpose(1, 2)) / q.shape[-1] ** 0.5, dim=-1)
    mixed = halved(attention, v).transpose(0, 1).reshape(1, tokens, width)
    x = x + layer.out_proj(mixed)
    inner = block.mlp[0](normalized(block.ln_2, x))
    share = (1 + torch.erf(inner / 2**0.5)) / 2
    return x + block.mlp[3](inner * share.detach()), attention


def attn_lrp(x: torch.Tensor, index: int) -> tuple[np.ndarray, tuple[torch.Tensor, ...]]:
    """The input times its derivative by the rules of Achtibat et al., 2024, and the attention's."""
    model, x = network("transformer"), x.clone().requires_grad_()
    tokens = torch.cat([model.class_token, model._process_input(x)], dim=1)
    tokens = tokens + model.encoder.pos_embedding
    matrices = []
    for block in model.encoder.layers:
        tokens, attention = attributed(block, tokens)
        matrices.append(attention)
    scores = model.heads(normalized(model.encoder.ln, tokens)[:, 0])[0]
    assert torch.allclose(scores, model(x)[0], atol=1e-4)
    gradient, *of_attention = torch.autograd.grad(scores[index], (x, *matrices))
    return (x * gradient).sum(1)[0].detach().numpy(), tuple(of_attention)


def main(folder: str, _: str) -> None:
    """Write PyTorch.npz: an array for each method, a map a picture."""
    each = [maps(x, index) for x, index in questions(folder)]
    arrays = {f"transformer/{key}": np.stack([own[key] for own in each]) for key in each[0]}
    np.savez(Path(folder, "PyTorch.npz"), **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
