"""Which processor this is, mostly without OpenVINO, which has to load its plug-in to answer."""

from __future__ import annotations

import hashlib
import os
from functools import cache
from pathlib import Path

from gradcam_cli.passes import Precision

_CPUINFO = Path("/proc/cpuinfo")
_FIRST_BYTES = 1 << 14
"""More than the first processor's lines have, and less than those of a hundred."""


@cache
def processor() -> str:
    """The full name of the processor and, where the system says so, what it can do."""
    return described_processor() or _name_by_openvino()


def machine() -> str:
    """The processor and how many of its cores there are, as a short digest."""
    described = f"{processor()} {os.cpu_count()}"
    return hashlib.sha256(described.encode()).hexdigest()[:16]


def computes_in(precision: Precision) -> bool:
    """True where the processor has `precision`, so that it is faster than float32."""
    from gradcam_cli.engines.openvino.runtime import core

    able = core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return {"f32": "FP32", "bf16": "BF16"}[precision] in able


def described_processor(source: Path = _CPUINFO) -> str:
    """The name of the first processor and what it can do; empty where the system does not say."""
    try:
        with source.open(encoding="utf-8", errors="replace") as file:
            first, *_ = file.read(_FIRST_BYTES).split("\n\n")
    except OSError:
        return ""
    lines = (line.partition(":") for line in first.splitlines())
    values = {name.strip(): value.strip() for name, _, value in lines}
    known = [values.get(name, "") for name in ("model name", "flags")]
    return "\n".join(known) if all(known) else ""


def _name_by_openvino() -> str:
    from gradcam_cli.engines.openvino.runtime import core

    return str(core().get_property("CPU", "FULL_DEVICE_NAME"))
