"""What a compiled model depends on besides its weights."""

from __future__ import annotations

import hashlib
import platform
from itertools import chain
from pathlib import Path

from gradcam_cli.models.framework import is_installed
from gradcam_cli.versions import versions


def made_with(*, tensorflow: bool = True) -> dict[str, str]:
    """What a compiled model, and the checks of its passes, depend on besides the weights.

    Parameters
    ----------
    tensorflow : bool
        Whether TensorFlow has a part in it; where it is not installed, it cannot be another.
    """
    dependencies = {**versions("openvino"), "machine": platform.machine()}
    if tensorflow and is_installed():
        dependencies |= versions("tensorflow")
    del dependencies["numpy"]
    return {**dependencies, "code": _code_digest()}


def _code_digest() -> str:
    """A digest of the modules that convert and differentiate, which change between versions too."""
    package = Path(__file__).parent
    names = (
        "attention.py",
        "bundled.py",
        "conversion.py",
        "graphs.py",
        "views.py",
        "compiled.py",
        "engine.py",
        "feeding.py",
        "packing.py",
        "several_rows.py",
        "vgg.py",
        "makers.py",
    )
    packages = [
        sorted(package.joinpath(name).iterdir(), key=lambda module: module.name)
        for name in ("model_files", "vjp")
    ]
    digest = hashlib.sha256()
    for module in chain(map(package.joinpath, names), *packages):
        if module.name.endswith(".py"):
            digest.update(module.read_bytes())
    return digest.hexdigest()[:16]
