"""Running many inputs a few at a time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

T = TypeVar("T")


def in_batches(
    run: Callable[[NDArray[np.intp]], T], count: int, rows: int, parallel: int
) -> list[T]:
    """What `run` gives for each batch of `rows` of `count` inputs, in order.

    The last batch is filled up with what is there, so that every row is computed in a batch of the
    same size, and what comes of it does not depend on the others.

    Parameters
    ----------
    run : callable
        Given the numbers of the inputs to run, (rows,) int. Of the last batch's, those from
        ``count - start`` on are only there to fill it.
    count, rows : int
        How many inputs there are, and how many to run at a time.
    parallel : int
        How many threads run batches side by side.
    """
    import numpy as np

    starts = range(0, count, rows)

    def batch(start: int) -> T:
        return run(np.arange(start, start + rows) % count)

    if len(starts) == 1 or parallel == 1:
        return [batch(start) for start in starts]
    with ThreadPoolExecutor(parallel) as pool:
        return list(pool.map(batch, starts))
