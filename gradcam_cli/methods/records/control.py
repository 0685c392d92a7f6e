"""The records of the control."""

from __future__ import annotations

from gradcam_cli.methods.contract import Method, Option, imported
from gradcam_cli.passes import ACTIVATIONS

RECORDS = (
    Method(
        name="random",
        title="Random",
        summary="noise, the control that others must beat",
        paper="none",
        needs=(ACTIVATIONS,),
        cost="1 forward pass",
        signed=False,
        maps=imported("control", "random_maps"),
        options=(Option("seed", "of the noise", 0, 0, 2**32 - 1),),
    ),
)
