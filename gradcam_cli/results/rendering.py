"""From explanations to pictures: the heat, its scale, its hot regions and the caption."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcam_cli.images.overlay import overlay
from gradcam_cli.results.regions import HotRegion
from gradcam_cli.text import percent, printable

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from gradcam_cli.images.captions import Caption
    from gradcam_cli.images.drawing import Drawing
    from gradcam_cli.results.explanation import Explanation, TargetExplanation


def render(
    explanation: Explanation, number: int, pixels: NDArray[np.uint8], drawing: Drawing
) -> NDArray[np.uint8]:
    """The picture with the heatmap of one target.

    Parameters
    ----------
    explanation : Explanation
        For `drawing.boxes`, with those of `with_boxes`.
    number : int
        Which of its targets.
    pixels : (H, W, 3) uint8 RGB, 0..255
        The picture.
    drawing : Drawing

    Returns
    -------
    (H, W, 3) uint8 RGB, 0..255
        In some styles larger than the picture.
    """
    target, frame = explanation.targets[number], explanation.frame
    heatmap, end = _drawn_map(explanation, target, drawing)
    if drawing.style == "blend" and not drawing.boxes:
        return overlay(
            pixels,
            heatmap,
            frame=frame,
            alpha=drawing.opacity,
            colormap=drawing.colors,
            upsample=drawing.upsample,
            signed=drawing.signed,
        )
    from gradcam_cli.images.styles import draw

    regions = [each.region for each in target.boxes or ()] if drawing.boxes else []
    caption = caption_of(explanation, target, drawing)
    return draw(pixels, heatmap, drawing, frame, regions=regions, caption=caption, end=end)


def save_overlays(explanation: Explanation, path: Path, drawing: Drawing) -> Explanation:
    """See `Explanation.save`."""
    from gradcam_cli.images.writing import encoded_image, write_checked

    written = []
    targets = len({target.target for target in explanation.targets}) > 1
    methods = len({target.method for target in explanation.targets}) > 1
    for number, target in enumerate(explanation.targets):
        tag = target.tag(target=targets, method=methods)
        file_path = path.with_name(f"{path.stem}{tag}{path.suffix}")
        drawn = render(explanation, number, explanation.pixels, drawing)
        write_checked(file_path, encoded_image(drawn, path.suffix))
        written.append(target.with_paths(str(file_path), target.heatmap_path))
    return explanation.with_targets(written)


def _drawn_map(
    explanation: Explanation, target: TargetExplanation, drawing: Drawing
) -> tuple[NDArray[np.float32], float]:
    """What is drawn of a target, and what 1 is in it, as a share of the end of its scale."""
    heatmap = _scaled_map(explanation, target, drawing)
    percentile = drawing.percentile_of(heatmap.size)
    if percentile == 100:
        return heatmap, 1.0
    from gradcam_cli.images.styles import clipped

    shared = _on_one_scale(explanation, target) if drawing.scale == "shared" else []
    others = [_scaled_map(explanation, each, drawing) for each in shared if each is not target]
    return clipped(heatmap, percentile, others)


def _scaled_map(
    explanation: Explanation, target: TargetExplanation, drawing: Drawing
) -> NDArray[np.float32]:
    """The heatmap of a target, or all of its map, on the scale that is asked for."""
    shared = drawing.scale == "shared"
    if drawing.signed:
        from gradcam_cli.images.styles import signed_heatmap

        others = _on_one_scale(explanation, target) if shared else []
        return signed_heatmap(target.raw, [each.raw for each in others])
    return target.heatmap * scale_share(explanation, target) if shared else target.heatmap


def _on_one_scale(explanation: Explanation, target: TargetExplanation) -> list[TargetExplanation]:
    """Those by its method at its layer: values of others have other units."""
    key = (target.method, target.layer)
    return [each for each in explanation.targets if (each.method, each.layer) == key]


def scale_share(explanation: Explanation, target: TargetExplanation) -> float:
    """The maximum of a target's raw map as a share of the largest by its method at its layer.

    1 where the maximum is not known.
    """
    peaks = [each.peak for each in _on_one_scale(explanation, target)]
    return target.peak / max(peak for peak in peaks if peak) if target.peak else 1.0


def with_boxes(
    explanation: Explanation, pixels: NDArray[np.uint8], drawing: Drawing
) -> Explanation:
    """The same with the hot regions of each target, as `drawing` asks for them.

    They are those of the heatmap at the picture's size, each on its own scale.
    """
    from gradcam_cli.images.regions import hot_regions
    from gradcam_cli.images.upsampling import heat_over

    height, width = pixels.shape[:2]
    count = 1 if drawing.box_regions == "largest" else None
    targets = []
    for target in explanation.targets:
        heat = heat_over(pixels, target.heatmap, explanation.frame, drawing.upsample)
        regions = hot_regions(heat, drawing.box_threshold)[:count]
        boxes = tuple(HotRegion.of(region, height, width) for region in regions)
        targets.append(target.with_boxes(boxes))
    return explanation.with_targets(targets)


def caption_of(explanation: Explanation, target: TargetExplanation, drawing: Drawing) -> Caption:
    """What is shown: the class, how probable it is; the method, the layer and the model."""
    from gradcam_cli.images.captions import Caption

    title = f"{'against ' * target.counterfactual}{target.prediction.name}"
    if target.versus is not None:
        title += f" rather than {target.versus.name}"
    figures = f" · {percent(target.prediction.probability)}"
    if target.evidence == "none":
        figures += " · no evidence"
    details = f"{target.method} at {target.layer} · {explanation.model}"
    height, width = target.heatmap_size
    percentile = drawing.percentile_of(height * width)
    remarks = {
        "shared scale": drawing.scale == "shared",
        f"scale to percentile {percentile:g}": percentile != 100,
        "below 0: against it": drawing.signed,
    }
    scale = " · ".join(remark for remark, holds in remarks.items() if holds)
    return Caption(printable(title.replace("_", " ")), figures, printable(details), scale)
