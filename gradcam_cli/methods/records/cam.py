"""The records of class activation maps: the maps of a layer, weighted and summed."""

from __future__ import annotations

from gradcam_cli.methods.contract import ONE_PASS, Method, imported
from gradcam_cli.passes import ACTIVATIONS, LAYER_GRADIENTS

RECORDS = (
    Method(
        name="grad-cam",
        title="Grad-CAM",
        summary="the maps of a layer, each weighted by its mean gradient",
        paper="Selvaraju et al., 2017, arXiv 1610.02391",
        needs=(LAYER_GRADIENTS,),
        cost=ONE_PASS,
        signed=True,
        maps=imported("cam", "grad_cam_maps"),
    ),
    Method(
        name="grad-cam++",
        title="Grad-CAM++",
        summary="the same by positive gradients, which finds several objects of a class",
        paper="Chattopadhyay et al., 2018, arXiv 1710.11063",
        needs=(LAYER_GRADIENTS,),
        cost=ONE_PASS,
        signed=False,
        maps=imported("cam", "grad_cam_plus_plus_maps"),
    ),
    Method(
        name="hirescam",
        title="HiResCAM",
        summary="each activation times its own gradient: where it counts, not on average",
        paper="Draelos and Carin, 2020, arXiv 2011.08891",
        needs=(LAYER_GRADIENTS,),
        cost=ONE_PASS,
        signed=True,
        maps=imported("cam", "hires_cam_maps"),
    ),
    Method(
        name="eigen-cam",
        title="Eigen-CAM",
        summary="what the maps of a layer have most in common, whatever the class",
        paper="Muhammad and Yeasin, 2020, arXiv 2008.00299",
        needs=(ACTIVATIONS,),
        cost="1 forward pass",
        signed=False,
        maps=imported("cam", "eigen_cam_maps"),
        uses_target=False,
    ),
)
