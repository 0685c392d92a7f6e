"""The records of methods that look at the attention of a vision transformer."""

from __future__ import annotations

from gradcam_cli.methods.contract import ONE_PASS, Method, imported
from gradcam_cli.passes import (
    ATTENTION_CAPTURE,
    ATTENTION_GRADIENTS,
    BLOCK_ATTENTION_GRADIENTS,
    LINEARIZED_ATTENTION_GRADIENTS,
)

RECORDS = (
    Method(
        name="attention-rollout",
        title="Attention Rollout",
        summary="where a transformer's class token looks through all blocks, whatever the class",
        paper="Abnar and Zuidema, 2020, arXiv 2005.00928",
        needs=(ATTENTION_CAPTURE,),
        cost="1 forward pass",
        signed=False,
        maps=imported("attention", "attention_rollout_maps"),
        uses_target=False,
    ),
    Method(
        name="generic-attention",
        title="Generic Attention Explainability",
        summary="the same by the attention that raises the score: each times its gradient",
        paper="Chefer et al., 2021, arXiv 2103.15679",
        needs=(ATTENTION_GRADIENTS,),
        cost=ONE_PASS,
        signed=False,
        maps=imported("attention", "generic_attention_maps"),
    ),
    Method(
        name="transformer-attribution",
        title="Transformer Attribution",
        summary="the same by the relevance of the attention, as AttnLRP hands it back",
        paper="Chefer et al., 2020, arXiv 2012.09838",
        needs=(ATTENTION_GRADIENTS, LINEARIZED_ATTENTION_GRADIENTS),
        cost="2 forward, 2 backward passes",
        signed=False,
        maps=imported("attention", "transformer_attribution_maps"),
    ),
    Method(
        name="le-grad",
        title="LeGrad",
        summary="which attention of each block would raise the score that its tokens have",
        paper="Bousselham et al., 2024, arXiv 2404.03214",
        needs=(BLOCK_ATTENTION_GRADIENTS,),
        cost="1 forward, 1 backward pass, and the head once a block",
        signed=False,
        maps=imported("attention", "le_grad_maps"),
    ),
)
