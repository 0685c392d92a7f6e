from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gradcam_cli.errors import UsageError
from gradcam_cli.models.labels import Labels, imagenet_labels
from gradcam_cli.models.labels_file import (
    MOST_BYTES,
    labels_of_mapping,
    labels_of_text,
    read_labels,
)
from gradcam_cli.text import printable
from tests.arbitrary import json_values, replaced

FIXTURE = [HealthCheck.function_scoped_fixture]  # `read` writes over what it wrote before
one_file = settings(max_examples=60, deadline=None, suppress_health_check=FIXTURE)

names = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), min_size=1, max_size=12).map(
    lambda name: name.strip() or "x"
)
# What begins like none of the forms of lines, or of columns.
plain_names = names.map(lambda name: f"a {name}")
classes = st.lists(plain_names, min_size=1, max_size=8)
WNIDS = ("n01440764", "n01443537", "n01484850", "n01491361")


@pytest.fixture
def read(tmp_path: Path):
    """`read_labels` of a file of this name, with this in it."""

    def read(name: str, content: str | bytes, classes: int | None = None) -> Labels:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_labels(path, classes)

    return read


def named(labels: Iterable[str]) -> Labels:
    return Labels.named([printable(name.strip()) for name in labels])


def listed(labels: Labels | None) -> list[str] | None:
    return labels and [" ".join(filter(None, (label.wnid, label.name))) for label in labels]


def table(rows: Iterable[Iterable[object]], delimiter: str = ",") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(rows)
    return text.getvalue()


# Round trips


@one_file
@given(classes, st.sampled_from(["\n", "\r\n", "\r"]), st.booleans(), st.integers(0, 3))
def test_lines(read, classes: list[str], end: str, bom: bool, blank: int) -> None:
    text = "\ufeff" * bom + end.join(classes) + end * blank
    assert read("names.txt", text, len(classes)) == named(classes)
    assert labels_of_text(end.join(classes), len(classes)) == named(classes)


@one_file
@given(
    st.lists(names, min_size=1, max_size=8),
    st.randoms(),
    st.sampled_from([" ", ": ", ":", "\t", ","]),
)
def test_numbered_lines(read, classes: list[str], random, separator: str) -> None:
    lines = [f"{i}{separator}a {name}" for i, name in enumerate(classes)]
    random.shuffle(lines)
    assert read("names", "\n".join(lines), len(classes)) == named(f"a {name}" for name in classes)


@one_file
@given(classes, st.randoms(), st.booleans())
def test_json(read, classes: list[str], random, escaped: bool) -> None:
    indices = {str(i): name for i, name in enumerate(classes)}
    pairs = list(indices.items())
    random.shuffle(pairs)
    once = list(dict.fromkeys(classes))
    values = {name: i for i, name in enumerate(once)}
    for value, expected in (
        (classes, classes),
        (dict(pairs), classes),
        (values, once),
        ({"architectures": ["X"], "id2label": indices, "label2id": values}, classes),
        ({"label2id": values, "id2label": {}}, once),
        ({"names": classes, "nc": len(classes)}, classes),
    ):
        text = json.dumps(value, ensure_ascii=escaped)
        assert read("names.json", text, len(expected)) == named(expected)
        assert labels_of_mapping(value) == named(expected)
        assert labels_of_text(text, len(expected)) == named(expected)
        assert labels_of_text(text, len(expected) + 1) is None


@one_file
@given(classes)
def test_python(read, classes: list[str]) -> None:
    for value in (dict(enumerate(classes)), classes, tuple(classes)):
        assert labels_of_text(repr(value), len(classes)) == named(classes)
    assert read("names.txt", repr(dict(enumerate(classes)))) == named(classes)


