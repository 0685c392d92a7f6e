"""The versions an explanation was made with."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version

from gradcam_cli import __version__

_DISTRIBUTIONS = {"openvino": ("openvino",), "tensorflow": ("tensorflow", "keras")}


def versions(engine: str) -> dict[str, str]:
    """The version of gradcam and of each package that `engine` computes with."""
    names = (*_DISTRIBUTIONS.get(engine, ()), "numpy")
    found = {name: installed for name in names if (installed := _version(name))}
    return {"gradcam": __version__, **found}


@cache
def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:  # tensorflow-cpu and its like have other names
        return ""
