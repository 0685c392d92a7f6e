"""Data sets of every format, sound and malformed: each record is in a picture or a problem."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gradcam_cli.annotations.contract import Annotations
from gradcam_cli.annotations.reading import format_of, read_annotations
from gradcam_cli.annotations.regions import Box, MaskFile, Polygons, RunLengths
from gradcam_cli.errors import UsageError

IMAGE = {"id": 1, "file_name": "a.png", "width": 8, "height": 6}
CATEGORY = {"id": 3, "name": "cat"}
ANNOTATION = {"id": 7, "image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 2]}


@pytest.fixture
def picture(tmp_path: Path) -> Callable[..., Path]:
    """Write a picture of 8 x 6 pixels below the data set; its path."""

    def write(name: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((6, 8, 3), np.uint8)).save(path)
        return path

    return write


def coco(folder: Path, **parts: Any) -> Path:
    content = {"images": [IMAGE], "categories": [CATEGORY], "annotations": [ANNOTATION], **parts}
    path = folder / "data.json"
    path.write_text(json.dumps(content), "utf-8")
    return path


def classes_of(annotations: Annotations) -> dict[str, list[str]]:
    return {
        picture.path.name: [each.category.name for each in picture.classes]
        for picture in annotations.pictures
    }


def test_folders_named_after_classes(tmp_path: Path, picture: Callable[..., Path]) -> None:
    for name in ("cat/a.png", "cat/more/b.png", "dog/c.png", "dog/.hidden.png"):
        picture(name)
    (tmp_path / "dog" / "notes.txt").write_text("no picture")
    found = read_annotations(tmp_path)
    assert classes_of(found) == {"a.png": ["cat"], "b.png": ["cat"], "c.png": ["dog"]}
    assert not any(each.regions for image in found.pictures for each in image.classes)


def test_masks_beside_pictures(tmp_path: Path, picture: Callable[..., Path]) -> None:
    for name in ("images/cat/a.png", "images/cat/b.png", "masks/cat/a.png", "masks/dog/c.png"):
        picture(name)
    found = read_annotations(tmp_path)
    (image,) = found.pictures
    assert image.classes[0].regions == (MaskFile(tmp_path / "masks/cat/a.png"),)
    assert sorted(Path(each.where).name for each in found.problems) == ["b.png", "c.png"]


def test_tables(tmp_path: Path, picture: Callable[..., Path]) -> None:
    picture("in/a.png")
    table = tmp_path / "data.csv"
    table.write_text(
        "\ufeffFile,Label,x,y,w,h\nin/a.png,cat,1,1,2,2\nin/a.png,cat,4,1,2,2\nin/a.png,dog,,,,\n"
        "gone.png,cat,1,1,2,2\nin/a.png,,1,1,2,2\nin/a.png,cat,1,x,2,2\nin/a.png,cat,1,1,0,2\n"
        "in/a.png,cat,1,1,nan,2\n../../etc/passwd,cat,1,1,2,2\n/etc/passwd,cat,1,1,2,2\n",
        "utf-8",
    )
    found = read_annotations(table)
    (image,) = found.pictures
    assert [len(each.regions) for each in image.classes] == [2, 0]
    assert image.classes[0].regions[0] == Box(1, 1, 2, 2)
    lines = [each.where.rpartition(" ")[2] for each in found.problems]
    assert lines == ["5", "6", "7", "8", "9", "10", "11"]
    assert [each.what for each in found.problems if "leads out" in each.what]


@pytest.mark.parametrize("header", ["", "path", "path,label,x,y", "a,b\nc,d"])
def test_a_table_needs_a_header(tmp_path: Path, header: str) -> None:
    table = tmp_path / "data.csv"
    table.write_text(header, "utf-8")
    with pytest.raises(UsageError, match="column names at its top"):
        read_annotations(table)


def test_coco(tmp_path: Path, picture: Callable[..., Path]) -> None:
    picture("images/a.png")
    polygon = {**ANNOTATION, "id": 8, "segmentation": [[0, 0, 4, 0, 4, 4]]}
    runs = {**ANNOTATION, "id": 9, "segmentation": {"size": [6, 8], "counts": [40, 8]}}
    found = read_annotations(coco(tmp_path, annotations=[ANNOTATION, polygon, runs]))
    (image,) = found.pictures
    assert (image.size, image.path.name) == ((6, 8), "a.png")
    (cat,) = image.classes
    assert cat.regions == (
        Box(1, 2, 3, 2), Polygons(((0, 0, 4, 0, 4, 4),)), RunLengths((6, 8), (40, 8)),
    )  # fmt: skip
    assert (cat.category.name, cat.category.number) == ("cat", 3)
    assert not found.problems


@pytest.mark.parametrize(
    ("parts", "where", "what"),
    [
        ({"annotations": [{**ANNOTATION, "category_id": 9}]}, "annotation 7", "category 9"),
        ({"annotations": [{**ANNOTATION, "image_id": 9}]}, "annotation 7", "image 9"),
        ({"annotations": [ANNOTATION, ANNOTATION]}, "annotation 7", "the same id"),
        ({"annotations": [{**ANNOTATION, "bbox": [1, 2, 0, 2]}]}, "annotation 7", "no area"),
        ({"annotations": [{**ANNOTATION, "bbox": "all"}]}, "annotation 7", "bbox"),
        ({"annotations": [{**ANNOTATION, "bbox": [1, 2]}]}, "annotation 7", "bbox"),
        ({"annotations": [{"image_id": 1}]}, "annotation number 1", "id"),
        ({"annotations": [7]}, "annotation number 1", "object"),
        (
            {"annotations": [{**ANNOTATION, "segmentation": [[0, 1, 2]]}]},
            "annotation 7",
            "three corners",
        ),
        (
            {"annotations": [{**ANNOTATION, "segmentation": {"size": [6, 8], "counts": [-1]}}]},
            "annotation 7",
            "negative",
        ),
        ({"images": [IMAGE, IMAGE]}, "image 1", "the same id"),
        ({"images": [{**IMAGE, "file_name": "gone.png"}]}, "image 1", "there is no picture"),
        ({"images": [{**IMAGE, "file_name": "../a.png"}]}, "image 1", "leads out"),
        ({"images": [{**IMAGE, "file_name": "/etc/passwd"}]}, "image 1", "leads out"),
        ({"categories": [CATEGORY, CATEGORY]}, "category 3", "the same id"),
        ({"categories": [{"id": "x"}]}, "category number 1", "id"),
    ],
)
def test_what_is_wrong_with_a_record_of_coco_is_told_with_its_place(
    tmp_path: Path, picture: Callable[..., Path], parts: dict[str, Any], where: str, what: str
) -> None:
    picture("a.png")
    found = read_annotations(coco(tmp_path, **parts))
    problem = found.problems[0]
    assert problem.where == f"data.json: {where}"
    assert what in problem.what


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b"\xff\xfe{", b'{"images": 3}', b"[" * 100_000]
)
def test_what_is_not_coco(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "data.json"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"is no JSON|not in COCO's form"):
        read_annotations(path)


VOC = """<annotation><filename>{name}</filename><size><width>8</width><height>6</height></size>
{objects}</annotation>"""
OBJECT = """<object><name>cat</name><bndbox><xmin>{}</xmin><ymin>2</ymin><xmax>4</xmax>
<ymax>4</ymax></bndbox></object>"""
BOMB = """<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;&b;">]>
<annotation><filename>&c;</filename></annotation>"""
STRANGER = """<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>
<annotation><filename>&b;</filename></annotation>"""


def test_voc(tmp_path: Path, picture: Callable[..., Path]) -> None:
    picture("a.png")
    files = {
        "a.xml": VOC.format(name="a.png", objects=OBJECT.format(2) + OBJECT.format("x")),
        "b.xml": VOC.format(name="gone.png", objects=OBJECT.format(2)),
        "c.xml": VOC.format(name="a.png", objects=""),
        "d.xml": "<annotation>",
        "e.xml": "<html/>",
        "f.xml": BOMB,
        "g.xml": STRANGER,
        "h.xml": "",
        "i.xml": VOC.format(name="../a.png", objects=OBJECT.format(2)),
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, "utf-8")
    found = read_annotations(tmp_path)
    (image,) = found.pictures
    assert image.classes[0].regions == (Box(1, 1, 3, 3),)
    assert [each.where for each in found.problems] == ["a.xml: object 2", *sorted(files)[1:]]


def test_yolo(tmp_path: Path, picture: Callable[..., Path]) -> None:
    for name in ("images/train/a.png", "images/train/b.png"):
        picture(name)
    (tmp_path / "labels/train").mkdir(parents=True)
    (tmp_path / "data.yaml").write_text("path: .\nnames:\n  0: cat\n  1: dog\n", "utf-8")
    (tmp_path / "labels/train/a.txt").write_text(
        "0 0.5 0.5 0.25 0.5\n1 0 0 0.5 0 0.5 0.5\n\n9 0.5 0.5 0.2 0.2\nx 1 1 1 1\n0 0.5 0.5 0 1\n"
        "0 0.5 0.5 2 1\n0 0.5 0.5 nan 1\n0 0.1\n"
    )
    (tmp_path / "labels/train/gone.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    found = read_annotations(tmp_path)
    (image,) = found.pictures
    assert [(each.category.name, each.category.number) for each in image.classes] == [
        ("cat", 0), ("dog", 1),
    ]  # fmt: skip
    assert image.classes[0].regions == (Box(0.375, 0.25, 0.25, 0.5, relative=True),)
    lines = [each.where.rpartition(" ")[2] for each in found.problems]
    assert lines == ["4", "5", "6", "7", "8", "9", "labels/train/gone.txt"]


@pytest.mark.parametrize("text", ["names: 3", "[", "names: {a: b}", "- x", "!!python/object:x y"])
def test_names_of_classes_that_cannot_be_read(tmp_path: Path, text: str) -> None:
    (tmp_path / "labels").mkdir()
    (tmp_path / "data.yaml").write_text(text, "utf-8")
    with pytest.raises(UsageError, match=r"data\.yaml"):
        read_annotations(tmp_path)


def test_formats_are_told_by_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no"):
        format_of(tmp_path / "gone.json")
    (tmp_path / "data.txt").write_text("")
    with pytest.raises(UsageError, match="no data set that is known"):
        format_of(tmp_path / "data.txt")
    with pytest.raises(UsageError, match="no annotated picture"):
        read_annotations(tmp_path)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["id", "image_id", "category_id", "bbox", "segmentation", "name",
                         "file_name", "size", "counts", "width"]), inner, max_size=6),
    max_leaves=12,
)  # fmt: skip


@given(st.lists(ANYTHING, max_size=4), st.lists(ANYTHING, max_size=4), st.lists(ANYTHING))
def test_no_json_is_too_odd(
    tmp_path_factory: pytest.TempPathFactory, images: list, categories: list, annotations: list
) -> None:
    folder = tmp_path_factory.mktemp("coco")
    Image.fromarray(np.zeros((6, 8, 3), np.uint8)).save(folder / "a.png")
    content = {
        "images": [IMAGE, *images],
        "categories": [CATEGORY, *categories],
        "annotations": [ANNOTATION, *annotations],
    }
    path = folder / "data.json"
    path.write_text(json.dumps(content), "utf-8")
    try:
        found = read_annotations(path)
    except UsageError as error:
        assert "\n" not in str(error)
    else:
        used = sum(len(each.regions) or 1 for image in found.pictures for each in image.classes)
        refused = sum("annotation" in each.where for each in found.problems)
        assert used + refused == 1 + len(annotations)


@given(st.binary(max_size=200))
def test_no_table_is_too_odd(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("table")
    path = folder / "data.csv"
    path.write_bytes(b"path,class,x,y,w,h\na.png,cat,1,1,2,2\n" + content)
    try:
        found = read_annotations(path)
    except UsageError as error:
        assert "\n" not in str(error)
    else:
        assert found.problems
