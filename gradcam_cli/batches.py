"""Many pictures for a loop of Python: read ahead, explained a few at a time, in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

from gradcam_cli.arguments import describe
from gradcam_cli.errors import GradcamError, UsageError
from gradcam_cli.images.reading import Picture

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from gradcam_cli.explainer import Explainer
    from gradcam_cli.results.explanation import Explanation
    from gradcam_cli.targets import Target

Item = TypeVar("Item")
Result = TypeVar("Result")
OnFailure: TypeAlias = Callable[[Any, GradcamError], None]

MOST_PICTURES = 16
"""How many are explained together at most; as many are read ahead meanwhile."""


class _Loaded(NamedTuple):
    picture: Picture
    array: NDArray[np.float32]


class _Failed(NamedTuple):
    source: Any
    error: GradcamError


def explanations(
    explainer: Explainer,
    sources: Iterable[Any],
    targets: Sequence[Target],
    top: int,
    on_failure: OnFailure | None,
) -> Iterator[Explanation]:
    """See `Explainer.explain_many`, which has checked `targets` and `top`."""
    if not isinstance(sources, Iterable) or isinstance(sources, (str, bytes)):
        raise UsageError(
            f"expected several pictures, got {describe(sources)}", "Pass a list of them."
        )
    engine, most = explainer.engine, MOST_PICTURES * len(targets)
    rows = min(engine.rows, most)  # of every batch, so that no result depends on how many come
    group = max(1, min(rows * engine.parallel, most) // len(targets))

    def explained(loaded: list[_Loaded]) -> Iterator[Explanation]:
        if not loaded:
            return iter(())
        arrays, all_targets = [array for _, array in loaded], [targets] * len(loaded)
        found = explainer.explain_each(arrays, all_targets, top=top, rows=rows)
        return map(explainer.placed, found, [picture for picture, _ in loaded])

    pictures = read_ahead(partial(_load, explainer), sources, group)
    return _in_turn(pictures, group, explained, on_failure)


def _in_turn(
    pictures: Iterator[_Loaded | _Failed],
    group: int,
    explained: Callable[[list[_Loaded]], Iterator[Explanation]],
    on_failure: OnFailure | None,
) -> Iterator[Explanation]:
    """The explanations of `pictures`, a group at a time; what failed is told in its turn."""
    while batch := list(islice(pictures, group)):
        found = explained([each for each in batch if isinstance(each, _Loaded)])
        for each in batch:
            if isinstance(each, _Loaded):
                yield next(found)
            elif on_failure is None:
                raise each.error
            else:
                on_failure(*each)


def read_ahead(
    read: Callable[[Item], Result], items: Iterable[Item], ahead: int
) -> Iterator[Result]:
    """What `read` gives for each of `items`, in order; threads read up to `ahead` items more."""
    pool = ThreadPoolExecutor(min(ahead, os.cpu_count() or 1), "reading")
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(read, item))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _load(explainer: Explainer, source: Any) -> _Loaded | _Failed:
    try:
        picture = explainer.read(source)
        return _Loaded(picture, explainer.input_of(picture.pixels))
    except GradcamError as error:
        return _Failed(source, error)
