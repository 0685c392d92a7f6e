"""Which processor this is, without OpenVINO: to ask it takes as long as to load its plug-in."""

from __future__ import annotations

from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
_FIRST_BYTES = 1 << 14
"""More than the first processor's lines have, and less than those of a hundred."""


def described_processor(source: Path = _CPUINFO) -> str:
    """The name of the first processor and what it can do; empty where the system does not say."""
    try:
        with source.open(encoding="utf-8", errors="replace") as file:
            first, *_ = file.read(_FIRST_BYTES).split("\n\n")
    except OSError:
        return ""
    lines = {name.strip(): value.strip() for name, _, value in map(_partition, first.splitlines())}
    known = [lines.get(name, "") for name in ("model name", "flags")]
    return "\n".join(known) if all(known) else ""


def _partition(line: str) -> tuple[str, str, str]:
    return line.partition(":")
