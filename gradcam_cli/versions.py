"""The versions an explanation was made with."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from gradcam_cli import __version__

_DISTRIBUTIONS = {"openvino": ("openvino",), "tensorflow": ("tensorflow", "keras")}


def versions(engine: str) -> dict[str, str]:
    """The version of gradcam and of each package that `engine` computes with."""
    names = (*_DISTRIBUTIONS.get(engine, ()), "numpy")
    installed = {name: version for name in names if (version := _version(name))}
    return {"gradcam": __version__, **installed}


@cache
def _version(package: str) -> str:
    """The version of the distribution that is called like `package`; empty where there is none."""
    return _in_folder_name(package) or _in_metadata(package)


def _in_folder_name(package: str) -> str:
    """From the name of the folder of its metadata: a hundredth of a second less at every start."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return ""
    folders = list(Path(spec.origin).parent.parent.glob(f"{package}-*.dist-info"))
    if len(folders) != 1:
        return ""
    return folders[0].name.removeprefix(f"{package}-").removesuffix(".dist-info")


def _in_metadata(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:  # tensorflow-cpu and its like have other names
        return ""