@one_file
@given(
    st.lists(names, min_size=1, max_size=8),
    st.randoms(),
    st.sampled_from(",;\t"),
    st.sampled_from(
        [("index", "name"), ("Class ID", "class_name"), ("id", "label"), ("label", "class"), ()]
    ),
    st.booleans(),
)
def test_csv(read, classes: list[str], random, delimiter: str, header, name_first: bool) -> None:
    rows = [(str(i), f"a {name}") for i, name in enumerate(classes)]
    expected = [name for _, name in rows]
    random.shuffle(rows)
    if header:
        rows.insert(0, header)
    if name_first:
        rows = [(name, index) for index, name in rows]
    assert read("names.csv", table(rows, delimiter), len(classes)) == named(expected)
    only_names = [["name"], *([name] for name in expected)]
    assert read("names.tsv", table(only_names[not header :], delimiter)) == named(expected)


def test_the_index_of_keras(read) -> None:
    text = resources.files("gradcam_cli.models").joinpath("imagenet_class_index.json").read_bytes()
    assert read("imagenet.json", text, 1000) == imagenet_labels()
    assert read("imagenet", text, 1000) == imagenet_labels()


# Forms


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.txt", "cat\n\n dog \n\n", ["cat", "class 1", "dog"]),
        ("a.txt", "cat\ncat", ["cat", "cat"]),
        ("a.txt", "0 Class 1\n1 Class 2", ["Class 1", "Class 2"]),
        ("a.txt", "2: dog\n0: cat", ["cat", "class 1", "dog"]),
        ("a.txt", "0 cat\ndog", ["0 cat", "dog"]),
        ("a.txt", "1 euro\n2 euro\n5 euro", ["1 euro", "2 euro", "5 euro"]),
        ("a.txt", "0\n1\n2", ["0", "1", "2"]),
        ("a.txt", "n01440764 tench, Tinca tinca\nn01443537\tgoldfish",
         ["n01440764 tench, Tinca tinca", "n01443537 goldfish"]),
        ("a.txt", "1 n01443537 goldfish\n0 n01440764 tench",
         ["n01440764 tench", "n01443537 goldfish"]),
        ("a.txt", "[PAD]\n[UNK]", ["[PAD]", "[UNK]"]),
        ("a.txt", "{0: 'tench, Tinca tinca',\n 1: \"jack-o'-lantern\"}",
         ["tench, Tinca tinca", "jack-o'-lantern"]),
        ("a.names", '["cat", "dog"]', ["cat", "dog"]),
        ("a.JSON", '{"0": "cat", "2": null, "3": 7}', ["cat", "class 1", "class 2", "7"]),
        ("a.json", '{"0": 1, "1": 0}', ["1", "0"]),
        ("a.json", '{"0": "1", "1": "0"}', ["1", "0"]),
        ("a.json", '{"cat": "1", "dog": "0"}', ["dog", "cat"]),
        ("a.json", '{"names": 1, "classes": 0}', ["classes", "names"]),
        ("a.json", '[["n01440764", "tench"]]', ["n01440764 tench"]),
        ("a.csv", 'name\ncat\n"tench, Tinca tinca"\n', ["cat", "tench, Tinca tinca"]),
        ("a.csv", "index,wnid,name\n0,n01440764,tench", ["n01440764 tench"]),
        ("a.csv", "n01440764,tench\nn01443537,goldfish", ["n01440764 tench", "n01443537 goldfish"]),
        ("a.csv", "id,name,color\n/m/01,cat,red\n/m/02,dog,blue", ["cat", "dog"]),
        ("a.csv", "index,name,\n0,cat,\n,,\n1,dog,\n", ["cat", "dog"]),
        ("a.csv", "class\n0\n1", ["0", "1"]),
        ("a.csv", "cat\n\ndog", ["cat", "class 1", "dog"]),
        ("a.csv", "0,7\n1,9", ["7", "9"]),
        ("a.csv", "0;tench, Tinca\n1;cat", ["tench, Tinca", "cat"]),
        ("a.csv", "0;tench, Tinca\n1;cat, Felis", ["tench, Tinca", "cat, Felis"]),
        ("a.csv", "index;name\n0;a, b, c", ["a, b, c"]),
        ("a.csv", "0\ta, b; c\n1\td, e; f", ["a, b; c", "d, e; f"]),
        ("a.csv", "index,species\n0,cat", ["cat"]),
        ("a.txt", "re\x1b[31md\nb\tc", ["re\\x1b[31md", "b\\tc"]),
        ("a.json", '["\\ud800", "a\\nb"]', ["\\ud800", "a\\nb"]),
    ],
)  # fmt: skip
def test_forms(read, name: str, text: str, expected: list[str]) -> None:
    assert listed(read(name, text)) == expected
    assert listed(read(name, text, len(expected))) == expected


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.txt", "1: cat\n2: dog"),
        ("a.json", '{"1": "cat", "2": "dog"}'),
        ("a.json", '{"dog": 2, "cat": 1}'),
        ("a.csv", "id,name\n1,cat\n2,dog"),
    ],
)
def test_all_classes_numbered_from_one(read, name: str, text: str) -> None:
    assert listed(read(name, text, 2)) == ["cat", "dog"]
    assert listed(read(name, text, 3)) == listed(read(name, text)) == ["class 0", "cat", "dog"]
    with pytest.raises(UsageError, match=r"4 names, .* got 3 in .*Number the classes from 0"):
        read(name, text, 4)


