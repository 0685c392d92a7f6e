"""From explanations to pictures: the heat, its scale, its hot regions and the caption."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcam_cli.images.overlay import overlay
from gradcam_cli.results.regions import HotRegion
from gradcam_cli.text import percent, printable

if TYPE_CHECKING:
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
    heatmap = target.heatmap
    if drawing.scale == "shared":
        heatmap = heatmap * scale_share(explanation, target)
    if drawing.style == "blend" and not drawing.boxes:
        return overlay(
            pixels,
            heatmap,
            frame=frame,
            alpha=drawing.opacity,
            colormap=drawing.colors,
            upsample=drawing.upsample,
        )
    from gradcam_cli.images.styles import draw

    regions = [each.region for each in target.boxes or ()] if drawing.boxes else []
    caption = caption_of(explanation, target, drawing)
    return draw(pixels, heatmap, drawing, frame, regions=regions, caption=caption)


def scale_share(explanation: Explanation, target: TargetExplanation) -> float:
    """The maximum of a target's raw map as a share of the largest by its method at its layer.

    Values of other methods and layers have other units. 1 where the maximum is not known.
    """
    key = (target.method, target.layer)
    peaks = [each.peak for each in explanation.targets if (each.method, each.layer) == key]
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
    if drawing.scale == "shared":
        details += " · shared scale"
    return Caption(printable(title.replace("_", " ")), figures, printable(details))
