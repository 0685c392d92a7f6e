"""The records of methods that change something and see what the score does."""

from __future__ import annotations

from gradcam_cli.methods.contract import Method, imported
from gradcam_cli.passes import ACTIVATIONS, FORWARD, TAIL

RECORDS = (
    Method(
        name="score-cam",
        title="Score-CAM",
        summary="each map weighted by the score of the picture seen through it",
        paper="Wang et al., 2020, arXiv 1910.01279",
        needs=(ACTIVATIONS, FORWARD),
        cost="1 forward pass, and 1 a channel",
        signed=False,
        maps=imported("perturbation", "score_cam"),
    ),
    Method(
        name="ablation-cam",
        title="Ablation-CAM",
        summary="each map weighted by the share of the score that is lost without it",
        paper="Desai and Ramaswamy, 2020, WACV",
        needs=(ACTIVATIONS, TAIL),
        cost="1 forward pass, and 1 tail a channel",
        signed=True,
        maps=imported("perturbation", "ablation_cam"),
    ),
)