@pytest.mark.parametrize(
    ("text", "classes", "expected"),
    [
        ("cat dog big_bird", 3, ["cat", "dog", "big_bird"]),
        ("cat dog", None, ["cat", "dog"]),
        ("big cat", 1, ["big cat"]),
        ("big cat, dog", None, ["big cat", "dog"]),
        ("big cat, dog", 3, ["big", "cat,", "dog"]),
        ("cat", None, ["cat"]),
        ("0: cat\n1: dog", 2, ["cat", "dog"]),
        ("{0: 'cat', 1: 'dog'}", 2, ["cat", "dog"]),
        ("{1: 'cat', 2: 'dog'}", 2, ["cat", "dog"]),
        ("{0: 'cat', 1: 'dog'}", 3, None),
        ("{0: 'cat', 1:", 3, None),
        ("{0: 'cat', 1: open('x')}", 2, None),
        ("{[]: 'cat'}", None, None),
        ("{0: 0x" + "f" * 9000 + "}", None, None),
        ('["\\d"]', None, ["\\d"]),
        ("(" * 9000, None, None),
        ("[" * 90000, None, None),
        ("[" + "'a'," * 600_000 + "]", None, None),
        ("", None, None),
        (" , ", None, [",",]),
        ("a b", 3, None),
    ],
)  # fmt: skip
def test_texts_of_metadata(text: str, classes: int | None, expected: list[str] | None) -> None:
    assert listed(labels_of_text(text, classes)) == expected


# What is wrong


