"""A model ready to be explained, in a folder that can be taken anywhere.

    explainer/
        model.xml, model.bin     the graph, as OpenVINO reads it, with an output for each layer
        about.json               input, preprocessing, labels, head, layers, digests of the files

It has what a compiled model in the cache has, but for what belongs to one machine.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from gradcam_cli.errors import ModelError, UsageError
from gradcam_cli.models.about import ABOUT, GRAPH, WEIGHTS, About, read, write
from gradcam_cli.models.findings import Findings
from gradcam_cli.models.layers import LayerInfo
from gradcam_cli.models.model import Model
from gradcam_cli.storage.files import sha256_of, sync, whole_folder, write_errors


def export(model: Model, compiled: Path, layer: str, target: Path) -> None:
    """Write the folder `target` for `model`.

    Parameters
    ----------
    model : Model
        With its labels, its head and its preprocessing as they are going to be used.
    compiled : Path
        Its folder in the cache.
    layer : str
        The layer that is the default.
    target : Path
        Where to; there must be nothing.

    Raises
    ------
    UsageError
        Where it cannot be written.
    ModelError
        Where what is in the cache is damaged.
    """
    if target.exists():
        raise UsageError(f"{target} is there already", "Remove it, or choose another with -o.")
    about = read(compiled)
    if about is None:
        raise ModelError(
            f"the compiled {model.name} in {compiled} is damaged",
            "Clear it: `gradcam cache clear`.",
        )
    with write_errors(target), whole_folder(target) as fresh:
        copy_graph(about, compiled, fresh)
        sync([fresh / GRAPH, fresh / WEIGHTS])
        write(fresh, _portable(about, model, layer))


def copy_graph(about: About, source: Path, target: Path) -> None:
    """Copy the graph from one folder to another, as a link where that can be.

    Raises
    ------
    ModelError
        Where it is not what `about` has the digests of.
    OSError
        Where it cannot be read or written.
    """
    for name in (GRAPH, WEIGHTS):
        shutil.copyfile(source / name, target / name)
        if sha256_of(target / name) != about.files[name]:
            raise ModelError(
                f"{source / name} is damaged: it is not what {ABOUT} says",
                "Copy or export it again.",
            )


def _portable(about: About, model: Model, layer: str) -> About:
    """The record without what belongs to this machine, with what the model is used as."""
    files = {name: about.files[name] for name in (GRAPH, WEIGHTS)}
    layers = [replace(listed, default=listed.name == layer) for listed in about.layers]
    return About(
        model.name,
        about.weights,
        about.made_with,
        files,
        layers,
        {},
        _findings(about, model, layers),
    )


def _findings(about: About, model: Model, layers: list[LayerInfo]) -> Findings:
    from msgspec.structs import replace as changed

    known = about.findings or Findings(
        format="keras",
        height=model.input.height,
        width=model.input.width,
        channels=model.input.channels,
        layout="NHWC",
        classes=len(model.labels),
        head=model.head,
        preprocessing=model.preprocessing,
        parameters=model.parameters,
    )
    return changed(
        known,
        names=tuple(label.name for label in model.labels),
        wnids=tuple(label.wnid for label in model.labels),
        head=model.head,
        preprocessing=model.preprocessing,
        preprocessing_guessed=known.preprocessing_guessed
        and known.preprocessing == model.preprocessing,
    )
