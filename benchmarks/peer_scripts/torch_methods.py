"""Methods of pytorch-grad-cam, as its README has them, in one process that waits for its turns.

    python torch_methods.py vgg16|mobilenet WEIGHTS INPUTS.npy

Each line on stdin is the name of a class of pytorch_grad_cam, or "forward", and how many of the
inputs to explain, each answer on stdout the seconds that one took, by the clock and of the cores,
or nan where the class fails.
"""

import sys
import time
from functools import partial

import numpy as np
import pytorch_grad_cam
import torch
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torchvision.models import mobilenet_v2, vgg16

CLASS = 837


def vgg(weights):
    """VGG16 with the weights of torch_weights.py, and where its stages end, the last last."""
    model = vgg16(weights=None, init_weights=False)
    model.load_state_dict(torch.load(weights, mmap=True))
    return model, [model.features[number] for number in (8, 15, 22, 29)]


def mobilenet(weights):
    """MobileNetV2 with kernels from an .npz file, one after the other, and nothing to normalize."""
    model = mobilenet_v2(weights=None)
    kernels = [each for each in model.parameters() if each.ndim > 1]
    with np.load(weights) as arrays, torch.no_grad():
        for kernel, name in zip(kernels, arrays.files, strict=True):
            kernel.copy_(torch.from_numpy(arrays[name]))
        model.classifier[1].bias.zero_()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eps = 0.0
    return model, [model.features[number].conv[1] for number in (4, 7, 14)] + [model.features[18]]


def explain(cam, image):
    """The map of an image for the class; FinerCAM finds the classes that are like it itself."""
    x = torch.from_numpy(image).requires_grad_(True)
    if isinstance(cam, pytorch_grad_cam.FinerCAM):
        return cam(input_tensor=x, target_idx=CLASS)[0]
    return cam(input_tensor=x, targets=[ClassifierOutputTarget(CLASS)])[0]


def forward(model, image):
    """The network and no more."""
    with torch.no_grad():
        model(torch.from_numpy(image))


def seconds(run, images):
    """Those of one of `images`, by the clock and of the cores."""
    clock, cores = time.perf_counter(), time.process_time()
    try:
        for image in images:
            run(image)
    except RuntimeError as error:  # ShapleyCAM fails where the second derivatives are 0
        print(error, file=sys.stderr)
        return float("nan"), float("nan")
    clock, cores = time.perf_counter() - clock, time.process_time() - cores
    return clock / len(images), cores / len(images)


def main(network: str, weights: str, inputs: str) -> None:
    """Serve turns until stdin ends."""
    model, layers = {"vgg16": vgg, "mobilenet": mobilenet}[network](weights)
    model.eval()
    for parameter in model.parameters():  # or all their gradients would be computed too
        parameter.requires_grad_(False)
    every = np.load(inputs).transpose(0, 3, 1, 2)[:, np.newaxis].copy()
    for line in sys.stdin:
        name, count = line.split()
        images = every[: int(count)]
        if name == "forward":
            print(*seconds(partial(forward, model), images), flush=True)
            continue
        of_several = name == "RefineCAM"
        cam = getattr(pytorch_grad_cam, name)(model, layers if of_several else layers[-1:])
        print(*seconds(partial(explain, cam), images), flush=True)
        del cam  # its hooks go


if __name__ == "__main__":
    main(*sys.argv[1:])
