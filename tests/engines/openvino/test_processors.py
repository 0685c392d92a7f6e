"""Which processor this is."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradcam_cli.engines.openvino import processors
from gradcam_cli.engines.openvino.processors import described_processor, machine, processor

CPUINFO = """processor\t: 0
model name\t: Some Processor 9000
flags\t\t: fpu avx2 amx_bf16

processor\t: 1
model name\t: Another
flags\t\t: fpu
"""


def test_linux_describes_the_first_processor(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(CPUINFO)
    assert described_processor(tmp_path / "cpuinfo") == "Some Processor 9000\nfpu avx2 amx_bf16"


@pytest.mark.parametrize("content", [None, "", "Features\t: fp asimd\nCPU part\t: 0xd0c\n"])
def test_where_it_does_not_openvino_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "cpuinfo").write_text(content)
    assert described_processor(tmp_path / "cpuinfo") == ""
    monkeypatch.setattr(processors, "described_processor", str)
    processor.cache_clear()
    try:
        assert processor() == processors._name_by_openvino() != ""
    finally:
        processor.cache_clear()


def test_a_machine_is_its_processor_and_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    here = machine()
    assert machine() == here
    monkeypatch.setattr("os.cpu_count", lambda: 1000)
    assert machine() != here
