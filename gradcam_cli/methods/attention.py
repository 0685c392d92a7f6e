"""Methods for vision transformers: from the attention of all blocks to a map of the tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.arguments import check_attention
from gradcam_cli.methods.batching import (
    Numbers,
    RowMap,
    by_row,
    in_batches,
    rows_by_input,
    rows_in_batches,
)
from gradcam_cli.methods.contract import Maps, Question
from gradcam_cli.passes import ATTENTION, BLOCK_ATTENTION, Captured, Gradients, Rules, TokenGrid
from gradcam_cli.targets import Target

Array = NDArray[np.float32]


def attention_rollout(attention: Array, tokens: TokenGrid) -> Array:
    """How much of each token of the picture comes to the one that is classified.

    Abnar and Zuidema, 2020, arXiv 2005.00928, section 3 and equation 1: with A_b the mean over the
    heads of block b, and half of each token going past it by the residual connection,
    R = Π_b (A_b + I) / 2, the last block first. What comes out is the row of R of the class token,
    the first of those before the picture's; where there are none, the mean of all rows.

    Parameters
    ----------
    attention : (blocks, heads, tokens, tokens) float32
        A of one image, its rows adding up to 1.
    tokens : TokenGrid
        Where the picture's are among them.

    Returns
    -------
    (h, w) float32
        The raw heatmap, in 0..1; the same for every class.

    Raises
    ------
    UsageError
        Unless it is floats of such a shape, with tokens for the grid.

    Examples
    --------
    One block and one head; the class token takes a quarter from itself and the rest from two
    tokens of the picture.

    >>> attention = np.array([[[[0.25, 0.5, 0.25], [0, 1, 0], [0, 0, 1]]]], np.float32)
    >>> attention_rollout(attention, TokenGrid(1, 2, 1)).tolist()
    [[0.25, 0.125]]
    """
    check_attention(_end_of(tokens), attention)
    count = attention.shape[-1]
    read = 1 if tokens.first else count
    reached = (np.arange(count) < read) / read
    for matrix in attention.mean(axis=1, dtype=np.float64)[::-1]:
        reached = (reached @ matrix + reached) / 2
    return _on_grid(reached, tokens)


def generic_attention(attention: Array, gradients: Array, tokens: TokenGrid) -> Array:
    """The same, each step of it weighted by what it adds to the score.

    Chefer et al., 2021, arXiv 2103.15679 (Generic Attention-model Explainability), equations 5
    and 6: with A and G = dy/dA of block b, Ā_b = mean over heads of ReLU(G ⊙ A), and
    R = Π_b (I + Ā_b), the last block first. It is their successor of `transformer_attribution`.

    They take the row of the class token. Here it is the mean of the rows of those tokens that y
    depends on after the last block, which is that row where only a class token is read: others
    have gradients of 0 there. I is taken from R again, as where they normalize it: it says of each
    token that it is itself, which is no evidence where all tokens are read.

    Parameters
    ----------
    attention, gradients : (blocks, heads, tokens, tokens) float32
        A and dy/dA of one image.
    tokens : TokenGrid
        Where the picture's are among them.

    Returns
    -------
    (h, w) float32
        The raw heatmap, none of it below 0.

    Raises
    ------
    UsageError
        Unless both are floats of one such shape, with tokens for the grid.
    """
    check_attention(_end_of(tokens), attention, gradients)
    is_read = gradients[-1].any(axis=(0, 2))
    read = is_read / max(1, np.count_nonzero(is_read))
    relevance = read
    for a, g in zip(attention[::-1], gradients[::-1], strict=True):
        raising = np.maximum(g * a, 0).mean(axis=0, dtype=np.float64)
        relevance = relevance + relevance @ raising
    return _on_grid(relevance - read, tokens)


def transformer_attribution(
    attention: Array, gradients: Array, linearized: Array, tokens: TokenGrid
) -> Array:
    """`generic_attention` by the relevance of the attention in place of the attention.

    Chefer et al., 2020, arXiv 2012.09838 (Transformer Interpretability Beyond Attention
    Visualization), equations 13 and 14: Ā_b = mean over heads of ReLU(G ⊙ R), with R the relevance
    that layer-wise propagation hands to the attention A of block b. They propagate by deep Taylor
    decomposition. Here it is by the rules of AttnLRP (Achtibat et al., 2024, arXiv 2402.05602),
    which came later and are derived for attention: R = A ⊙ G', with G' the gradient of the model
    that is linear at each of its values.

    Parameters
    ----------
    attention, gradients, linearized : (blocks, heads, tokens, tokens) float32
        A, G = dy/dA and G' of one image.
    tokens : TokenGrid
        Where the picture's are among them.

    Returns
    -------
    (h, w) float32
        The raw heatmap, none of it below 0.

    Raises
    ------
    UsageError
        Unless all are floats of one such shape, with tokens for the grid.
    """
    check_attention(_end_of(tokens), attention, gradients, linearized)
    return generic_attention(attention * linearized, gradients, tokens)


def le_grad(gradients: Array, tokens: TokenGrid) -> Array:
    """How much more attention to each token would raise the score, in all blocks.

    Bousselham et al., 2024, arXiv 2404.03214, the map of all layers: with G_b = dy_b/dA_b of
    block b, of the score y_b that the tokens after that block have where the head reads them, the
    mean over blocks, heads and rows of ReLU(G_b). The head is what the model has after its last
    block, with its own way to pool tokens; the authors' code for CLIP takes the mean of all tokens
    there.

    Parameters
    ----------
    gradients : (blocks, heads, tokens, tokens) float32
        G of one image.
    tokens : TokenGrid
        Where the picture's are among the tokens.

    Returns
    -------
    (h, w) float32
        The raw heatmap, none of it below 0.

    Raises
    ------
    UsageError
        Unless it is floats of such a shape, with tokens for the grid.
    """
    check_attention(_end_of(tokens), gradients)
    return _on_grid(np.maximum(gradients, 0).mean(axis=(0, 1, 2), dtype=np.float64), tokens)


@by_row
def attention_rollout_maps(question: Question) -> Iterator[RowMap]:
    """`attention_rollout` of each input; see `Maps`."""
    inputs, engine = list(question.inputs), question.engine
    groups = rows_by_input(inputs)

    def run(numbers: Numbers) -> Captured:
        batch = np.stack([inputs[groups[number][0]] for number in numbers.tolist()])
        return engine.capture(batch, [ATTENTION])

    for numbers, batch in in_batches(run, len(groups), question.rows, engine.parallel):
        arrays = zip(numbers, batch.activations[ATTENTION], batch.scores, strict=False)
        for number, attention, scores in arrays:
            raw = attention_rollout(attention, _tokens_of(batch))
            for row in groups[number]:
                yield row, raw, scores


def _from_gradients(
    function: Callable[..., Array], place: str, rules: Sequence[Rules] = ("standard",)
) -> Callable[..., Maps]:
    """A method of a pass for each of `rules`.

    `function` takes A and the G by each of the rules, of one image, and what the tokens are.
    """

    @by_row
    def maps(question: Question) -> Iterator[RowMap]:
        engine = question.engine

        def run(batch: Array, targets: list[Target]) -> list[Gradients]:
            return [
                engine.gradients(batch, targets, [place], score=question.score, rules=each)
                for each in rules
            ]

        for rows, passes in rows_in_batches(question, run):
            first, gradients = passes[0], [each.gradients[place] for each in passes]
            arrays = (first.scores, first.activations[place], *gradients)
            for row, scores, *own in zip(rows, *arrays, strict=False):
                yield row, function(*own, _tokens_of(first)), scores

    return maps


generic_attention_maps = _from_gradients(generic_attention, ATTENTION)
transformer_attribution_maps = _from_gradients(
    transformer_attribution, ATTENTION, ("standard", "linearized")
)
le_grad_maps = _from_gradients(
    lambda _, gradients, tokens: le_grad(gradients, tokens), BLOCK_ATTENTION
)


def _tokens_of(batch: Captured) -> TokenGrid:
    assert batch.tokens is not None  # an engine gives it with attention
    return batch.tokens


def _on_grid(relevance: NDArray[np.float64], tokens: TokenGrid) -> Array:
    of_picture = relevance[tokens.first : _end_of(tokens)]
    return of_picture.reshape(tokens.height, tokens.width).astype(np.float32)


def _end_of(tokens: TokenGrid) -> int:
    """How many tokens there are at least."""
    return tokens.first + tokens.height * tokens.width
