"""Raw maps by torch-cam.

python parity_torch_cam.py FOLDER SAMPLES
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from parity_networks import network, questions
from torchcam import methods as peer

METHODS = ("GradCAM", "GradCAMpp", "XGradCAM", "LayerCAM", "ScoreCAM", "ISCAM")
STAGES = ["features.1", "features.4", "features.7"]


def raw_map(
    method: str, model: torch.nn.Module, x: torch.Tensor, index: int, **options: Any
) -> Any:
    """The map of one picture, with its sign, as `method` has it before it is scaled."""
    layer = STAGES if method == "RefineCAM" else STAGES[-1]
    with getattr(peer, method)(model, layer, **options) as extractor:
        if method != "RefineCAM":  # whose maps are cut at zero before they are multiplied
            getattr(extractor, "base_cam", extractor)._relu = False
        scores = model(x)
        return extractor(index, scores, normalized=False)[0][0].detach().numpy()


def maps(name: str, x: torch.Tensor, index: int, samples: int) -> dict[str, np.ndarray]:
    """All maps of one picture; the methods of chance by so many samples."""
    model, noise = network(name), 0.15 * float(x.max() - x.min())
    found = {method: raw_map(method, model, x, index) for method in METHODS}
    chance = {"num_samples": samples}
    found["SmoothGradCAMpp"] = raw_map("SmoothGradCAMpp", model, x, index, std=noise, **chance)
    found["SSCAM"] = raw_map("SSCAM", model, x, index, **chance)
    found["ISCAM, one step"] = raw_map("ISCAM", model, x, index, num_samples=1)
    found["RefineCAM"] = raw_map("RefineCAM", model, x, index)
    found["FinerCAM"] = raw_map("FinerCAM", model, x, index, gamma=1)
    one = {"gamma": 1, "num_references": 1}
    found["FinerCAM, one class"] = raw_map("FinerCAM", model, x, index, **one)
    if name == "pooled":
        found["CAM"] = raw_map("CAM", model, x, index, fc_layer="head.0")
    return found


def le_grad(x: torch.Tensor, index: int) -> dict[str, np.ndarray]:
    """LeGrad by the mean of all tokens, its default, and by the class token."""
    model = network("transformer")
    found = {}
    by_class_token = lambda tokens: model.heads(model.encoder.ln(tokens)[:, 0])  # noqa: E731
    for key, projection in (("LeGrad", None), ("LeGrad, class token", by_class_token)):
        blocks = list(model.encoder.layers)
        with peer.LeGrad(model, blocks, score_projection=projection) as extractor:
            scores = model(x)
            found[key] = extractor(index, scores, normalized=False)[0][0].detach().numpy()
    return found


def main(folder: str, samples: str) -> None:
    """Write torch-cam.npz: an array for each network and method, a map a picture."""
    arrays = {}
    asked = questions(folder)
    found = {
        name: [maps(name, x, index, int(samples)) for x, index in asked]
        for name in ("pooled", "flattened")
    }
    found["transformer"] = [le_grad(x, index) for x, index in asked]
    for name, each in found.items():
        arrays |= {f"{name}/{key}": np.stack([own[key] for own in each]) for key in each[0]}
    np.savez(Path(folder, "torch-cam.npz"), **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
