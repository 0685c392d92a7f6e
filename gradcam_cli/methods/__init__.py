"""Methods: pure functions from one image's features to its raw heatmap, in a table by name.

A method takes the activations A and the gradients G of one image, both (h, w, C) float32, and
gives a raw heatmap (h, w) float32 of any range, positive where the class score is raised. To add
one: a function, an entry here, a test.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.methods.cam import grad_cam
from gradcam_cli.methods.normalize import normalize

Maps = NDArray[np.float32]
Method = Callable[[Maps, Maps], Maps]

METHODS: dict[str, Method] = {"grad-cam": grad_cam}

__all__ = ["METHODS", "Method", "grad_cam", "normalize"]
