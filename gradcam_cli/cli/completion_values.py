"""Completions of arguments and options for a shell; loads nothing heavy."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable

    from click.shell_completion import CompletionItem

    from gradcam_cli.models.labels import Labels
    from gradcam_cli.models.sources.contract import ModelSource
    from gradcam_cli.results.explanation import ClassLabel


ALL = "all"
"""What stands for every method."""


def complete_models(
    context: click.Context, parameter: click.Parameter | None, incomplete: str
) -> list[str]:
    """The models of the catalogue."""
    from gradcam_cli.models.catalog import models

    return _names_starting_with(incomplete, models())


def complete_models_and_auto(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[str]:
    """The models of the catalogue, and `auto`."""
    from gradcam_cli.models.selection import AUTO

    return [
        *_names_starting_with(incomplete, [AUTO]),
        *complete_models(context, parameter, incomplete),
    ]


def complete_models_and_files(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    """The models of the catalogue, `auto`, and files."""
    from click.shell_completion import CompletionItem

    names = [
        CompletionItem(name) for name in complete_models_and_auto(context, parameter, incomplete)
    ]
    return names or complete_files(context, parameter, incomplete)


def complete_methods(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    """The methods, with what each does; after a comma, another one."""
    from click.shell_completion import CompletionItem

    from gradcam_cli.methods.table import METHODS

    before, comma, last = incomplete.rpartition(",")
    names = _names_starting_with(last, METHODS)
    return [CompletionItem(f"{before}{comma}{name}", help=METHODS[name].summary) for name in names]


def complete_methods_or_all(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    """`all`, and the methods as `complete_methods` has them."""
    from click.shell_completion import CompletionItem

    names = complete_methods(context, parameter, incomplete)
    if not ALL.startswith(incomplete.casefold()):
        return names
    return [CompletionItem(ALL, help="every method"), *names]


def complete_class_names(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    """The classes: by index or WordNet id where one is begun, else by name."""
    from click.shell_completion import CompletionItem

    from gradcam_cli.suggestions import folded

    labels = _labels_of(_model_in(context))
    if incomplete.isdecimal():
        numbers = ((str(label.index), label.name) for label in labels)
        matching_numbers = [pair for pair in numbers if pair[0].startswith(incomplete)]
        return [CompletionItem(number, help=name) for number, name in matching_numbers]
    if incomplete[:1] == "n" and incomplete[1:2].isdecimal():
        matching = [label for label in labels if label.wnid.startswith(incomplete)]
        return [CompletionItem(label.wnid, help=label.name) for label in matching]
    folded_prefix = folded(incomplete)
    matching = [label for label in labels if folded(label.name).startswith(folded_prefix)]
    return _class_items(matching)


def complete_classes(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    """The classes as `complete_class_names` has them, and `top`."""
    from click.shell_completion import CompletionItem

    from gradcam_cli.models.labels import TOP_WORD

    names = complete_class_names(context, parameter, incomplete)
    if not TOP_WORD.startswith(incomplete.casefold()):
        return names
    return [CompletionItem(TOP_WORD, help="the predicted class"), *names]


def complete_layers(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[str]:
    """The layers of the model of `--model`, where they are known without loading it."""
    layers = _layers(_model_in(context))
    return [layer for layer in layers if layer.startswith(incomplete)]


def complete_files(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    """Files and folders, as the shell itself completes them."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]


def complete_folders(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    """Folders, as the shell itself completes them."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="dir")]


def _names_starting_with(incomplete: str, names: Iterable[str]) -> list[str]:
    from gradcam_cli.suggestions import folded

    return [name for name in names if folded(name).startswith(folded(incomplete))]


def _class_items(labels: list[ClassLabel]) -> list[CompletionItem[str]]:
    """The classes by name; by WordNet id where two share it, or a shell would need quotes."""
    from click.shell_completion import CompletionItem

    name_counts = Counter(label.name for label in labels)
    items = []
    for label in labels:
        if name_counts[label.name] == 1 and "'" not in label.name:
            items.append(CompletionItem(label.name, help=f"class {label.index}"))
        else:
            items.append(CompletionItem(label.wnid, help=label.name))
    return items


def _model_in(context: click.Context) -> str | None:
    """What `--model` says, the first where it may be repeated."""
    models = context.params.get("models")
    model: str | None = models[0] if models else context.params.get("model")
    return model


def _sources(model: str | None) -> tuple[ModelSource, ...]:
    """The candidates of `model`, auto for None; none where there is no such model.

    A file is not read for that, but where that was done before it is known what is in it.
    """
    from gradcam_cli.errors import GradcamError
    from gradcam_cli.models.selection import AUTO, is_path, select_model

    with suppress(GradcamError):
        if model is not None and is_path(model):
            from gradcam_cli.models.sources.model_file import FileSource

            source = FileSource.recorded(Path(model))
            return () if source is None else (source,)
        return select_model(model or AUTO).candidates
    return ()


def _labels_of(model: str | None) -> Labels:
    """The classes of `model`, or of auto where there is no such model."""
    sources = _sources(model) or _sources(None)
    return sources[0].info.labels


def _layers(model: str | None) -> list[str]:
    """The layers of `model`, where they can be known without building it."""
    layers: list[str] = []
    for source in _sources(model):
        layers += source.info.layer_names or _compiled_layers(source.info.name)
    return layers


def _compiled_layers(model: str) -> list[str]:
    """The layers of `model` by the cache, if it has been compiled."""
    from gradcam_cli.models import about

    records = about.records_of(model)
    return [layer.name for layer in records[0].layers] if records else []
