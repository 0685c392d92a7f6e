"""Small PyTorch transformers for images, as `torch_networks.py` has convolutional networks."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_networks import Network


class Attention(nn.Module):
    """Self-attention, written out or by `scaled_dot_product_attention`, with a bias if given."""

    def __init__(self, c: int, heads: int, fused: bool) -> None:
        super().__init__()
        self.heads, self.fused = heads, fused
        self.qkv, self.out = nn.Linear(c, 3 * c), nn.Linear(c, c)

    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        n, t, c = x.shape
        qkv = self.qkv(x).reshape(n, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)
        if self.fused:
            y = functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        else:
            scores = (q * (c // self.heads) ** -0.5) @ k.transpose(-2, -1)
            y = (scores if bias is None else scores + bias).softmax(-1) @ v
        return self.out(y.transpose(1, 2).reshape(n, t, c))


def perceptron(c: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(c, 2 * c), nn.GELU(), nn.Linear(2 * c, c))


class Block(nn.Module):
    """A transformer's block that normalises first."""

    def __init__(self, c: int, heads: int, fused: bool) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(c), nn.LayerNorm(c)
        self.attention, self.mlp = Attention(c, heads, fused), perceptron(c)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Vit(Network):
    """ViT-like; with `distilled`, DeiT-like: a second token, and the mean of two heads."""

    layout = "NTC"

    def __init__(self, fused: bool = False, distilled: bool = False, classes: int = 6) -> None:
        super().__init__()
        c, self.distilled, self.class_tokens = 24, distilled, 1 + distilled
        self.patches = nn.Conv2d(3, c, 8, 8)
        self.class_token = nn.Parameter(torch.zeros(1, 1, c))
        if distilled:
            self.distillation_token = nn.Parameter(torch.zeros(1, 1, c))
            self.head_distilled = nn.Linear(c, classes)
        self.positions = nn.Parameter(torch.zeros(1, 17 + distilled, c))
        self.blocks = nn.Sequential(*(Block(c, 3, fused) for _ in range(4)))
        self.norm, self.head = nn.LayerNorm(c), nn.Linear(c, classes)
        # At the last block's output no patch's token has a gradient; before its attention, they do.
        self.layers = [self.blocks[2], self.blocks[3].norm1, self.blocks[3]]

    def forward(self, image: Tensor) -> Tensor:
        x = self.patches(image).flatten(2).transpose(1, 2)
        tokens = [self.class_token] + ([self.distillation_token] if self.distilled else [])
        x = torch.cat([token.expand(x.shape[0], -1, -1) for token in tokens] + [x], 1)
        x = self.norm(self.blocks(x + self.positions))
        if self.distilled:
            return (self.head(x[:, 0]) + self.head_distilled(x[:, 1])) / 2
        return self.head(x[:, 0])


class TorchVit(Network):
    """ViT-like on PyTorch's own `TransformerEncoderLayer`, so its own `MultiheadAttention`."""

    layout, class_tokens = "NTC", 1

    def __init__(self, classes: int = 6) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 24, 8, 8)
        self.class_token = nn.Parameter(torch.zeros(1, 1, 24))
        self.positions = nn.Parameter(torch.zeros(1, 17, 24))
        options = {"activation": "gelu", "batch_first": True, "norm_first": True, "dropout": 0.0}
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(24, 3, 48, **options) for _ in range(4)
        )
        self.norm, self.head = nn.LayerNorm(24), nn.Linear(24, classes)
        self.layers = [self.blocks[2], self.blocks[3]]

    def forward(self, image: Tensor) -> Tensor:
        x = self.patches(image).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_token.expand(x.shape[0], -1, -1), x], 1) + self.positions
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)[:, 0])


class SwinBlock(nn.Module):
    """Attention in windows, shifted in every other block, with a bias by relative position."""

    def __init__(self, c: int, side: int, shift: int) -> None:
        super().__init__()
        self.window, self.side, self.shift, self.heads = 4, side, shift, 2
        self.norm1, self.norm2 = nn.LayerNorm(c), nn.LayerNorm(c)
        self.attention, self.mlp = Attention(c, self.heads, fused=False), perceptron(c)
        self.bias_table = nn.Parameter(torch.zeros((2 * self.window - 1) ** 2, self.heads))
        self.register_buffer("index", self._relative_positions())
        self.register_buffer("mask", self._mask() if shift else None)

    def _relative_positions(self) -> Tensor:
        grid = torch.stack(torch.meshgrid(*[torch.arange(self.window)] * 2, indexing="ij"))
        places = grid.flatten(1)
        offsets = places[:, :, None] - places[:, None, :] + self.window - 1
        return offsets[0] * (2 * self.window - 1) + offsets[1]

    def _mask(self) -> Tensor:
        """-100 where two tokens of a shifted window come from opposite sides of the image."""
        regions = torch.zeros(1, self.side, self.side, 1)
        bounds = (0, -self.window), (-self.window, -self.shift), (-self.shift, None)
        for i, rows in enumerate(bounds):
            for j, columns in enumerate(bounds):
                regions[:, slice(*rows), slice(*columns)] = 3 * i + j
        regions = self._windows(regions).squeeze(-1)
        return (regions[:, None, :] != regions[:, :, None]).float()[:, None] * -100

    def _windows(self, x: Tensor) -> Tensor:
        n, h, w, c = x.shape
        k = self.window
        x = x.view(n, h // k, k, w // k, k, c).permute(0, 1, 3, 2, 4, 5)
        return x.reshape(-1, k * k, c)

    def _whole(self, windows: Tensor, n: int) -> Tensor:
        k, count = self.window, self.side // self.window
        x = windows.view(n, count, count, k, k, -1).permute(0, 1, 3, 2, 4, 5)
        return x.reshape(n, self.side, self.side, -1)

    def _bias(self) -> Tensor:
        bias = self.bias_table[self.index.flatten()].view(*self.index.shape, -1)
        bias = bias.permute(2, 0, 1)[None]
        return bias if self.mask is None else bias + self.mask

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(x)
        if self.shift:
            y = torch.roll(y, (-self.shift, -self.shift), (1, 2))
        y = self._whole(self.attention(self._windows(y), self._bias()), x.shape[0])
        if self.shift:
            y = torch.roll(y, (self.shift, self.shift), (1, 2))
        x = x + y
        return x + self.mlp(self.norm2(x))


class PatchMerging(nn.Module):
    """Four neighbours become one token of twice the channels."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.norm, self.reduction = nn.LayerNorm(4 * c), nn.Linear(4 * c, 2 * c, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        quarters = x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]
        return self.reduction(self.norm(torch.cat(quarters, -1)))


class Swin(Network):
    """Swin-like on 32x32: patches of 4, windows of 4, two stages; tokens lie as (N, h, w, C)."""

    layout = "NHWC"

    def __init__(self, classes: int = 6) -> None:
        super().__init__()
        self.patches, self.norm0 = nn.Conv2d(3, 16, 4, 4), nn.LayerNorm(16)
        self.stages = nn.Sequential(
            SwinBlock(16, 8, 0), SwinBlock(16, 8, 2), PatchMerging(16), SwinBlock(32, 4, 0)
        )
        self.norm, self.head = nn.LayerNorm(32), nn.Linear(32, classes)
        self.layers = [self.norm, self.stages[3], self.stages[1]]

    def forward(self, image: Tensor) -> Tensor:
        x = self.stages(self.norm0(self.patches(image).permute(0, 2, 3, 1)))
        return self.head(self.norm(x).mean((1, 2)))
