"""Every method by name. The records need no NumPy; what computes is imported where it is used."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from gradcam_cli.methods.contract import Maps, Method, Option, Question
from gradcam_cli.passes import (
    ACTIVATIONS,
    FORWARD,
    GUIDED_GRADIENTS,
    INPUT_GRADIENTS,
    LAYER_GRADIENTS,
    TAIL,
)

_ONE_PASS = "1 forward, 1 backward pass"


def _imported(module: str, name: str) -> Callable[..., Maps]:
    """The method `name` of a module of this package, imported at its first use."""

    def maps(question: Question, **options: int) -> Maps:
        function: Callable[..., Maps]
        function = getattr(import_module(f"gradcam_cli.methods.{module}"), name)
        return function(question, **options)

    return maps


_ALL = (
    Method(
        name="grad-cam",
        title="Grad-CAM",
        summary="the maps of a layer, each weighted by its mean gradient",
        paper="Selvaraju et al., 2017, arXiv 1610.02391",
        needs=(LAYER_GRADIENTS,),
        cost=_ONE_PASS,
        signed=True,
        maps=_imported("cam", "grad_cam_maps"),
    ),
    Method(
        name="grad-cam++",
        title="Grad-CAM++",
        summary="the same by positive gradients, which finds several objects of a class",
        paper="Chattopadhyay et al., 2018, arXiv 1710.11063",
        needs=(LAYER_GRADIENTS,),
        cost=_ONE_PASS,
        signed=False,
        maps=_imported("cam", "grad_cam_plus_plus_maps"),
    ),
    Method(
        name="hirescam",
        title="HiResCAM",
        summary="each activation times its own gradient: where it counts, not on average",
        paper="Draelos and Carin, 2020, arXiv 2011.08891",
        needs=(LAYER_GRADIENTS,),
        cost=_ONE_PASS,
        signed=True,
        maps=_imported("cam", "hires_cam_maps"),
    ),
    Method(
        name="eigen-cam",
        title="Eigen-CAM",
        summary="what the maps of a layer have most in common, whatever the class",
        paper="Muhammad and Yeasin, 2020, arXiv 2008.00299",
        needs=(ACTIVATIONS,),
        cost="1 forward pass",
        signed=False,
        maps=_imported("cam", "eigen_cam_maps"),
        uses_target=False,
    ),
    Method(
        name="score-cam",
        title="Score-CAM",
        summary="each map weighted by the score of the picture seen through it",
        paper="Wang et al., 2020, arXiv 1910.01279",
        needs=(ACTIVATIONS, FORWARD),
        cost="1 forward pass, and 1 a channel",
        signed=False,
        maps=_imported("perturbation", "score_cam"),
    ),
    Method(
        name="ablation-cam",
        title="Ablation-CAM",
        summary="each map weighted by the share of the score that is lost without it",
        paper="Desai and Ramaswamy, 2020, WACV",
        needs=(ACTIVATIONS, TAIL),
        cost="1 forward pass, and 1 tail a channel",
        signed=True,
        maps=_imported("perturbation", "ablation_cam"),
    ),
    Method(
        name="saliency",
        title="Saliency",
        summary="how strongly each pixel moves the score, either way",
        paper="Simonyan et al., 2013, arXiv 1312.6034",
        needs=(INPUT_GRADIENTS,),
        cost=_ONE_PASS,
        signed=False,
        maps=_imported("input_gradient", "saliency_maps"),
    ),
    Method(
        name="integrated-gradients",
        title="Integrated Gradients",
        summary="what each pixel adds to the score on the way from a black picture",
        paper="Sundararajan et al., 2017, arXiv 1703.01365",
        needs=(FORWARD, INPUT_GRADIENTS),
        cost="1 forward pass, and 1 of both a step",
        signed=True,
        maps=_imported("input_gradient", "integrated_gradients"),
        options=(Option("steps", "points on the way", 50, 1, 10_000),),
    ),
    Method(
        name="guided-backprop",
        title="Guided Backpropagation",
        summary="saliency by what is positive only: sharp, and nearly blind to the class",
        paper="Springenberg et al., 2015, arXiv 1412.6806",
        needs=(GUIDED_GRADIENTS,),
        cost=_ONE_PASS,
        signed=False,
        maps=_imported("input_gradient", "guided_backprop_maps"),
    ),
    Method(
        name="random",
        title="Random",
        summary="noise, the control that others must beat",
        paper="none",
        needs=(ACTIVATIONS,),
        cost="1 forward pass",
        signed=False,
        maps=_imported("control", "random_maps"),
        options=(Option("seed", "of the noise", 0, 0, 2**32 - 1),),
    ),
)

METHODS: dict[str, Method] = {method.name: method for method in _ALL}
