"""Raw maps by pytorch-grad-cam.

python parity_torch_grad_cam.py FOLDER SAMPLES
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytorch_grad_cam as peer
import torch
from parity_networks import network, questions
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget, SoftmaxOutputTarget

METHODS = (
    *("GradCAM", "HiResCAM", "GradCAMElementWise", "GradCAMPlusPlus", "XGradCAM", "LayerCAM"),
    *("EigenCAM", "EigenGradCAM", "KPCA_CAM", "ScoreCAM", "AblationCAM", "ShapleyCAM"),
)


class ProbabilityTarget(SoftmaxOutputTarget):
    """The probability of one class."""

    def __init__(self, index: int) -> None:
        """Of the class `index`."""
        self.index = index

    def __call__(self, scores: torch.Tensor) -> torch.Tensor:
        """Of one picture's scores."""
        return torch.softmax(scores, dim=-1)[self.index]


class FixedShares:
    """What Finer-CAM differentiates, the shares of the similar classes being constants."""

    def __init__(self, index: int, similar: list[int]) -> None:
        """The class `index`, and those that it is compared with."""
        self.index, self.similar = index, similar

    def __call__(self, scores: torch.Tensor) -> torch.Tensor:
        """Of one picture's scores."""
        shares = torch.softmax(scores.detach()[self.similar], dim=-1)
        return scores[self.index] - (shares * scores[self.similar]).sum()


def raw_map(cam: Any, run: Callable[[], object]) -> np.ndarray:
    """What `cam` has before it is cut at zero, scaled and upsampled, while `run` runs."""
    kept = []
    compute = cam.get_cam_image

    def recording(*args: Any, **options: Any) -> np.ndarray:
        kept.append(compute(*args, **options))
        return kept[-1]

    with patch.object(cam, "get_cam_image", recording):
        run()
    return kept[-1][0]


def finer(model: torch.nn.Module, layers: list[Any], x: torch.Tensor, index: int) -> dict[str, Any]:
    """Finer-CAM against three classes and against one; and with shares that are constants."""
    cam = peer.FinerCAM(model, layers)
    similar = (model(x)[0] - model(x)[0, index]).abs().argsort()[1:4].tolist()

    def against(**options: Any) -> np.ndarray:
        return raw_map(cam.base_cam, lambda: cam(x, target_idx=index, **options))

    return {
        "FinerCAM": against(),
        "FinerCAM, one class": against(comparison_categories=[1]),
        "FinerCAM, constant shares": raw_map(
            cam.base_cam, lambda: cam(x, [FixedShares(index, similar)])
        ),
    }


def maps(name: str, x: torch.Tensor, index: int) -> dict[str, np.ndarray]:
    """All maps of one picture."""
    model, targets = network(name), [ClassifierOutputTarget(index)]
    layers = [model.features[-1]]
    found = {}
    for method in METHODS:
        cam = getattr(peer, method)(model, layers)
        found[method] = raw_map(cam, lambda cam=cam: cam(x, targets))
    cam = peer.ShapleyCAM(model, layers)
    found["ShapleyCAM, probability"] = raw_map(cam, lambda: cam(x, [ProbabilityTarget(index)]))
    half_pixels = lambda size: torch.nn.Upsample(size, mode="bilinear")  # noqa: E731
    with patch("torch.nn.UpsamplingBilinear2d", half_pixels):
        cam = peer.ScoreCAM(model, layers)
        found["ScoreCAM, half-pixel centres"] = raw_map(cam, lambda: cam(x, targets))
    refine = peer.RefineCAM(model, [model.features[i] for i in (1, 4, 7)])
    found["RefineCAM"] = refine(x, targets)[0]
    found["FullGrad"] = peer.FullGrad(model, [])(x.clone(), targets)[0]
    guided = peer.GuidedBackpropReLUModel(network(name))(x.clone(), index)
    return found | finer(model, layers, x, index) | {"GuidedBackprop": np.abs(guided).max(-1)}


def main(folder: str, _: str) -> None:
    """Write pytorch-grad-cam.npz: an array for each network and method, a map a picture."""
    arrays = {}
    for name in ("pooled", "flattened"):
        each = [maps(name, x, index) for x, index in questions(folder)]
        arrays |= {f"{name}/{key}": np.stack([own[key] for own in each]) for key in each[0]}
    np.savez(Path(folder, "pytorch-grad-cam.npz"), **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
