"""The machine and the versions that figures belong to, without a name of either host or user."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks import markdown

_LOAD = os.getloadavg()[0]
"""As a script begins, which imports this before it measures anything."""
PACKAGES = {
    "TensorFlow": "tensorflow",
    "Keras": "keras",
    "OpenVINO": "openvino",
    "NumPy": "numpy",
    "OpenCV": "opencv-python-headless",
    "Click": "click",
    "rich": "rich",
}


def described() -> dict[str, str]:
    """What to know about the machine, each with its heading."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    cores = os.cpu_count() or 1
    return {
        "Processor": _processor(),
        "Cores": str(cores),
        "Memory": f"{memory / 1e9:.0f} GB",
        "System": _system(),
        "Busy before the run": f"{_LOAD / cores:.0%} (load average of one minute, per core)",
        "Python": platform.python_version(),
        **{heading: installed(package) for heading, package in PACKAGES.items()},
    }


def table() -> str:
    """The same as a table in Markdown."""
    return markdown.table(("", ""), list(described().items()), left=2)


def installed(package: str) -> str:
    """The version of `package`."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def _system() -> str:
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        name = f"{platform.system()} {platform.release()}"
    return f"{name}, {platform.machine()}"
