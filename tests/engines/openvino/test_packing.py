"""The file of an exported pass: what is put in comes out, mapped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gradcam_cli.engines.openvino.packing import packed, places_of, unpacked

MATRICES = arrays(np.float32, st.tuples(st.integers(1, 9), st.integers(1, 9)))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.binary(min_size=1), st.dictionaries(st.text(max_size=20), MATRICES, min_size=1, max_size=4)
)
def test_what_is_packed_is_unpacked(
    tmp_path: Path, network: bytes, kernels: dict[str, np.ndarray]
) -> None:
    places, content = {}, b""
    for name, kernel in kernels.items():
        places[name] = (len(content), kernel.shape)
        content += kernel.tobytes()
    (tmp_path / "model.bin").write_bytes(content)
    (tmp_path / "pass.blob").write_bytes(packed(network, places))
    got_network, got_kernels = unpacked(tmp_path / "pass.blob", tmp_path / "model.bin")
    assert got_network.tobytes() == network
    assert got_kernels.keys() == kernels.keys()
    for name, kernel in kernels.items():
        np.testing.assert_array_equal(got_kernels[name], kernel)


def test_constants_are_found_where_the_graph_has_them(tmp_path: Path) -> None:
    graph, kernel = tmp_path / "model.xml", np.arange(6, dtype=np.float32).reshape(2, 3)
    (tmp_path / "model.bin").write_bytes(bytes(8) + kernel.tobytes())
    layer = '<layer id="1" name="fc1" type="Const"><data offset="{}" size="24"/></layer>'
    graph.write_text(f"<net><layers>{layer.format(8)}</layers></net>")
    assert places_of({"fc1": kernel}, graph) == {"fc1": (8, (2, 3))}
    assert places_of({}, graph) == {}
    with pytest.raises(KeyError, match="other"):
        places_of({"other": kernel}, graph)
    graph.write_text(f"<net><layers>{layer.format(4)}</layers></net>")
    with pytest.raises(ValueError, match="fc1 is not where"):
        places_of({"fc1": kernel}, graph)


def test_more_kernels_than_the_header_holds_are_refused() -> None:
    with pytest.raises(ValueError, match="300 kernels are too many"):
        packed(b"network", {str(number): (number, (1, 1)) for number in range(300)})


@pytest.mark.parametrize("content", [b"", b"{}", b"[1, 2]", b"\xff" * 100, b'{"network": {}}'])
def test_another_file_is_no_such_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "other.blob").write_bytes(content)
    (tmp_path / "model.bin").write_bytes(b"weights")
    with pytest.raises((OSError, ValueError, TypeError, KeyError)):
        unpacked(tmp_path / "other.blob", tmp_path / "model.bin")
