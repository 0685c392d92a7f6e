"""The table of speed in the README."""

from __future__ import annotations

from pathlib import Path

from benchmarks.markdown import table
from benchmarks.records import PHOTOS, Results

README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- from make bench -->", "<!-- until here -->"

_ROWS = (
    ("gradcam, VGG16", "vgg16-openvino", "gradcam-folder"),
    ("torch-cam, VGG16", "torch-cam-cold", "torch-cam-folder"),
    ("captum, VGG16", "captum-cold", "captum-folder"),
    ("pytorch-grad-cam, VGG16", "pytorch-grad-cam-cold", "pytorch-grad-cam-folder"),
    ("a plain Keras script, VGG16", "plain", ""),
    ("gradcam, bundled model", "efficientnet-lite0-openvino", ""),
)


def speed_table(results: Results) -> str:
    """What a photo and a folder take, and the most memory of either; who was not there is not."""
    header = ("", "a photo, cold", f"{PHOTOS} photos", "peak memory")
    rows = []
    for label, cold, folder in _ROWS:
        if cold in results.cold:
            keys = [key for key in (cold, folder) if key]
            rows.append(
                [
                    label,
                    f"{results.seconds(cold).median:.2f} s",
                    f"{results.seconds(folder).median:.1f} s" if folder else "",
                    f"{max(results.peak(key).high for key in keys):.2f} GB",
                ]
            )
    return table(header, rows)


def with_speed(text: str, results: Results) -> str:
    """The README `text` with the table of `results` in the place of the one that it has."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{speed_table(results)}\n\n{END}{after}"
