"""OpenVINO's graphs: what they say, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradcam_cli.models.formats import openvino_graph
from gradcam_cli.models.formats.openvino_graph import check_openvino
from tests.models.formats.conftest import Refused

CONSTANT = """<layer id="1" name="w" type="Const" version="opset1">
  <data element_type="f32" shape="2, 3" offset="{offset}" size="{size}"/></layer>"""
INPUT = '<layer id="0" name="x" type="Parameter" version="opset1"/>'
INFO = """<rt_info><runtime version="2026.4"/><model_info>
  <labels value="cat dog"/><mean_values value="1 2 3"/>
  <optimization><mode value="none"/></optimization>
</model_info></rt_info>"""


def xml(layers: str, more: str = "", before: str = "") -> str:
    head = f'<?xml version="1.0"?>{before}\n<net name="small" version="11">'
    return f"{head}<layers>{layers}</layers>{more}</net>"


def written(text: str | bytes, weights: int | None = 24) -> Path:
    path = Path("model.xml")
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    if weights is not None:
        Path("model.bin").write_bytes(bytes(weights))
    return path


def constant(offset: object = 0, size: object = 24) -> str:
    return CONSTANT.format(offset=offset, size=size)


def test_what_a_graph_says() -> None:
    header = check_openvino(written(xml(INPUT + constant(), INFO)))
    assert (header.name, header.version) == ("small", 11)
    assert header.weights == Path("model.bin")
    assert header.operations == {"Const": 1, "Parameter": 1}
    assert header.model_info == {
        "labels": "cat dog", "mean_values": "1 2 3", "optimization/mode": "none",
    }  # fmt: skip


def test_a_graph_without_weights() -> None:
    assert check_openvino(written(xml(INPUT), weights=None)).weights is None


NESTED = f'<layer type="If"><body><layers>{constant(size=25)}</layers></body></layer>'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no element"),
        (xml(INPUT)[:-5], "damaged"),
        ("<html></html>", "no <net>"),
        (xml(""), "no layers"),
        (xml(INPUT).replace('version="11"', ""), "no place"),
        (xml(INPUT, before="<!DOCTYPE net>"), "DOCTYPE"),
        (xml(INPUT, before='<!DOCTYPE net [<!ENTITY a "b">]>'), "DOCTYPE"),
        (xml(INPUT, before='<!DOCTYPE net SYSTEM "/etc/passwd">').encode("utf-16"), "DOCTYPE"),
        (xml(INPUT).replace("?>", ' encoding="nonsense"?>'), "damaged"),
        (xml("<a>" * 300 + "</a>" * 300), "deeper than 200"),
        (xml(constant(-1)), "no place in a file"),
        (xml(constant(size="1e9")), "no place in a file"),
        (xml(constant(size="9" * 40)), "no place in a file"),
        (xml(constant(1)), "has 24 bytes, model.xml needs 25"),
        (xml(NESTED), "has 24 bytes, model.xml needs 25"),
    ],
)
def test_damaged_and_hostile(text: str | bytes, words: str, refused: Refused) -> None:
    with refused("model.", words):
        check_openvino(written(text))


def test_missing_files(refused: Refused) -> None:
    with refused("model.xml does not exist"):
        check_openvino(Path("model.xml"))
    with refused("has no model.bin beside it"):
        check_openvino(written(xml(constant()), weights=None))


def test_limits(monkeypatch: pytest.MonkeyPatch, refused: Refused) -> None:
    with refused("more than 100,000 layers"):
        check_openvino(written(xml("<layer/>" * 100_001)))
    monkeypatch.setattr(openvino_graph, "MOST_XML_BYTES", 100)
    with refused("it has more than"):
        check_openvino(written(xml(INPUT)))
