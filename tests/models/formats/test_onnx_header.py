"""Headers of ONNX files, sound and hostile, written byte by byte."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gradcam_cli.errors import ModelError
from gradcam_cli.models.formats.onnx_header import read_onnx_header
from gradcam_cli.models.formats.wire import FileContent, Message, open_content
from tests.models.formats.conftest import Refused
from tests.models.formats.onnx_writer import (
    RELU,
    field,
    function,
    graph,
    graph_attribute,
    model,
    node,
    small,
    tensor,
    with_external,
)


def written(content: bytes) -> Path:
    path = Path("model.onnx")
    path.write_bytes(content)
    return path


def test_what_a_file_says() -> None:
    header = read_onnx_header(written(small(field(20, b""))))
    assert (header.ir_version, header.producer, header.opset) == (8, "writer 1.0", 17)
    assert header.operations == {"Conv": 1, "If": 1, "Relu": 1, "com.microsoft.Gelu": 1}
    assert header.node_count == 4
    assert header.other_domains == ("com.microsoft",)
    assert header.metadata == {"names": "{0: 'cat'}"}
    assert (header.inputs, header.outputs) == (("x",), ("y",))
    assert header.external_files == ()
    assert header.has_training


def test_nodes_may_stand_in_any_order() -> None:
    nodes = [node("Sigmoid", ["a"], ["y"]), node("Relu", ["x"], ["a"])]
    assert read_onnx_header(written(model(graph(nodes)))).node_count == 2


@pytest.mark.parametrize("opset", [9, 17, 23])
def test_opsets_that_are_read(opset: int) -> None:
    assert read_onnx_header(written(model(graph([RELU]), opset))).opset == opset


@pytest.mark.parametrize("opset", [0, 8, 24, -1, 1 << 62])
def test_opsets_that_are_not(opset: int, refused: Refused) -> None:
    with refused(f"opset {opset}", "9 to 23", "opset_version=17"):
        read_onnx_header(written(model(graph([RELU]), opset)))


def deep(levels: int) -> bytes:
    """A model of graphs in graphs."""
    body = graph([RELU], inputs=(), outputs=("y",))
    for _ in range(levels):
        body = graph([node("If", ["x"], ["y"], more=graph_attribute(body))], inputs=())
    return model(graph([node("If", ["x"], ["y"], more=graph_attribute(body))]))


def doubling(levels: int) -> bytes:
    """Functions each of which calls the next one twice."""
    call = [node("f0", ["x"], ["y"], domain="own")]
    functions = [
        function(
            f"f{level}",
            [node(f"f{level + 1}", [a], [b], domain="own") for a, b in (("x", "a"), ("a", "y"))],
        )
        for level in range(levels)
    ]
    functions.append(function(f"f{levels}", [RELU]))
    return model(graph(call), more=b"".join(field(25, item) for item in functions))


def test_graphs_in_graphs() -> None:
    assert read_onnx_header(written(deep(15))).node_count == 17
    assert read_onnx_header(written(doubling(10))).node_count == 22


def of(*nodes: bytes) -> bytes:
    return model(graph(nodes))


WEIGHTS = tensor("w", (2, 3), bytes(24))
SELF_CALLING = field(25, function("f", [node("f", ["x"], ["y"], domain="own")]))

WRONG = {
    "empty": (b"", "empty"),
    "no graph": (field(1, 8), "no graph"),
    "two graphs": (small(field(7, graph([RELU]))), "several graphs"),
    "no opset": (field(1, 8) + field(7, graph([RELU])), "which operators"),
    "no output": (model(graph([RELU], outputs=())), "no output"),
    "no input": (model(graph([RELU], [tensor("x", (1,), bytes(4))])), "no input"),
    "truncated": (small()[:-3], "within a field"),
    "garbage": (b"\x08\x08\x00\x00", "no valid number"),
    "endless number": (b"\x08" + b"\xff" * 40, "longer than ten bytes"),
    "a group": (model(graph([RELU])) + b"\x0b", "wire type 3"),
    "no UTF-8": (of(field(1, b"\xff") + field(2, "y")), "UTF-8"),
    "a number for a graph": (field(1, 8) + field(7, 3), "message belongs"),
    "a message for a number": (field(1, b"x") + field(7, graph([RELU])), "number belongs"),
    "a circle": (of(node("Add", ["x", "b"], ["a"]), node("Relu", ["a"], ["b"]), RELU), "cyclic"),
    "its own input": (of(node("Add", ["x", "y"], ["y"])), "cyclic"),
    "a circle in a branch": (
        of(
            node("If", ["x"], ["a"], more=graph_attribute(graph([RELU], inputs=(), outputs=["b"]))),
            node("Add", ["x", "a"], ["b"]),
            RELU,
        ),
        "cyclic",
    ),
    "an unknown value": (of(node("Add", ["x", "ghost"], ["y"])), "ghost, a value that nothing"),
    "an unknown output": (of(node("Relu", ["x"], ["a"])), "y, a value that nothing"),
    "two of a name": (of(RELU, RELU), "called y"),
    "over an input": (of(node("Relu", ["x"], ["x"]), RELU), "called x"),
    "two inputs": (model(graph([RELU], inputs=("x", "x"))), "inputs are called x"),
    "two weights": (model(graph([RELU], [WEIGHTS, WEIGHTS])), "initializers are called w"),
    "too deep": (deep(20), "nested deeper than 20"),
    "too deep by far": (deep(300), "nested deeper than 20"),
    "calls itself": (
        model(graph([node("f", ["x"], ["y"], domain="own")]), more=SELF_CALLING),
        "deeper than 20",
    ),
    "doubles": (doubling(18), "more than 100,000 nodes"),
    "too many bytes": (model(graph([RELU], [tensor("w", (2,), bytes(12))])), "12 bytes"),
    "too few bytes": (model(graph([RELU], [tensor("w", (1 << 40,), bytes(12))])), "12 bytes"),
    "negative shape": (model(graph([RELU], [tensor("w", (-2,), bytes(8))])), "impossible shape"),
    "many dimensions": (model(graph([RELU], [tensor("w", (1,) * 99, bytes(4))])), "impossible"),
    "escapes": (of(node("Add", ["x", "\x1b[2J\n"], ["y"])), r"\x1b[2J\n"),
}


@pytest.mark.parametrize("case", WRONG)
def test_damaged_and_hostile(case: str, refused: Refused) -> None:
    content, words = WRONG[case]
    with refused("model.onnx", words):
        read_onnx_header(written(content))


def test_more_than_a_hundred_thousand_nodes(refused: Refused) -> None:
    with refused("more than 100,000 nodes"):
        read_onnx_header(written(model(field(1, b"") * 100_001 + graph([RELU]))))


def test_a_reversed_chain_is_no_circle() -> None:
    chain = [node("Relu", [f"{i}" if i else "x"], [f"{i + 1}"]) for i in range(5_000)]
    assert read_onnx_header(written(model(graph(chain[::-1], outputs=["5000"])))).node_count == 5000


def test_weights_beside_the_model() -> None:
    path = with_external(Path("model.onnx"), location="weights.bin", offset=0, length=24)
    assert read_onnx_header(path).external_files == (Path("weights.bin"),)
    below = with_external(Path("m/model.onnx"), location="parts/w")
    (Path("m") / "parts").mkdir()
    (Path("m") / "parts/w").write_bytes(bytes(24))
    assert read_onnx_header(below).external_files == (Path("m/parts/w"),)


@pytest.mark.parametrize(
    "location",
    [
        "../../etc/passwd",
        "parts/../../weights.bin",
        "/etc/passwd",
        "C:/weights.bin",
        "C:weights.bin",
        "..\\weights.bin",
        "parts\\weights.bin",
        "weights.bin\0",
        "",
        "link",
        "folder/weights.bin",
        "loop",
        "*/_ORT_MEM_ADDR_/*",
        "a" * 5000,
    ],
)
def test_weights_outside_the_folder(location: str, refused: Refused) -> None:
    folder = Path("models")
    path = with_external(folder / "model.onnx", location=location)
    Path("weights.bin").write_bytes(bytes(24))
    (folder / "link").symlink_to("../weights.bin")
    (folder / "loop").symlink_to("loop")
    (folder / "folder").symlink_to("..")
    (folder / "parts").mkdir()
    (folder / "*").mkdir()
    (folder / "*/_ORT_MEM_ADDR_").mkdir()
    (folder / "*/_ORT_MEM_ADDR_/*").write_bytes(bytes(24))
    with refused("model.onnx has weights", "its folder" if len(location) < 99 else ""):
        read_onnx_header(path)


def test_weights_outside_are_not_even_opened(refused: Refused) -> None:
    """Whoever opened a pipe that nobody writes to would wait for ever."""
    os.mkfifo("pipe")
    path = with_external(Path("models/model.onnx"), location="../pipe")
    with refused("outside its folder: ../pipe"):
        read_onnx_header(path)
    Path("pipe").rename("models/pipe")
    with refused("which is not beside it"):
        read_onnx_header(with_external(Path("models/model.onnx"), location="pipe"))


def test_weights_that_are_a_link_as_in_a_cache_of_downloads(refused: Refused) -> None:
    path = with_external(Path("snapshot/model.onnx"), location="model.onnx.data")
    Path("blob").write_bytes(bytes(24))
    Path("snapshot/model.onnx.data").symlink_to("../blob")
    with refused("model.onnx.data, a link that leads out of its folder", "cp -rL"):
        read_onnx_header(path)


def test_a_file_that_becomes_shorter_while_it_is_read(refused: Refused) -> None:
    """Where it was mapped, that would end the process."""
    path = written(model(graph([RELU, node("Relu", ["y"], ["z" * 100_000])])))
    with refused("became shorter"), open_content(path, "ONNX") as content:
        assert len(list(Message(content, 0, len(content)))) > 1
        os.truncate(path, 10)
        content[50_000]


@given(st.binary(min_size=1, max_size=50_000), st.data())
def test_content_is_read_as_bytes_are(content: bytes, data: st.DataObject) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        read = FileContent(file.fileno())
        assert len(read) == len(content)
        for _ in range(5):
            start = data.draw(st.integers(0, len(content) - 1))
            stop = data.draw(st.integers(start, len(content)))
            assert read[start] == content[start]
            assert read[start:stop] == content[start:stop]


@pytest.mark.parametrize(
    ("external", "words"),
    [
        ({"location": "missing.bin"}, "missing.bin, which is not beside it"),
        ({"location": "weights.bin", "length": 25}, "needs 25: it is cut short"),
        ({"location": "weights.bin", "offset": 1, "length": 24}, "needs 25"),
        ({"location": "weights.bin", "offset": 1}, "needs 25"),
        ({"location": "weights.bin", "offset": -1}, "no valid place"),
        ({"location": "weights.bin", "offset": "1e3"}, "no valid place"),
        ({"location": "weights.bin", "length": "9" * 30}, "no valid place"),
        ({"location": "weights.bin", "offset": ""}, "no valid place"),
        ({"offset": 0}, "does not say where"),
    ],
)
def test_weights_that_are_not_there(
    external: dict[str, object], words: str, refused: Refused
) -> None:
    with refused(words):
        read_onnx_header(with_external(Path("model.onnx"), **external))


def test_the_second_location_of_a_tensor_counts_too(refused: Refused) -> None:
    entries = [field(1, "location") + field(2, name) for name in ("weights.bin", "../w")]
    weights = tensor("w", (1,)) + b"".join(field(13, entry) for entry in entries)
    path = with_external(Path("model.onnx"), location="weights.bin")
    path.write_bytes(model(graph([RELU], [weights])))
    with refused("outside its folder: ../w"):
        read_onnx_header(path)


@pytest.mark.parametrize("place", ["attribute", "branch", "function", "sparse"])
def test_weights_outside_hidden_elsewhere(place: str, refused: Refused) -> None:
    weights = tensor("w", (1,), location="../w")
    attribute = field(5, field(5, weights))
    constant = node("Constant", [], ["z"], more=attribute)
    branch = graph([constant], inputs=(), outputs=("z",))
    content = {
        "attribute": of(RELU, constant),
        "branch": of(node("If", ["x"], ["y"], more=graph_attribute(branch))),
        "function": model(graph([RELU]), more=field(25, function("f", [RELU, constant]))),
        "sparse": model(graph([RELU]) + field(15, field(1, weights))),
    }[place]
    with refused("outside its folder"):
        read_onnx_header(written(content))


def test_a_file_that_may_not_be_read(refused: Refused) -> None:
    with refused("does not exist"):
        read_onnx_header(Path("missing.onnx"))
    Path("folder.onnx").mkdir()
    with refused("cannot be read"):
        read_onnx_header(Path("folder.onnx"))


SOUND = small() + field(25, function("f", [RELU]))
FUZZ = settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def survives(content: bytes) -> None:
    path = written(content)
    start = time.perf_counter()
    try:
        read_onnx_header(path)
    except ModelError as error:
        assert str(error).isprintable()
    assert time.perf_counter() - start < 1


@FUZZ
@given(
    changes=st.lists(
        st.tuples(st.integers(0, len(SOUND) - 1), st.integers(0, 255)), min_size=1, max_size=4
    ),
    end=st.integers(0, len(SOUND)) | st.just(len(SOUND)),
)
def test_mutated_files(changes: list[tuple[int, int]], end: int) -> None:
    content = bytearray(SOUND)
    for place, byte in changes:
        content[place] = byte
    survives(bytes(content[:end]))


@FUZZ
@given(st.binary(max_size=200))
def test_arbitrary_bytes(content: bytes) -> None:
    survives(content)
