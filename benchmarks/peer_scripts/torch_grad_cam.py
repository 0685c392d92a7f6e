"""Grad-CAM with VGG16 by pytorch-grad-cam, as its README has it.

    python torch_grad_cam.py WEIGHTS OUT IMAGE...

One image is explained for the class sunglasses, several for their top classes.
"""

import sys
from pathlib import Path

import cv2
import numpy as np
import torch
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torchvision.models import vgg16

SUNGLASSES = 837
MEAN = np.array([103.939, 116.779, 123.68], np.float32)


def main(weights: str, out: str, *paths: str) -> None:
    """Explain the images and write their overlays to the folder `out`."""
    model = vgg16(weights=None, init_weights=False).eval()
    model.load_state_dict(torch.load(weights, mmap=True))
    for parameter in model.parameters():  # or all their gradients would be computed too
        parameter.requires_grad_(False)
    with GradCAM(model=model, target_layers=[model.features[29]]) as cam:
        for path in paths:
            image = cv2.imread(path)
            resized = cv2.resize(image, (224, 224), interpolation=cv2.INTER_CUBIC)
            x = torch.from_numpy((resized - MEAN).transpose(2, 0, 1)[np.newaxis])
            targets = [ClassifierOutputTarget(SUNGLASSES)] if len(paths) == 1 else None
            heatmap = cam(input_tensor=x.requires_grad_(True), targets=targets)[0]
            top = cam.outputs.detach().topk(5)
            height, width = image.shape[:2]
            levels = np.uint8(255 * cv2.resize(heatmap, (width, height)))
            colors = cv2.applyColorMap(levels, cv2.COLORMAP_JET)
            blended = cv2.addWeighted(colors, 0.5, image, 0.5, 0)
            cv2.imwrite(f"{out}/{Path(path).stem}.jpg", blended)
            print(path, *top.indices[0].tolist())


if __name__ == "__main__":
    main(*sys.argv[1:])