@pytest.mark.parametrize(
    ("name", "text", "classes", "message"),
    [
        ("a.txt", "", None, r"expected names of classes, got none in .*a\.txt\. Write"),
        ("a.txt", " \n\n", 2, "got none"),
        ("a.txt", "a\nb\nc", 4, r"expected 4 names, one for each class of the model, got 3 in "
         r".*a\.txt\. If the model has a background class first, add"),
        ("a.txt", "a\nb\nc", 2, "expected 2 names, .* If the first is a background class"),
        ("a.txt", "a\nb\nc", 9, r"expected 9 names, .* got 3 in .*a\.txt\. Pass the file that"),
        ("a.txt", "no\nyes", 1, "expected 1 name, got 2 in .* what a high score stands for"),
        ("a.txt", "0 a\n1 b\n0 c", None, "expected each index once, got 0 twice"),
        ("a.txt", "0 a\n-1 b", None, "expected indices from 0 to 1,000,000, got -1 in"),
        ("a.txt", "0 a\n1000001 b", None, "expected indices .* got 1000001 in"),
        ("a.txt", b"caf\xe9", None, r"expected names as text in UTF-8, got .*a\.txt"),
        ("a.txt", "cat".encode("utf-16"), None, "text in UTF-8"),
        ("a.onnx", b"\x08\x07\x00", None, "text in UTF-8"),
        ("a.yaml", "names:", None, r"expected names as \.txt, \.json or \.csv, got \.yaml"),
        ("a.json", "{", None, r"expected JSON, got an error at line 1, column 2 \(.*\) in .*a\.js"),
        ("a.json", "[" * 90000, None, "expected JSON, got too many brackets"),
        ("a.json", "9" * 5000, None, "expected JSON, got a number of too many digits"),
        ("a.json", "3", None, r"expected a list of names, .* got 3 in"),
        ("a.json", '{"a": "b"}', None, "expected a list of names, .* got an object of other"),
        ("a.json", '{"a": true}', None, "got an object of other"),
        ("a.json", '["a", {}]', None, "expected the name of class 1, got a dict in"),
        ("a.json", '{"0": "a", "0": "b"}', None, "expected each key once, got '0' twice"),
        ("a.json", '{"0": "a", "00": "b"}', None, "expected each index once, got 0 twice"),
        ("a.json", '{"a": ' + "1" * 400 + "}", None, "got an int of more than 64 bits"),
        ("a.csv", "x,y,z\n1,2,3", None, "expected one column of names, got 3 .*index,name"),
        ("a.csv", "cat\ntench, Tinca", None, r"as many columns in each row \(1\), got 2 in row 2"),
        ("a.csv", "index,name\n0", None, r"as many columns in each row \(2\), got 1 in row 2"),
        ("a.csv", "index,name\n0,cat\nx,dog", None, "expected the index of a class, got 'x'"),
        ("a.csv", "index,name", None, "got none"),
        ("a.csv", "index,color,size\n0,1,2", None, "expected one column of names, got 2"),
        ("a.csv", '"cat', None, "expected a table: unexpected end of data"),
        ("a.csv", "a" * 200_000, None, "expected a table: field larger"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_a_line(
    read, name: str, text: str | bytes, classes: int | None, message: str
) -> None:
    with pytest.raises(UsageError, match=message) as error:
        read(name, text, classes)
    assert str(error.value).isprintable()
    assert name in error.value.what
    assert error.value.remedy


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    large = tmp_path / "large.txt"
    with large.open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    for path, message in (
        (tmp_path, "cannot read the labels in .*: "),
        (tmp_path / "none.txt", "cannot read the labels in .*none.txt: No such file"),
        (Path("a\0b"), r"cannot read the labels in a\\x00b"),
        (large, "expected at most 16 MB of names, got .*large.txt"),
    ):
        with pytest.raises(UsageError, match=message) as error:
            read_labels(path)
        assert str(error.value).isprintable()


@settings(one_file, max_examples=300)
@given(
    st.binary(max_size=40)
    | st.text(max_size=20).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | st.lists(
        st.sampled_from(
            ["{", "}", "[", "]", "0", "1", ":", ",", ";", '"', "'", "\n", "\r", "a", "id", "name",
             "n01440764", "label2id", " ", "\t", "-", "(", "\\"]
        ),
        max_size=14,
    ).map(lambda parts: "".join(parts).encode()),
    st.sampled_from([".txt", ".json", ".csv"]),
    st.none() | st.integers(0, 3),
)  # fmt: skip
@example(b"'\\", ".txt", None)
def test_any_bytes_are_labels_or_a_usage_error(
    read, data: bytes, suffix: str, classes: int | None
) -> None:
    try:
        labels = read(f"any{suffix}", data, classes)
    except UsageError as error:
        assert str(error).isprintable()
    else:
        assert len(labels) == (len(labels) if classes is None else classes)
        check(labels)
    labels_of_text(data.decode("latin-1"), classes)


@one_file
@given(json_values() | replaced({"id2label": {"0": ["n01440764", "tench"], "1": "cat"}}))
def test_any_value_has_labels_or_none(value: object) -> None:
    labels = labels_of_mapping(value)
    if labels is not None:
        check(labels)


def check(labels: Labels) -> None:
    assert [label.index for label in labels] == list(range(len(labels)))
    for label in labels:
        assert label.name.strip()
        assert printable(label.name) == label.name
        assert printable(label.wnid) == label.wnid


def test_names_of_any_length_are_cut() -> None:
    long = "n" * 100_000
    labels = labels_of_text(json.dumps([long, "cat"]), 2)
    assert labels is not None
    assert [len(label.name) for label in labels] == [503, 3]
