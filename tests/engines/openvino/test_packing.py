"""The file of an exported pass: what is put in comes out, mapped and aligned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gradcam_cli.engines.openvino.packing import packed, unpacked

MATRICES = arrays(np.float32, st.tuples(st.integers(1, 9), st.integers(1, 9)))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(min_size=1), st.dictionaries(st.text(max_size=20), MATRICES, max_size=4))
def test_what_is_packed_is_unpacked(
    tmp_path: Path, network: bytes, kernels: dict[str, np.ndarray]
) -> None:
    file = tmp_path / "pass.blob"
    file.write_bytes(packed(network, kernels))
    got_network, got_kernels = unpacked(file)
    assert got_network.tobytes() == network
    assert got_kernels.keys() == kernels.keys()
    for name, kernel in kernels.items():
        np.testing.assert_array_equal(got_kernels[name], kernel)
        assert got_kernels[name].ctypes.data % 64 == 0


def test_more_kernels_than_the_header_holds_are_refused() -> None:
    kernel = np.zeros((1, 1), np.float32)
    with pytest.raises(ValueError, match="300 kernels are too many"):
        packed(b"network", {str(number): kernel for number in range(300)})


@pytest.mark.parametrize("content", [b"", b"{}", b"[1, 2]", b"\xff" * 100, b'{"kernels": {}}'])
def test_another_file_is_no_such_file(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "other.blob"
    file.write_bytes(content)
    with pytest.raises((OSError, ValueError, TypeError, KeyError)):
        unpacked(file)
