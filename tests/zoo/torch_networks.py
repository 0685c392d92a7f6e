"""Small PyTorch networks with the parts that image classifiers are built of.

They learn nothing: weights are drawn from a seed, scaled so that activations stay alive and the
classes' scores differ. `make_torch.py` exports them.

Each names in `layers` the modules whose outputs are references, the one to explain at first.
`layout` says how those lie: NCHW, NHWC, or NTC for tokens, of which the first `class_tokens` are no
patch of the image.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Network(nn.Module):
    """An image classifier; see the top of this module."""

    layers: list[nn.Module]
    layout = "NCHW"
    class_tokens = 0


class ConvBlock(nn.Sequential):
    """Convolution, batch normalisation, ReLU."""

    def __init__(self, c: int, d: int, k: int = 3, stride: int = 1, groups: int = 1) -> None:
        super().__init__(
            nn.Conv2d(c, d, k, stride, k // 2, groups=groups, bias=False),
            nn.BatchNorm2d(d),
            nn.ReLU(),
        )


class Cnn(Network):
    """VGG-like: three convolutions, max- and average-pooling, one dense layer on the flat maps."""

    def __init__(
        self, classes: int = 5, sides: tuple[int, int] = (32, 32), colors: int = 3, pool: int = 2
    ) -> None:
        super().__init__()
        height, width = (side // 4 // pool for side in sides)
        self.features = nn.Sequential(
            ConvBlock(colors, 8), nn.MaxPool2d(2),
            ConvBlock(8, 12), nn.AvgPool2d(2),
            ConvBlock(12, 16),
        )  # fmt: skip
        self.pool = nn.MaxPool2d(pool)
        self.classifier = nn.Linear(16 * height * width, classes)
        self.layers = [self.features[4]]

    def forward(self, image: Tensor) -> Tensor:
        return self.classifier(self.pool(self.features(image)).flatten(1))


class PooledCnn(Network):
    """Takes any sides: convolutions, global average pooling, one dense layer."""

    def __init__(self, classes: int = 5, colors: int = 3, activation: type[nn.Module] = nn.ReLU):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(colors, 8, 3, 2, 1), activation(),
            nn.Conv2d(8, 12, 3, 1, 1), activation(), nn.MaxPool2d(2),
            nn.Conv2d(12, 16, 3, 1, 1), activation(),
        )  # fmt: skip
        self.classifier = nn.Linear(16, classes)
        self.layers = [self.features[6], self.features[3]]

    def forward(self, image: Tensor) -> Tensor:
        return self.classifier(self.features(image).mean((2, 3)))


class Around(Network):
    """What is put around another network."""

    def __init__(self, body: Network) -> None:
        super().__init__()
        self.body, self.layers = body, body.layers


class WithHead(Around):
    """A network, and an activation on what it gives."""

    def __init__(self, body: Network, head: nn.Module) -> None:
        super().__init__(body)
        self.head = head

    def forward(self, image: Tensor) -> Tensor:
        return self.head(self.body(image))


class Normalized(Around):
    """A network that takes 0..255 and makes of it what the body was trained on."""

    def __init__(self, body: Network) -> None:
        super().__init__(body)
        mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        self.register_buffer("mean", mean.view(1, 3, 1, 1))
        self.register_buffer("std", std.view(1, 3, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        return self.body((image / 255 - self.mean) / self.std)


class ChannelsLast(Around):
    """A network that takes (N, H, W, C) and transposes first, as tf2onnx writes it."""

    def forward(self, image: Tensor) -> Tensor:
        return self.body(image.permute(0, 3, 1, 2))


class ConvolutionalHead(Network):
    """As SqueezeNet: a 1x1 convolution to the classes, then global average pooling."""

    def __init__(self, classes: int = 5) -> None:
        super().__init__()
        self.features = PooledCnn().features
        self.classifier = nn.Conv2d(16, classes, 1)
        self.layers = [self.features[6], self.classifier]

    def forward(self, image: Tensor) -> Tensor:
        return functional.adaptive_avg_pool2d(self.classifier(self.features(image)), 1).flatten(1)


class TwoOutputs(PooledCnn):
    """Gives the scores and the pooled features."""

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        features = self.features(image).mean((2, 3))
        return self.classifier(features), features


class TwoInputs(PooledCnn):
    """Takes an image and a vector: more than an image classifier is given."""

    def forward(self, image: Tensor, vector: Tensor) -> Tensor:
        return self.classifier(self.features(image).mean((2, 3)) + vector)


class SqueezeExcite(nn.Module):
    """Weighs the channels by what their means say."""

    def __init__(self, c: int, gate: nn.Module) -> None:
        super().__init__()
        self.down, self.up, self.gate = nn.Conv2d(c, c // 4, 1), nn.Conv2d(c // 4, c, 1), gate

    def forward(self, x: Tensor) -> Tensor:
        weights = self.up(functional.relu(self.down(functional.adaptive_avg_pool2d(x, 1))))
        return x * self.gate(weights)


class InvertedResidual(nn.Module):
    """MobileNet's block: widen, depthwise convolution, squeeze-excite, narrow, add."""

    def __init__(self, c: int, d: int, stride: int, parts: tuple[type[nn.Module], nn.Module]):
        super().__init__()
        activation, gate = parts
        wide = 2 * c
        self.body = nn.Sequential(
            nn.Conv2d(c, wide, 1, bias=False), nn.BatchNorm2d(wide), activation(),
            nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False), nn.BatchNorm2d(wide),
            activation(), SqueezeExcite(wide, gate),
            nn.Conv2d(wide, d, 1, bias=False), nn.BatchNorm2d(d),
        )  # fmt: skip
        self.skips = stride == 1 and c == d

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x) if self.skips else self.body(x)


