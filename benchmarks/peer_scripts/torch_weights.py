"""The weights of VGG16 in Keras's legacy .h5 layout as torchvision's VGG16 takes them.

python torch_weights.py IN.h5 OUT.pth
"""

import sys

import h5py
import numpy as np
import torch

CONVOLUTIONS = iter([0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28])
DENSE = {"fc1": 0, "fc2": 3, "predictions": 6}
MAPS = (7, 7, 512)


def main(source: str, target: str) -> None:
    """Convert the file."""
    state = {}
    with h5py.File(source) as file:
        for name in map(_text, file.attrs["layer_names"]):
            group = file[name]
            values = [group[_text(each)][()] for each in group.attrs["weight_names"]]
            if not values:
                continue
            kernel, bias = values
            if name == "fc1":  # channels come first there
                kernel = kernel.reshape(*MAPS, -1).transpose(2, 0, 1, 3).reshape(kernel.shape)
            dense = name in DENSE
            layer = f"classifier.{DENSE[name]}" if dense else f"features.{next(CONVOLUTIONS)}"
            order = (1, 0) if dense else (3, 2, 0, 1)
            state[f"{layer}.weight"] = np.ascontiguousarray(kernel.transpose(order))
            state[f"{layer}.bias"] = bias
    torch.save({name: torch.from_numpy(array) for name, array in state.items()}, target)


def _text(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else name


if __name__ == "__main__":
    main(*sys.argv[1:])
