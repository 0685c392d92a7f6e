"""The records of methods that look at the input."""

from __future__ import annotations

from gradcam_cli.methods.contract import ONE_PASS, Method, Option, imported
from gradcam_cli.passes import FORWARD, GUIDED_GRADIENTS, INPUT_GRADIENTS

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
        name="integrated-gradients",
        title="Integrated Gradients",
        summary="what each pixel adds to the score on the way from a black picture",
        paper="Sundararajan et al., 2017, arXiv 1703.01365",
        needs=(FORWARD, INPUT_GRADIENTS),
        cost="1 forward pass, and 1 of both a step",
        signed=True,
        maps=imported("input_gradient", "integrated_gradients"),
        options=(Option("steps", "points on the way", 50, 1, 10_000),),
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
)
