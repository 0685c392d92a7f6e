"""Opening a model once it is needed, or a little earlier."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from functools import cached_property
from importlib.util import find_spec
from threading import Thread
from typing import TYPE_CHECKING

from gradcam_cli.callbacks import Note, Progress

if TYPE_CHECKING:
    from gradcam_cli.explainer import Explainer
    from gradcam_cli.models.model import Model
    from gradcam_cli.models.selection import Selection
    from gradcam_cli.runs.settings import Settings
    from gradcam_cli.runs.trust import TrustTests

_LOOK_SECONDS = 0.01


class ModelOpener:
    """Opens a model once it is needed, the same each time.

    Parameters
    ----------
    selection : Selection
        Which one.
    settings : Settings
        How it is going to explain.
    note : callable
        Given one plain sentence for each thing worth saying.
    download_bar : callable
        Gives a context whose value is told of a download's progress.
    """

    def __init__(
        self,
        selection: Selection,
        settings: Settings,
        note: Note,
        download_bar: Callable[[], AbstractContextManager[Progress]],
    ) -> None:
        self._selection = selection
        self._settings = settings
        self._note = note
        self._download_bar = download_bar
        self._thread: Thread | None = None
        self._ahead: Explainer | None = None

    def open_ahead(self) -> None:
        """Begin to open it in a thread, where all that takes is in the cache.

        Compiling leaves Python to others, which read the picture meanwhile. What has to be imported
        first does not, so it is imported here. Whatever has to be fetched, made, checked or said is
        left to `explainer`.
        """
        if self._settings.engine == "tensorflow" or find_spec("openvino") is None:
            return
        import gradcam_cli.engines.openvino.engine
        import gradcam_cli.explainer  # noqa: F401
        from gradcam_cli.engines.openvino.compiled import compiling

        self._thread = Thread(target=self._try_ahead, name="opening", daemon=True)
        self._thread.start()
        while self._thread.is_alive() and not compiling.wait(_LOOK_SECONDS):
            pass  # two threads of Python would only take turns
        import cv2  # noqa: F401 - for the model's input

    @cached_property
    def model(self) -> Model:
        """The model, its weights fetched if need be."""
        with self._download_bar() as progress:
            return self._selection.open(
                offline=self._settings.offline, progress=progress, note=self._note
            )

    @cached_property
    def explainer(self) -> Explainer:
        """The model, ready to explain."""
        if self._thread is not None:
            self._thread.join()
        return self._ahead or self._explainer_of(self.model, self._note)

    @cached_property
    def trust_tests(self) -> TrustTests:
        """The tests of its heatmaps."""
        from gradcam_cli.runs.trust import TrustTests

        return TrustTests(self.explainer)

    def _try_ahead(self) -> None:
        with suppress(Exception):  # it will come again where it can be said
            model = self._selection.open(offline=True, note=_refuse)
            self._ahead = self._explainer_of(model, _refuse)

    def _explainer_of(self, model: Model, note: Note) -> Explainer:
        from gradcam_cli.explainer import Explainer

        settings = self._settings
        explainer = Explainer.load(
            model,
            layer=settings.layer,
            methods=settings.methods,
            score=settings.score,
            engine=settings.engine,
            note=note,
        )
        if settings.passes:
            explainer = explainer.with_passes(settings.passes, note)
        return replace(explainer, resize=settings.resize)


class _NotReadyError(Exception):
    """Something would have to be done first that is worth a note."""


def _refuse(text: str) -> None:
    raise _NotReadyError(text)
