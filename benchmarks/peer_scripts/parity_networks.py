"""Small networks with seeded random weights for the comparison of maps, and their ONNX files.

python parity_networks.py FOLDER SAMPLES
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torchvision.models import VisionTransformer

CLASSES = 10
SIDE = 64


class Convolutional(nn.Module):
    """Three convolutions with ReLUs and max-pools between them, and a head."""

    def __init__(self, pooled: bool) -> None:
        """With a pooled dense head, or one of two dense layers on the flattened maps."""
        super().__init__()
        self.features = nn.Sequential(
            *(nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(16, 32, 3, padding=1, bias=False), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(32, 32, 3, padding=1, bias=False), nn.ReLU()),
        )
        side = 1 if pooled else SIDE // 4
        dense = [nn.Linear(32, CLASSES)] if pooled else _two_dense(32 * side * side)
        self.pool = nn.AdaptiveAvgPool2d(side)
        self.head = nn.Sequential(*dense)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores of (N, 3, 64, 64)."""
        return self.head(torch.flatten(self.pool(self.features(x)), 1))


def _two_dense(inputs: int) -> list[nn.Module]:
    return [nn.Linear(inputs, 32), nn.ReLU(), nn.Linear(32, CLASSES)]


def network(name: str) -> nn.Module:
    """The network called "pooled", "flattened" or "transformer", the same each time."""
    torch.manual_seed(sum(name.encode()))
    torch.backends.mha.set_fastpath_enabled(False)  # which has no form in ONNX, and no attention
    if name == "transformer":
        model = VisionTransformer(SIDE, 16, 3, 2, 32, 64, num_classes=CLASSES)
    else:
        model = Convolutional(name == "pooled")
    for parameter in model.parameters():
        if parameter.dim() > 1:
            nn.init.kaiming_normal_(parameter)
        else:
            parameter.data += 0.05 * torch.randn_like(parameter)
    return model.eval()


def questions(folder: str) -> list[tuple[torch.Tensor, int]]:
    """The pictures in `folder`, (1, 3, 64, 64) each, and the class that each is explained for."""
    stored = np.load(Path(folder, "pictures.npz"))
    pictures = torch.from_numpy(stored["pictures"])
    return [(x[None], int(index)) for x, index in zip(pictures, stored["classes"], strict=True)]


def main(folder: str, _: str) -> None:
    """Write a file for each network."""
    for name in ("pooled", "flattened", "transformer"):
        file, x = Path(folder, f"{name}.onnx"), torch.zeros(1, 3, SIDE, SIDE)
        axes = {"image": {0: "N"}, "scores": {0: "N"}}
        torch.onnx.export(
            network(name),
            x,
            str(file),
            input_names=["image"],
            output_names=["scores"],
            dynamic_axes=axes,
            dynamo=False,
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
