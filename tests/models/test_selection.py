"""Which model is used, with real transfers from a loopback server."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import pytest

from gradcam_cli.errors import ModelError, UsageError
from gradcam_cli.models import catalog
from gradcam_cli.models.selection import select_model
from gradcam_cli.models.weights import WeightsFile, find
from tests.models.weights_server import Answer, WeightsServer, serving

BODY = b"weights" * 100_000


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> WeightsServer:
    """VGG16's weights as this server has them."""
    with serving(BODY) as running:
        vgg16 = catalog.find_model("vgg16")
        file = WeightsFile(running.url("vgg16.h5"), running.checksum, len(BODY))
        monkeypatch.setitem(catalog.models(), "vgg16", dataclasses.replace(vgg16, file=file))
        yield running


def test_auto_is_vgg16_where_it_can_be_fetched_and_then_cached(server: WeightsServer) -> None:
    said: list[str] = []
    model = select_model().open(note=said.append)
    assert (model.name, model.origin, model.fallback) == ("vgg16", "fetched", "")
    assert model.digest() == hashlib.sha256(BODY).hexdigest()
    assert "MB" in said[0]
    assert select_model().open().origin == "cached"
    assert select_model().open(offline=True).origin == "cached"
    assert len(server.log) == 1


def test_auto_falls_back_and_says_so(server: WeightsServer) -> None:
    server.usual = Answer(status=404)
    said: list[str] = []
    model = select_model().open(note=said.append)
    assert (model.name, model.origin) == ("efficientnet-lite0", "bundled")
    assert "404" in model.fallback
    assert "instead of vgg16" in said[-1]


def test_offline_auto_is_the_bundled_model(server: WeightsServer) -> None:
    model = select_model().open(offline=True)
    assert model.name == "efficientnet-lite0"
    assert "offline" in model.fallback
    assert server.log == []


@pytest.mark.parametrize(
    "asked",
    [
        {"name": "vgg16"},
        {"name": "VGG-16"},
        {"layer": "block5_conv3"},
        {"layer": "block3_pool"},
        {"weights": Path("no-such-file.h5")},
    ],
)
def test_what_is_named_is_never_replaced(server: WeightsServer, asked: dict[str, object]) -> None:
    server.usual = Answer(status=404)
    with pytest.raises(ModelError) as caught:
        select_model(**asked).open()
    for remedy in ("gradcam models pull vgg16", "--weights FILE", "--model efficientnet-lite0"):
        assert remedy in str(caught.value)


def test_a_layer_that_only_the_bundled_model_has_means_that_one(server: WeightsServer) -> None:
    model = select_model(layer="top_activation").open()
    assert (model.name, model.fallback) == ("efficientnet-lite0", "")
    assert server.log == []


def test_an_unknown_layer_is_told_before_anything_is_fetched(server: WeightsServer) -> None:
    with pytest.raises(UsageError, match=r"The closest: block5_conv3"):
        select_model("auto", layer="block5_cnv3")
    with pytest.raises(UsageError, match=r"a layer of vgg19\. Pass --model vgg19"):
        select_model("auto", layer="block5_conv4")
    assert server.log == []


def test_a_layer_of_another_model_keeps_its_weights_from_being_fetched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving(BODY) as server:
        mobilenet = catalog.find_model("mobilenet")
        file = WeightsFile(server.url("mobilenet.h5"), server.checksum, len(BODY))
        served = dataclasses.replace(mobilenet, file=file)
        monkeypatch.setitem(catalog.models(), "mobilenet", served)
        with pytest.raises(UsageError, match=r"mobilenet has no .* is a layer of vgg16 and vgg19"):
            select_model("mobilenet", layer="block5_conv3").open()
        assert server.log == []
        assert select_model("mobilenet", layer="conv_pw_13_relu").open().origin == "fetched"


@pytest.mark.parametrize("content", [b"", b"junk", b"\x89HDF\r\n\x1a\n" + bytes(500)])
def test_weights_that_are_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "w.h5"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"does not hold the weights of mobilenet"):
        select_model("mobilenet", weights=path).open().network()


def test_weights_of_another_model(tmp_path: Path) -> None:
    path = tmp_path / "other.weights.h5"
    catalog.find_model("mobilenetv2").build().save_weights(path)
    with pytest.raises(ModelError, match=r"does not hold the weights of mobilenet "):
        select_model("mobilenet", weights=path).open().network()


def test_damaged_cached_weights_name_the_remedy(server: WeightsServer) -> None:
    select_model().open()  # what the server has is no weights file
    with pytest.raises(ModelError, match=r"gradcam models pull vgg16 --force"):
        select_model().open().network()


def test_weights_of_ones_own_in_keras_new_layout(tmp_path: Path) -> None:
    path = tmp_path / "own.weights.h5"
    model = catalog.find_model("mobilenetv2").build()
    bias = model.get_layer("predictions").bias
    bias.assign(range(1000))
    model.save_weights(path)
    loaded = select_model("mobilenetv2", weights=path).open().network()
    assert loaded.get_layer("predictions").bias.numpy().tolist() == list(range(1000))


def test_find_looks_only_in_the_cache(server: WeightsServer) -> None:
    file = catalog.find_model("vgg16").file
    assert find(file) is None
    select_model().open()
    assert find(file) is not None


def test_building_draws_no_random_values() -> None:
    for name in ("vgg16", "efficientnetb0", "convnexttiny", "mobilenetv3small"):
        kernels = [
            weight for weight in catalog.find_model(name).build().weights if "kernel" in weight.path
        ]
        assert kernels
        assert all(not weight.numpy().any() for weight in kernels)
