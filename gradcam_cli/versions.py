"""The versions an explanation was made with."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from gradcam_cli import __version__

_DISTRIBUTIONS = {"tensorflow": ("tensorflow", "keras")}


def versions(engine: str) -> dict[str, str]:
    """The version of gradcam and of each package that `engine` computes with."""
    found = {"gradcam": __version__}
    for name in (*_DISTRIBUTIONS.get(engine, ()), "numpy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # tensorflow-cpu and its like have other names
            continue
    return found
