"""Raw maps by Captum, its channels reduced as gradcam does.

python parity_captum.py FOLDER SAMPLES
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from captum import attr
from captum.attr._utils.lrp_rules import EpsilonRule, GammaRule, PropagationRule
from parity_networks import network, questions

WINDOW, STRIDE = 13, 3


class SquaredWeights(PropagationRule):
    """The w² rule, which Captum does not have: relevance shared out by squared weights alone."""

    def _manipulate_weights(self, module: Any, inputs: Any, outputs: Any) -> None:
        module.weight.data = module.weight.data**2
        device = next(iter(module.activations))
        module.activations[device] = tuple(map(torch.ones_like, module.activations[device]))


def summed(attribution: torch.Tensor) -> np.ndarray:
    """Over channels, of (1, C, H, W)."""
    return attribution.detach()[0].sum(0).numpy()


def largest(attribution: torch.Tensor) -> np.ndarray:
    """The largest size over channels."""
    return attribution.detach()[0].abs().amax(0).numpy()


def relevance(name: str, x: torch.Tensor, index: int, same_rules: bool) -> np.ndarray:
    """LRP by the same rules as gradcam, or by Captum's own choice."""
    model = network(name)
    if same_rules:
        convolutions = [layer for layer in model.features if isinstance(layer, torch.nn.Conv2d)]
        for layer in convolutions[1:]:
            layer.rule = GammaRule(1.0)
        convolutions[0].rule = SquaredWeights()
        for layer in model.head:
            if isinstance(layer, torch.nn.Linear):
                layer.rule = EpsilonRule()
    return summed(attr.LRP(model).attribute(x.clone().requires_grad_(True), target=index))


def shap(model: Any, x: torch.Tensor, index: int, folder: str, samples: int) -> torch.Tensor:
    """GradientShap without its noise over the baselines in the folder, by 10 × samples."""
    baselines = torch.from_numpy(np.load(Path(folder, "pictures.npz"))["baselines"])
    torch.manual_seed(0)
    np.random.seed(0)
    explainer = attr.GradientShap(model)
    parts = [
        explainer.attribute(x, baselines, n_samples=10, stdevs=0.0, target=index)
        for _ in range(samples)
    ]
    return torch.stack(parts).mean(0)


def maps(name: str, x: torch.Tensor, index: int) -> dict[str, np.ndarray]:
    """All maps of one picture but that of chance."""
    model = network(name)
    layer, black, own = model.features[-1], torch.full_like(x, -1), {"target": index}
    path = attr.IntegratedGradients(model)
    middles = {"n_steps": 50, "method": "riemann_middle"}
    guided = attr.GuidedGradCam(model, layer)
    windows = {"sliding_window_shapes": (3, WINDOW, WINDOW), "strides": (3, STRIDE, STRIDE)}
    return {
        "LayerGradCam": summed(attr.LayerGradCam(model, layer).attribute(x, **own)),
        "Saliency": largest(attr.Saliency(model).attribute(x.clone(), **own)),
        "InputXGradient": summed(attr.InputXGradient(model).attribute(x.clone(), **own)),
        "IntegratedGradients": summed(path.attribute(x, black, **own)),
        "IntegratedGradients, riemann_middle": summed(path.attribute(x, black, **middles, **own)),
        "GuidedBackprop": largest(attr.GuidedBackprop(model).attribute(x.clone(), **own)),
        "GuidedGradCam": largest(guided.attribute(x.clone(), **own)),
        "GuidedGradCam, bilinear": largest(
            guided.attribute(x.clone(), interpolate_mode="bilinear", **own)
        ),
        "Occlusion": summed(attr.Occlusion(model).attribute(x, baselines=-1, **windows, **own)),
        "LRP": relevance(name, x, index, same_rules=False),
        "LRP, the same rules": relevance(name, x, index, same_rules=True),
    }


def main(folder: str, samples: str) -> None:
    """Write captum.npz: an array for each network and method, a map a picture."""
    arrays = {}
    for name in ("pooled", "flattened"):
        each = [
            maps(name, x, index)
            | {"GradientShap": summed(shap(network(name), x, index, folder, int(samples)))}
            for x, index in questions(folder)
        ]
        arrays |= {f"{name}/{key}": np.stack([own[key] for own in each]) for key in each[0]}
    np.savez(Path(folder, "captum.npz"), **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