class MobileNet(Network):
    """MobileNetV3-like with hard-swish, or EfficientNet-like with SiLU and a sigmoid gate."""

    def __init__(self, activation: type[nn.Module], gate: nn.Module, classes: int = 6) -> None:
        super().__init__()
        parts = activation, gate
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), activation(),
            InvertedResidual(8, 8, 1, parts), InvertedResidual(8, 12, 2, parts),
            InvertedResidual(12, 12, 1, parts),
            nn.Conv2d(12, 24, 1, bias=False), nn.BatchNorm2d(24), activation(),
        )  # fmt: skip
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(24, classes))
        self.layers = [self.features[8], self.features[5]]

    def forward(self, image: Tensor) -> Tensor:
        return self.classifier(functional.adaptive_avg_pool2d(self.features(image), 1).flatten(1))


class BasicBlock(nn.Module):
    """ResNet's block of two convolutions."""

    def __init__(self, c: int, d: int, stride: int = 1) -> None:
        super().__init__()
        self.first = ConvBlock(c, d, stride=stride)
        self.second = nn.Sequential(nn.Conv2d(d, d, 3, 1, 1, bias=False), nn.BatchNorm2d(d))
        same = stride == 1 and c == d
        self.shortcut = nn.Identity() if same else nn.Conv2d(c, d, 1, stride)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.second(self.first(x)) + self.shortcut(x))


class ResNet(Network):
    """ResNet-like: 7x7 stem, max-pooling 3x3 with stride 2 and padding 1, residual blocks."""

    def __init__(self, classes: int = 6) -> None:
        super().__init__()
        self.stem = nn.Sequential(ConvBlock(3, 8, 7, 2), nn.MaxPool2d(3, 2, 1))
        self.blocks = nn.Sequential(BasicBlock(8, 8), BasicBlock(8, 16, 2))
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(16, classes)
        self.layers = [self.blocks[1], self.blocks[0]]

    def forward(self, image: Tensor) -> Tensor:
        return self.fc(self.avgpool(self.blocks(self.stem(image))).flatten(1))


class LayerNormChannels(nn.LayerNorm):
    """Layer normalisation over the channels of (N, C, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvNextBlock(nn.Module):
    """ConvNeXt's block: 7x7 depthwise, then a perceptron on channels that lie last."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(c, c, 7, padding=3, groups=c)
        self.norm, self.wide, self.narrow = (
            nn.LayerNorm(c),
            nn.Linear(c, 4 * c),
            nn.Linear(4 * c, c),
        )
        self.gamma = nn.Parameter(torch.full((c,), 0.5))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        y = self.gamma * self.narrow(functional.gelu(self.wide(y)))
        return x + y.permute(0, 3, 1, 2)


class ConvNext(Network):
    """ConvNeXt-like, two stages."""

    def __init__(self, classes: int = 6) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 12, 4, 4), LayerNormChannels(12))
        self.stages = nn.Sequential(
            ConvNextBlock(12),
            nn.Sequential(LayerNormChannels(12), nn.Conv2d(12, 20, 2, 2)),
            ConvNextBlock(20),
        )
        self.norm, self.head = nn.LayerNorm(20), nn.Linear(20, classes)
        self.layers = [self.stages[2], self.stages[0]]

    def forward(self, image: Tensor) -> Tensor:
        return self.head(self.norm(self.stages(self.stem(image)).mean((2, 3))))


class Segmenter(PooledCnn):
    """Gives a map of each class and no score: no classifier."""

    def forward(self, image: Tensor) -> Tensor:
        return self.classifier(self.features(image).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Resampled(Network):
    """Enlarges inside, by `interpolate` and by a transposed convolution."""

    def __init__(self, mode: str, classes: int = 5) -> None:
        super().__init__()
        self.mode = mode
        self.features = nn.Sequential(ConvBlock(3, 8, stride=2), ConvBlock(8, 12, stride=2))
        self.transposed = nn.ConvTranspose2d(12, 12, 3, 2, 1, output_padding=1)
        self.last = ConvBlock(12, 12)
        self.classifier = nn.Linear(12, classes)
        self.layers = [self.last]

    def forward(self, image: Tensor) -> Tensor:
        x = self.features(image)
        if self.mode == "transposed":
            x = functional.relu(self.transposed(x))
        else:
            corners = {} if self.mode == "nearest" else {"align_corners": False}
            x = functional.interpolate(x, scale_factor=2.0, mode=self.mode, **corners)
        return self.classifier(self.last(x).mean((2, 3)))


def draw_weights(network: nn.Module, seed: int) -> nn.Module:
    """Fill `network` with seeded weights that keep activations alive, and set it to evaluate."""
    random = torch.Generator().manual_seed(seed)
    for name, parameter in sorted(network.named_parameters()):
        parameter.requires_grad_(False)
        if parameter.ndim > 1 and name.endswith("weight"):
            fan_in = parameter[0].numel()
            parameter.copy_(torch.randn(parameter.shape, generator=random) * (1.8 / fan_in) ** 0.5)
        elif parameter.ndim > 1:  # tokens, positions, tables of biases
            parameter.copy_(torch.randn(parameter.shape, generator=random) * 0.5)
        elif name.endswith("bias"):
            parameter.copy_(torch.randn(parameter.shape, generator=random) * 0.1)
        else:
            parameter.mul_(1 + 0.2 * torch.randn(parameter.shape, generator=random))
    for name, buffer in sorted(network.named_buffers()):
        if name.endswith("running_mean"):
            buffer.copy_(torch.randn(buffer.shape, generator=random) * 0.1)
        if name.endswith("running_var"):
            buffer.copy_(0.6 + 0.6 * torch.rand(buffer.shape, generator=random))
    return network.eval()
