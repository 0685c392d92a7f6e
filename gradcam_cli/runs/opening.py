"""Opening a model once it is needed, or a little earlier."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from functools import cached_property
from importlib.util import find_spec
from threading import Thread
from typing import TYPE_CHECKING

from gradcam_cli.callbacks import Note, Progress
from gradcam_cli.methods.choice import needs_of, parse_method

if TYPE_CHECKING:
    from gradcam_cli.explainer import Explainer
    from gradcam_cli.models.model import Model
    from gradcam_cli.models.selection import Selection
    from gradcam_cli.passes import Engine
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
        self._ahead: tuple[Model, Engine, str] | None = None

    def open_ahead(self) -> None:
        """Begin to open it in a thread, where all that takes is in the cache.

        OpenVINO leaves Python to others, who import what comes next and read the picture meanwhile.
        What is imported for OpenVINO itself does not, so it is imported here, and nothing else.
        Whatever has to be fetched, made, checked or said is left to `explainer`.
        """
        if self._settings.engine == "tensorflow" or find_spec("openvino") is None:
            return
        import gradcam_cli.engines.openvino.engine
        import gradcam_cli.engines.selection  # noqa: F401
        from gradcam_cli.engines.openvino.compiled import compiling

        self._thread = Thread(target=self._try_ahead, name="opening", daemon=True)
        self._thread.start()
        while self._thread.is_alive() and not compiling.wait(_LOOK_SECONDS):
            pass  # two threads of Python would only take turns

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
        from gradcam_cli.explainer import Explainer

        settings = self._settings
        if self._thread is not None:
            import cv2  # noqa: F401 - for the model's input

            self._thread.join()
        model, engine, layer = self._ahead or self._opened(self.model, self._note)
        methods = tuple(map(parse_method, settings.methods))
        explainer = Explainer(
            *(model, engine, layer, methods, settings.score),
            resize=settings.resize,
            modifiers=settings.modifiers,
        )
        return self._with_baselines(explainer) if settings.baselines else explainer

    def _with_baselines(self, explainer: Explainer) -> Explainer:
        from gradcam_cli.images.reading import read_image

        settings = self._settings
        return explainer.with_baselines(
            read_image(file.path, max_pixels=settings.max_pixels) for file in settings.baselines
        )

    @cached_property
    def trust_tests(self) -> TrustTests:
        """The tests of its heatmaps."""
        from gradcam_cli.runs.trust import TrustTests

        return TrustTests(self.explainer)

    def _try_ahead(self) -> None:
        with suppress(Exception):  # it will come again where it can be said
            model = self._selection.open(offline=True, note=_refuse)
            self._ahead = self._opened(model, _refuse)

    def _opened(self, model: Model, note: Note) -> tuple[Model, Engine, str]:
        """`model`, its engine and the layer."""
        from gradcam_cli.engines.selection import open_engine

        settings = self._settings
        needs = settings.modifiers.needs(
            needs_of(map(parse_method, settings.methods), settings.passes)
        )
        engine, layer = open_engine(
            model,
            settings.layer,
            needs,
            engine_name=settings.engine,
            precision=settings.precision,
            note=note,
        )
        return model, engine, layer


class _NotReadyError(Exception):
    """Something would have to be done first that is worth a note."""


def _refuse(text: str) -> None:
    raise _NotReadyError(text)
