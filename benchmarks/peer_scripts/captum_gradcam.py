"""Grad-CAM with VGG16 by captum, as its documentation has it.

    python captum_gradcam.py WEIGHTS OUT IMAGE...

One image is explained for the class sunglasses, several for their top classes.
"""

import sys
from pathlib import Path

import cv2
import numpy as np
import torch
from captum.attr import LayerGradCam
from torchvision.models import vgg16

SUNGLASSES = 837
MEAN = np.array([103.939, 116.779, 123.68], np.float32)


def main(weights: str, out: str, *paths: str) -> None:
    """Explain the images and write their overlays to the folder `out`."""
    model = vgg16(weights=None, init_weights=False).eval()
    model.load_state_dict(torch.load(weights, mmap=True))
    for parameter in model.parameters():  # or all their gradients would be computed too
        parameter.requires_grad_(False)
    cam = LayerGradCam(model, model.features[29])
    for path in paths:
        image = cv2.imread(path)
        resized = cv2.resize(image, (224, 224), interpolation=cv2.INTER_CUBIC)
        x = torch.from_numpy((resized - MEAN).transpose(2, 0, 1)[np.newaxis])
        with torch.no_grad():  # `attribute` keeps the scores to itself
            top = model(x).topk(5)
        target = SUNGLASSES if len(paths) == 1 else int(top.indices[0, 0])
        attributions = cam.attribute(x.requires_grad_(True), target, relu_attributions=True)
        heatmap = attributions[0, 0].detach().numpy()
        heatmap = heatmap / (heatmap.max() or 1)
        height, width = image.shape[:2]
        levels = np.uint8(255 * cv2.resize(heatmap, (width, height)))
        colors = cv2.applyColorMap(levels, cv2.COLORMAP_JET)
        blended = cv2.addWeighted(colors, 0.5, image, 0.5, 0)
        cv2.imwrite(f"{out}/{Path(path).stem}.jpg", blended)
        print(path, *top.indices[0].tolist())


if __name__ == "__main__":
    main(*sys.argv[1:])
