"""The bars that the figures must not pass."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.records import PHOTOS, Results


@dataclass(frozen=True)
class Bar:
    """One figure, the most it may be, and how both are written."""

    what: str
    measured: float
    most: float
    form: str = "{:.2f}"

    @property
    def met(self) -> bool:
        """Whether the figure is within its bar."""
        return self.measured <= self.most

    def row(self) -> list[str]:
        """As a row of a table: what, measured, bar, met or missed."""
        verdict = "met" if self.met else "**missed**"
        return [self.what, *map(self.form.format, (self.measured, self.most)), verdict]


def bars(results: Results) -> list[Bar]:
    """Every bar with what was measured."""
    _, forward = results.best("forward")
    _, explanation = results.best("openvino")
    files = results.sizes.compiled["vgg16"] / results.sizes.weights
    return [
        Bar("VGG16 compiled ÷ plain Keras, cold", results.ratio("vgg16-openvino", "plain"), 0.12),
        Bar(
            "EfficientNet-Lite0 compiled ÷ plain Keras (VGG16), cold",
            results.ratio("efficientnet-lite0-openvino", "plain"),
            0.055,
            "{:.3f}",
        ),
        *_against_peers(results),
        Bar(
            "MobileNetV2 from an ONNX file ÷ EfficientNet-Lite0, cold",
            results.ratio("mobilenet.onnx-openvino", "efficientnet-lite0-openvino"),
            1.3,
        ),
        Bar("`gradcam --help` ÷ `import click, rich`", results.ratio("help", "rich"), 1.5),
        *_at_once(results),
        Bar(
            "compiled explanation ÷ forward pass alone, steady, each at its best batch size",
            explanation.median / forward.median,
            1.10,
        ),
        Bar("VGG16's compiled files ÷ its weights file", files, 1.1, "{:.3f}"),
        Bar(
            "peak memory of VGG16 compiled, the largest of all rounds",
            results.peak("vgg16-openvino").high,
            1.8,
            "{:.2f} GB",
        ),
        Bar(
            f"peak memory of VGG16 over {PHOTOS} photos, the largest of all rounds",
            results.peak("gradcam-folder").high,
            1.2,
            "{:.2f} GB",
        ),
    ]


def _against_peers(results: Results) -> list[Bar]:
    if "torch-cam-cold" not in results.cold:
        return []
    return [
        Bar(
            "VGG16 compiled ÷ torch-cam, cold",
            results.ratio("vgg16-openvino", "torch-cam-cold"),
            0.2,
        ),
        Bar(
            f"{PHOTOS} photos with VGG16 ÷ a loop of torch-cam",
            results.ratio("gradcam-folder", "torch-cam-folder"),
            0.6,
        ),
        Bar(
            f"{PHOTOS} photos with VGG16 ÷ a loop of torch-cam, first run",
            results.ratio("gradcam-first-folder", "torch-cam-folder"),
            0.7,
        ),
    ]


def _at_once(results: Results) -> list[Bar]:
    most = 1.5 * 1000 * results.seconds("click").median + 60
    allowed = "against 1.5 × `import click` + 60 ms"
    return [
        Bar(
            f"{results.commands[key].label}, {allowed}",
            1000 * results.seconds(key).median,
            most,
            "{:.0f} ms",
        )
        for key in ("help", "version", "completion", "usage")
    ]
