"""The records of methods that look at the input."""

from __future__ import annotations

from gradcam_cli.methods.contract import ONE_PASS, Method, Option, imported
from gradcam_cli.passes import (
    FORWARD,
    GUIDED_GRADIENTS,
    INPUT_GRADIENTS,
    LAYER_GRADIENTS,
    RELEVANCE,
)

RECORDS = (
    Method(
        name="saliency",
        title="Saliency",
        summary="how strongly each pixel moves the score, either way",
        paper="Simonyan et al., 2013, arXiv 1312.6034",
        needs=(INPUT_GRADIENTS,),
        cost=ONE_PASS,
        signed=False,
        maps=imported("input_gradient", "saliency_maps"),
    ),
    Method(
        name="input-x-gradient",
        title="Input × Gradient",
        summary="what each pixel adds to the score, were it linear",
        paper="Shrikumar et al., 2017, arXiv 1605.01713",
        needs=(INPUT_GRADIENTS,),
        cost=ONE_PASS,
        signed=True,
        maps=imported("input_gradient", "input_x_gradient_maps"),
    ),
    Method(
        name="integrated-gradients",
        title="Integrated Gradients",
        summary="what each pixel adds to the score on the way from a black picture",
        paper="Sundararajan et al., 2017, arXiv 1703.01365",
        needs=(FORWARD, INPUT_GRADIENTS),
        cost="1 forward pass, and 1 of both a step and baseline",
        signed=True,
        maps=imported("path_gradient", "integrated_gradients"),
        uses_baseline=True,
        options=(Option("steps", "points on the way", 50, 1, 10_000),),
    ),
    Method(
        name="expected-gradients",
        title="Expected Gradients",
        summary="the same, averaged over the pictures of --baseline",
        paper="Erion et al., 2021, arXiv 1906.10670",
        needs=(FORWARD, INPUT_GRADIENTS),
        cost="1 forward pass, and 1 of both a sample",
        signed=True,
        maps=imported("path_gradient", "expected_gradients"),
        uses_baseline=True,
        options=(
            Option("samples", "points on the ways from all baselines", 100, 1, 100_000),
            Option("seed", "of what is drawn", 0, 0, 2**32 - 1),
        ),
    ),
    Method(
        name="guided-backprop",
        title="Guided Backpropagation",
        summary="saliency by what is positive only: sharp, and nearly blind to the class",
        paper="Springenberg et al., 2015, arXiv 1412.6806",
        needs=(GUIDED_GRADIENTS,),
        cost=ONE_PASS,
        signed=False,
        maps=imported("input_gradient", "guided_backprop_maps"),
    ),
    Method(
        name="guided-grad-cam",
        title="Guided Grad-CAM",
        summary="the fine lines of guided backpropagation where Grad-CAM is warm",
        paper="Selvaraju et al., 2017, arXiv 1610.02391",
        needs=(LAYER_GRADIENTS, GUIDED_GRADIENTS),
        cost="2 forward, 2 backward passes",
        signed=False,
        maps=imported("input_gradient", "guided_grad_cam_maps"),
        own_resolution="the input",
    ),
    Method(
        name="lrp",
        title="LRP",
        summary="the score handed back from layer to layer, to what made it",
        paper="Bach et al., 2015, PLOS ONE 10(7); rules of Montavon et al., 2019, LNCS 11700",
        needs=(RELEVANCE,),
        cost=ONE_PASS,
        signed=True,
        maps=imported("input_gradient", "relevance_maps"),
    ),
)
