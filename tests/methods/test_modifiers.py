"""Means over changed inputs, and maps of several layers as one, on a network worked by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gradcam_cli.errors import UsageError
from gradcam_cli.methods import MethodChoice, parse_method
from gradcam_cli.methods.contract import Maps, Method, Question
from gradcam_cli.methods.modifiers import FUSIONS, Fusion, Modifiers
from gradcam_cli.passes import FORWARD, LAYER_GRADIENTS, STAGE_GRADIENTS, Pass
from gradcam_cli.targets import TOP, Target

SHAPE = (12, 12, 2)
GRAD_CAM = parse_method("grad-cam")


class Mean:
    """The score of class 0 is the input's mean, that of class 1 nothing."""

    parallel, rows, forward_rows = 1, 4, 4

    def forward(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        means = batch.mean(axis=(1, 2, 3))
        return np.stack([means, np.zeros_like(means)], axis=1)


def intensities(question: Question, **options: float) -> Maps:
    """As a map the first channel of what the method is given."""
    raw = np.stack([array[..., 0] for array in question.inputs])
    return Maps(raw, np.zeros((len(raw), 2), np.float32))


def by_layer(question: Question, **options: float) -> Maps:
    """A map that each layer has of its own."""
    raw = {"low": [[4, -8], [0, 2]], "high": [[0, 0, 10, 10], [0, 0, 10, 10]] * 2}
    array = np.array(raw[question.layer], np.float32)
    return Maps(np.stack([array] * len(question.inputs)), np.zeros((1, 2), np.float32))


def choice(maps: Any, needs: tuple[Pass, ...] = (LAYER_GRADIENTS,)) -> MethodChoice:
    method = Method("test", "Test", "", "", needs, "", signed=True, maps=maps)
    return MethodChoice(method, {})


def question(*inputs: NDArray[np.float32], layer: str = "low", index: int = TOP) -> Question:
    engine: Any = Mean()
    baseline = np.full(SHAPE, -1, np.float32)
    return Question(engine, inputs, [Target(index)] * len(inputs), layer, "logit", baseline)


def gradient_image() -> NDArray[np.float32]:
    image = np.zeros(SHAPE, np.float32)
    image[...] = np.linspace(0, 1, 12)[:, None, None] + np.linspace(0, 2, 12)[None, :, None]
    return image


def noise(seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=SHAPE).astype(np.float32)


def test_smoothing_takes_the_mean_over_noise_of_the_input_s_range() -> None:
    image = gradient_image()  # of the range 3
    one = Modifiers(smooth=1).maps(choice(intensities), question(image)).raw[0] - image[..., 0]
    assert 0.3 < one.std() < 0.6
    many = Modifiers(smooth=400).maps(choice(intensities), question(image)).raw[0] - image[..., 0]
    assert many.std() == pytest.approx(0.45 / 20, rel=0.2)
    assert abs(many.mean()) < 0.01


def test_what_is_smoothed_does_not_depend_on_the_batch() -> None:
    a, b = noise(0), noise(1)
    smooth = Modifiers(smooth=3)
    together = smooth.maps(choice(intensities), question(a, b, a)).raw
    alone = smooth.maps(choice(intensities), question(b)).raw
    np.testing.assert_array_equal(together[1], alone[0])
    np.testing.assert_array_equal(together[0], together[2])
    assert not np.array_equal(together[0], together[1])


@pytest.mark.parametrize("modifiers", [Modifiers(smooth=2), Modifiers(augment=True)])
def test_scores_and_the_predicted_class_are_those_of_the_input_itself(modifiers: Modifiers) -> None:
    seen: list[Target] = []

    def watch(asked: Question, **options: float) -> Maps:
        seen.extend(asked.targets)
        return intensities(asked)

    image = noise(0) + np.float32(0.5)
    answer = modifiers.maps(choice(watch), question(image))
    np.testing.assert_allclose(answer.scores, [[image.mean(), 0]], rtol=1e-6)
    assert set(seen) == {Target(0)}


def test_augmentation_puts_every_map_back_in_its_place() -> None:
    image = gradient_image()
    raw = Modifiers(augment=True).maps(choice(intensities), question(image)).raw[0]
    inner = slice(2, -2)
    np.testing.assert_allclose(raw[inner, inner], image[inner, inner, 0], atol=0.03)


def test_augmentation_is_a_mean_over_six_inputs_at_three_sizes() -> None:
    shown: list[NDArray[np.float32]] = []

    def watch(asked: Question, **options: float) -> Maps:
        shown.extend(asked.inputs)
        return intensities(asked)

    Modifiers(augment=True).maps(choice(watch), question(np.ones(SHAPE, np.float32)))
    black = [float((array == -1).mean()) for array in shown]
    assert black == pytest.approx([0, 1 - 100 / 144, 1 - 64 / 144] * 2)


@pytest.mark.parametrize(
    ("fuse", "corner"), [("mean", (0.5 + 0) / 2), ("maximum", 0.5), ("product", 0.0)]
)
def test_maps_of_layers_are_scaled_and_fused_at_the_finest_resolution(
    fuse: Fusion, corner: float
) -> None:
    modifiers = Modifiers(layers=("high",), fuse=fuse)
    raw = modifiers.maps(choice(by_layer), question(noise(0))).raw[0]
    assert raw.shape == (4, 4)
    assert raw[0, 0] == pytest.approx(corner)  # 4 of 8, and 0 of 10
    bottom_right = {"mean": (0.25 + 1) / 2, "maximum": 1.0, "product": 0.25}
    assert raw[3, 3] == pytest.approx(bottom_right[fuse])


def test_all_ways_to_fuse_are_tried_above() -> None:
    assert set(FUSIONS) == {"mean", "maximum", "product"}


def test_a_layer_without_evidence_stays_nothing() -> None:
    def nothing(asked: Question, **options: float) -> Maps:
        return Maps(np.zeros((1, 2, 2), np.float32), np.zeros((1, 2), np.float32))

    raw = Modifiers(layers=("high",)).maps(choice(nothing), question(noise(0))).raw
    np.testing.assert_array_equal(raw, np.zeros((1, 2, 2)))


def test_methods_that_look_at_the_input_are_not_fused() -> None:
    calls = []

    def watch(asked: Question, **options: float) -> Maps:
        calls.append(asked.layer)
        return intensities(asked)

    Modifiers(layers=("high",)).maps(choice(watch, (FORWARD,)), question(noise(0)))
    assert calls == ["low"]


def test_what_modifiers_need_of_an_engine() -> None:
    modified = Modifiers(smooth=2, layers=("high",)).needs([LAYER_GRADIENTS, FORWARD])
    assert modified == [LAYER_GRADIENTS, FORWARD, LAYER_GRADIENTS.at_layer("high"), FORWARD]


def test_a_method_of_stages_takes_one_layer() -> None:
    with pytest.raises(UsageError, match="takes one layer"):
        Modifiers(layers=("high",)).needs([STAGE_GRADIENTS])
    assert Modifiers(smooth=2).needs([STAGE_GRADIENTS]) == [STAGE_GRADIENTS, FORWARD]


def test_they_are_told_in_words() -> None:
    modifiers = Modifiers(5, True, ("b",), "product")
    assert modifiers.text == "smooth=5, augment, fuse=product"
    assert modifiers.layer_text("a") == "a + b"
    assert Modifiers().text == ""
    assert replace(modifiers, layers=()).layer_text("a") == "a"
