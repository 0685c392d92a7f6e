"""Items in, outcomes out, for one picture and for a million."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from gradcam_cli.images.overlay import single_threaded_opencv
from gradcam_cli.runs.pipeline import Done, Pipeline, Steps
from gradcam_cli.runs.stages import Loaded, Outcome, Stages

if TYPE_CHECKING:
    from gradcam_cli.images.listing import Item


def run(items: Iterable[Item], stages: Stages) -> Iterator[Outcome]:
    """The outcome of each of `items`, as they are done; a failure is an outcome too.

    Where `stages` has one row at a time they are done one by one, and the model is opened once the
    first is read. Else many overlap, in threads; what comes of one does not depend on the others.

    Raises
    ------
    UsageError
        Where a full or broken disk keeps every further output from being written.
    ModelError
        Where the model cannot be opened or run.
    """
    if stages.rows == 1:
        yield from (_run_item(item, stages) for item in items)
        return
    engine = stages.opener.explainer.engine
    group = engine.rows // math.gcd(engine.rows, len(stages.settings.targets))  # whole batches
    steps = Steps(partial(_read_or_finish, stages), _picture_bytes, stages.explain, stages.write)
    with single_threaded_opencv():
        yield from Pipeline(items, steps, group=group, inferring=engine.parallel)


def _run_item(item: Item, stages: Stages) -> Outcome:
    loaded = stages.read(item)
    if isinstance(loaded, Outcome):
        return loaded
    (explanation,) = stages.explain([loaded])
    return stages.write(loaded, explanation)


def _read_or_finish(stages: Stages, item: Item) -> Loaded | Done[Outcome]:
    loaded = stages.read(item)
    return Done(loaded) if isinstance(loaded, Outcome) else loaded


def _picture_bytes(loaded: Loaded) -> int:
    return loaded.picture.pixels.nbytes
