"""Batches of several rows: compiled when they are first run, compared with one row, and timed."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from threading import RLock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.engines.openvino.compiled import TOLERANCES, CompiledPass, agree
from gradcam_cli.errors import ModelError
from gradcam_cli.passes import Pass, Precision

if TYPE_CHECKING:
    from gradcam_cli.engines.openvino.row_choice import Batches

Inputs = Mapping[str, NDArray[Any]]
Array = NDArray[np.float32]

_MOST_KEPT = 4
"""How many passes stay compiled for several rows."""
_HEAVY_SECONDS = 0.05
"""A model of which a row takes longer is not measured, for that would take seconds."""
_USUAL_ROWS = 4
"""Of what is not measured: as good as 2 or 8, or nearly, where that was tried."""
_ATTEMPTS = 3


@dataclass
class _Batch:
    """A pass compiled for some rows; None where they have to be run one by one.

    Where `attempts` are left, what it gives is compared with one row. At a kink of a ReLU rounding
    decides, so one batch that agrees is enough.
    """

    compiled: CompiledPass | None
    attempts: int = 0


class SeveralRows:
    """Runs batches of several rows.

    Parameters
    ----------
    compile_pass : callable
        Given a pass and a number of rows, and gives it compiled for `parallel` calls at a time.
    single_row : callable
        Gives a pass compiled for one row, which is what was checked.
    parallel : int
        How many batches run side by side.
    precision : "f32" or "bf16"
        What they compute in.
    measured : mapping of Pass to int
        How many rows are best, where that was measured before; so many give what one row gives.
    keep : callable
        Called with a pass and the rows that are chosen for it now. Gives those that count, for in
        all runs they have to be the same, to round alike: others where another process was first,
        and 0, for what is usual, where they cannot be kept.

    Plug-ins have other kernels for other shapes, and it is one row that was checked. So several
    rows must give what a single row gives, or are run one by one. Threads may share it.
    """

    def __init__(
        self,
        compile_pass: Callable[[Pass, int], CompiledPass],
        single_row: Callable[[Pass], CompiledPass],
        parallel: int,
        precision: Precision,
        measured: Mapping[Pass, int],
        keep: Callable[[Pass, int], int],
    ) -> None:
        self._compile = compile_pass
        self._single_row = single_row
        self._parallel = parallel
        self._tolerance = TOLERANCES[precision]
        self.measured = dict(measured)
        self._keep = keep
        self._lock = RLock()
        self._batches: OrderedDict[tuple[Pass, int], _Batch] = OrderedDict()
        self._heavy: set[Pass] = set()

    def __len__(self) -> int:
        return len(self._batches)

    def best(self, what: Pass) -> int:
        """How many rows a batch of `what` has, chosen where that is not known."""
        with self._lock:
            if what not in self.measured:
                self.measured[what] = self._chosen(what)
            return self.measured[what]

    def run(self, what: Pass, inputs: Inputs, rows: int, usual: int | None) -> list[Array]:
        """The outputs for several rows.

        Parameters
        ----------
        what : Pass
        inputs : mapping
            As of `CompiledPass.run`.
        rows : int
            How many rows they have.
        usual : int, optional
            How many rows batches mostly have. Nearly as many are filled up to that, rather than
            compiled for.
        """
        size = usual if usual is not None and rows <= usual <= 2 * rows else rows
        batch = self._batch(what, size)
        if batch.compiled is not None:
            numbers = [*range(rows), *[rows - 1] * (size - rows)]
            results = batch.compiled.run(inputs if rows == size else rows_of(inputs, numbers))
            results = [array[:rows] for array in results]
            if self._is_right(batch, what, inputs, results):
                return results
        single_row = self._single_row(what)
        parts = [single_row.run(rows_of(inputs, [row])) for row in range(rows)]
        return [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]

    def _batch(self, what: Pass, size: int) -> _Batch:
        """`what` compiled for `size` rows; the last few used are kept."""
        key = what, size
        with self._lock:
            if key not in self._batches:
                self._batches[key] = self._compiled(what, size)
            self._batches.move_to_end(key)
            if len(self._batches) > _MOST_KEPT:
                self._batches.popitem(last=False)
            return self._batches[key]

    def _compiled(self, what: Pass, size: int) -> _Batch:
        try:
            compiled = self._compile(what, size)
            if what in self._heavy:
                return _Batch(compiled, _ATTEMPTS)
            is_known = self.measured.get(what) == size
            is_right = is_known or compiled.agrees_with(self._single_row(what), self._tolerance)
            return _Batch(compiled if is_right else None)
        except (RuntimeError, ModelError):  # most likely there is not enough memory for both
            return _Batch(None)

    def _is_right(self, batch: _Batch, what: Pass, inputs: Inputs, results: list[Array]) -> bool:
        """Whether the last row is what it is alone, as long as that is not known."""
        if not batch.attempts:
            return True
        with self._lock:  # who waits for it learns what it found
            if not batch.attempts:
                return batch.compiled is not None
            last = [len(results[0]) - 1]
            alone = self._single_row(what).run(rows_of(inputs, last))
            is_right = agree([array[last] for array in results], alone, self._tolerance)
            batch.attempts = 0 if is_right else batch.attempts - 1
            if not is_right and not batch.attempts:
                batch.compiled = None
            return is_right

    def _chosen(self, what: Pass) -> int:
        """How many rows `what` has from now on; what is compiled for others is dropped."""
        single_row = self._single_row(what)
        if _seconds_of(partial(single_row.run, single_row.noise())) > _HEAVY_SECONDS:
            self._heavy.add(what)
            return self._keep(what, _USUAL_ROWS) or _USUAL_ROWS
        from gradcam_cli.engines.openvino.row_choice import choose_rows

        measured, is_undisturbed = choose_rows(partial(self._noise_batches, what), self._parallel)
        rows = self._keep(what, measured if is_undisturbed else _USUAL_ROWS) or _USUAL_ROWS
        for key in [key for key in self._batches if key != (what, rows)]:
            del self._batches[key]
        return rows

    def _noise_batches(self, what: Pass, rows: int) -> Batches | None:
        from gradcam_cli.engines.openvino.row_choice import Batches

        compiled = self._single_row(what) if rows == 1 else self._batch(what, rows).compiled
        if compiled is None:
            return None
        run = partial(compiled.run, compiled.noise())
        return Batches(rows, 1 if rows == 1 else self._parallel, run)


def rows_of(inputs: Inputs, numbers: list[int]) -> dict[str, NDArray[Any]]:
    """The rows with these numbers, of inputs that have rows."""
    return {name: array[numbers] if array.ndim else array for name, array in inputs.items()}


def _seconds_of(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start
