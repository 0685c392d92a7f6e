"""Compiled models in the cache: made once, checked against TensorFlow, then reused.

    <cache>/compiled/vgg16-3f2a…/    one for each model and weights
        model.xml, model.bin         the forward pass, as OpenVINO reads it
        3f2a….blob                   gradients of a small model as OpenVINO has compiled them
        about.json                   what made it, the digests of the files, the passes that were
                                     checked; written last

The name is made of the model and the digest of its weights; what made it stands inside, so that
another version of gradcam, Keras or OpenVINO replaces it. A pass is checked when it is first
needed, and a pass that fails is never served.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from gradcam_cli.callbacks import Note
from gradcam_cli.engines.openvino.cached_model import CachedModel
from gradcam_cli.engines.openvino.makers import NotCompiledError, maker_of, maker_of_file
from gradcam_cli.errors import GradcamError, ModelError
from gradcam_cli.models.about import compiled_folder
from gradcam_cli.passes import LAYER_GRADIENTS, Pass, Precision

if TYPE_CHECKING:
    from gradcam_cli.engines.openvino.engine import OpenVINOEngine
    from gradcam_cli.models.model import Model
    from gradcam_cli.models.model_file import ModelFile


def open_compiled(
    model: Model,
    layer: str | None,
    network: Callable[[], Any],
    note: Note,
    *,
    needs: Sequence[Pass] = (LAYER_GRADIENTS,),
    precision: Precision = "f32",
) -> tuple[OpenVINOEngine, str]:
    """The compiled engine for `model`, made and checked if need be, and the layer.

    Parameters
    ----------
    model : Model
        The model, with its weights at hand.
    layer : str or None
        Where to look; None for the default layer.
    network : callable
        Gives the Keras model; called only where something has to be made or checked.
    note : callable
        Called with one sentence for what takes long or is broken.
    needs : sequence of Pass
        The passes that the engine is going to run, with `LAYER` for the layer.
    precision : "f32" or "bf16"
        What it computes in; it is checked in float32.

    Raises
    ------
    NotCompiledError
        Where it cannot be made or kept, or one of `needs` is not served.
    UsageError
        For a layer that the model does not have, or guided gradients of one without ReLUs.
    ModelError
        Where the weights cannot be read.
    """
    if find_spec("openvino") is None:
        raise NotCompiledError("OpenVINO is not installed")
    try:
        compiled_folder()
    except ModelError as error:
        raise NotCompiledError(error.what, error.remedy) from error
    digest = model.digest()
    maker = maker_of(model, network, digest)
    file: ModelFile | None = getattr(model.weights, "file", None)
    argument = None if file is None else str(file.path)
    cached = CachedModel(model.name, digest, maker, note, model.head, argument, precision)
    if file is not None and not cached.has_checked(layer, needs):
        from gradcam_cli.models.preparation import prepare

        prepare(file, note, layer, [(what.kind, what.at, what.rules) for what in needs])
    with _disk_and_openvino_errors():
        try:
            return cached.open(layer, needs)
        except RuntimeError:
            if cached.is_undamaged():
                raise
            return cached.open(layer, needs)


def prepare_file(file: ModelFile, layer: str | None, needs: Sequence[Pass], note: Note) -> None:
    """Compile the model in `file` into the cache and check it, as far as that is not done.

    Parameters
    ----------
    file : ModelFile
    layer, needs, note
        See `open_compiled`.

    Raises
    ------
    NotCompiledError
        Where it cannot be made or kept.
    UsageError
        For a layer that the model does not have.
    ModelError
        Where it is no model that can be explained.
    """
    cached = CachedModel(
        file.name, file.digest(), maker_of_file(file), note, argument=str(file.path)
    )
    with _disk_and_openvino_errors():
        about, _, passes = cached.check_all(layer, needs)
        for what in passes:
            if about.checked.get(str(what)):
                about = cached.find_sound_layer(what, about)


@contextmanager
def _disk_and_openvino_errors() -> Iterator[None]:
    """Turn whatever OpenVINO or the disk raises into a NotCompiledError."""
    try:
        yield
    except (GradcamError, NotCompiledError):
        raise
    except OSError as error:
        place = error.filename or compiled_folder()
        raise NotCompiledError(
            f"compiled models cannot be kept in {place}: {error.strerror or error}",
            "Set GRADCAM_CACHE to a folder that can be written to, on a disk with room.",
        ) from error
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise NotCompiledError(f"OpenVINO could not run it ({lines[-1].strip()})") from error
