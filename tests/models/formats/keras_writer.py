"""Keras files written without Keras."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Change = Callable[[h5py.File], object]


def layer(name: str, module: str | None = "keras.layers", **config: Any) -> dict[str, Any]:
    """A layer as Keras 3 writes it."""
    config = {"name": name.lower(), "trainable": True, "dtype": "float32", **config}
    return {
        "module": module, "class_name": name, "config": config,
        "registered_name": None if module else f"pkg>{name}",
    }  # fmt: skip


def function(name: str, module: str | None = "builtins") -> dict[str, Any]:
    return {
        "module": module, "class_name": "function", "config": name, "registered_name": "function",
    }  # fmt: skip


def old_layer(name: str, **config: Any) -> dict[str, Any]:
    """A layer as Keras 1 and 2 write it."""
    return {"class_name": name, "config": {"name": name.lower(), "trainable": True, **config}}


def sequential(*layers: Any, **more: Any) -> dict[str, Any]:
    return {**layer("Sequential", "keras", layers=list(layers)), **more}


def old_sequential(*layers: Any) -> dict[str, Any]:
    return old_layer("Sequential", layers=list(layers))


CODE = {"class_name": "__lambda__", "config": {"code": "4wEA", "defaults": None, "closure": None}}


def weights(change: Change | None = None) -> bytes:
    """An HDF5 file with one array, and what `change` adds."""
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file.create_dataset("layers/dense/vars/0", data=np.arange(6.0))
        if change:
            change(file)
    return content.getvalue()


def members(config: Any, change: Change | None = None) -> dict[str, str | bytes]:
    text = config if isinstance(config, str | bytes) else json.dumps(config)
    return {
        "metadata.json": '{"keras_version": "3.15.1"}',
        "config.json": text,
        "model.weights.h5": weights(change),
    }


def keras_file(
    config: Any = None,
    change: Change | None = None,
    compression: int = zipfile.ZIP_STORED,
    name: str = "model.keras",
) -> Path:
    path = Path(name)
    with zipfile.ZipFile(path, "w", compression) as archive:
        for member, content in members(sequential() if config is None else config, change).items():
            archive.writestr(member, content)
    return path


def h5_file(config: Any, change: Change | None = None, version: str = "2.10.0") -> Path:
    path = Path("model.h5")
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["keras_version"] = version
        file.create_dataset("model_weights/dense/kernel", data=np.arange(6.0))
        if change:
            change(file)
    return path
