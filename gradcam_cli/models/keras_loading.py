"""Keras models from their files; no code of a file is run unless its user vouches for it."""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from pathlib import Path
from typing import Any

from gradcam_cli.errors import ModelError
from gradcam_cli.models.framework import fresh_keras
from gradcam_cli.models.keras_network import KerasNetwork
from gradcam_cli.models.model_file import ModelFile
from gradcam_cli.text import printable

_EXTENSIONS = {"keras": (".keras",), "h5": (".h5", ".hdf5")}


def load_network(file: ModelFile) -> KerasNetwork:
    """The model in `file`, which `inspect_file` has found to be sound.

    Raises
    ------
    ModelError
        Where Keras cannot read it, or it is no classifier of pictures.
    """
    keras = fresh_keras()
    objects = dict(_custom_object(written) for written in file.trust.custom_objects)
    with tempfile.TemporaryDirectory() as folder:
        path = _with_extension(file, Path(folder))
        try:
            model = keras.saving.load_model(
                path, custom_objects=objects, compile=False, safe_mode=not file.trust.trust_model
            )
        except Exception as error:
            raise _unreadable(file, error) from error
    options = file.options
    return KerasNetwork(
        model, output_name=options.output_name, input_size=options.input_size, name=file.name
    )


def _with_extension(file: ModelFile, folder: Path) -> Path:
    """The file by a name that says what it is: Keras goes by its extension."""
    extensions = _EXTENSIONS[file.format]
    if file.path.suffix.lower() in extensions:
        return file.path
    link = folder / f"model{extensions[0]}"
    link.symlink_to(file.path.resolve())
    return link


def _custom_object(written: str) -> tuple[str, Any]:
    """The name and the object of "module.py:Name"; the module is run."""
    place, _, name = written.rpartition(":")
    path = Path(place)
    if not place or not path.is_file():
        raise ModelError(
            f"expected a file and a name as in module.py:Patchify, got {written!r}",
            "Pass --custom-objects with the Python file that defines it.",
        )
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
        return name, getattr(module, name)
    except AttributeError as error:
        raise ModelError(f"{path} has no {name!r}", "Pass a name that it defines.") from error
    except Exception as error:
        raise ModelError(
            f"{path} cannot be run: {printable(str(error))[:200]}", "Mend it, or pass another."
        ) from error


def _unreadable(file: ModelFile, error: Exception) -> ModelError:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = printable((lines or [type(error).__name__])[0])[:200].rstrip(".")
    return ModelError(
        f"Keras cannot read {file.path}: {reason}",
        "Save it again with this version of Keras, or export it to ONNX.",
    )
