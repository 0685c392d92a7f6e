"""`gradcam explain`: one image in, the overlay and the table out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gradcam_cli.cli.options import (
    Notes,
    debug_option,
    engine_option,
    json_option,
    model_option,
    offline_option,
)
from gradcam_cli.images.overlay import COLORMAPS
from gradcam_cli.images.reading import MAX_PIXELS, Picture, read_image

if TYPE_CHECKING:
    from gradcam_cli.images.writing import Destination
    from gradcam_cli.records import EngineName, Explanation, Score, TargetExplanation

DEFAULT_CLASS = "837"


@click.command()
@click.argument("source")
@click.option(
    "--class",
    "classes",
    multiple=True,
    default=[DEFAULT_CLASS],
    metavar="CLASS",
    help="The class to explain: an index, a WordNet id, a name, or `top` for the predicted one; "
    "may be repeated.  [default: 837, sunglasses]",
)
@click.option(
    "--layer",
    metavar="NAME",
    help="The layer to explain at, one of `gradcam layers`.  [default: the model's last "
    "convolutional activation, block5_conv3 on VGG16]",
)
@model_option
@click.option(
    "--weights",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Use these Keras weights (.h5) for the model.",
)
@click.option(
    "--score",
    type=click.Choice(["logit", "probability"]),
    default="logit",
    show_default=True,
    help="What is differentiated: the class's score before the softmax, or after it.",
)
@engine_option
@click.option(
    "--alpha",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="The share of the colours in the blend.",
)
@click.option(
    "--colormap",
    type=click.Choice(COLORMAPS, case_sensitive=False),
    default="jet",
    show_default=True,
    metavar="NAME",
    help=f"One of OpenCV's colour maps: {', '.join(COLORMAPS)}.",
)
@click.option(
    "--top",
    type=click.IntRange(1, 1000),
    default=5,
    show_default=True,
    metavar="N",
    help="How many classes the table has.",
)
@click.option(
    "-o",
    "--output",
    metavar="PATH",
    help="A file (.jpg, .png, .webp), or a folder (an existing one, or a name that ends in /).  "
    "[default: <name of the source>.gradcam.jpg in the working folder]",
)
@click.option(
    "--save-heatmap",
    metavar="FILE.npy",
    help="Also save the heatmap, float32 in 0..1, at the layer's own resolution.",
)
@click.option(
    "--max-pixels",
    type=click.IntRange(1),
    default=MAX_PIXELS,
    show_default=True,
    metavar="N",
    help="Refuse larger images before decoding them.",
)
@json_option
@offline_option
@click.option("-q", "--quiet", is_flag=True, help="Print the output's path and errors only.")
@debug_option
def explain(
    source: str,
    classes: tuple[str, ...],
    layer: str | None,
    model: str,
    weights: Path | None,
    score: Score,
    engine: EngineName,
    alpha: float,
    colormap: str,
    top: int,
    output: str | None,
    save_heatmap: str | None,
    max_pixels: int,
    as_json: bool,
    offline: bool,
    quiet: bool,
) -> None:
    """Write SOURCE with a heatmap of what speaks for a class, and print the top classes.

    SOURCE is a path, an http(s) URL, or - for standard input.

    \b
    Examples:
      gradcam explain photo.jpg
      gradcam explain photo.jpg --class top --class sunglasses -o out/
      curl -s https://example.org/cat.jpg | gradcam explain - --class 285
      gradcam explain photo.jpg --json | jq -r .predictions[0].name
    """
    from gradcam_cli.images.overlay import overlay
    from gradcam_cli.images.writing import check_size, write_heatmap, write_image
    from gradcam_cli.models.classes import resolve_class
    from gradcam_cli.models.loading import choose, wanted_model

    notes = Notes(quiet=quiet)
    targets = list(dict.fromkeys(resolve_class(text) for text in classes))
    wanted_model(model, weights=weights, layer=layer)
    picture = read_image(source, max_pixels=max_pixels, offline=offline)
    for note in picture.notes:
        notes(f"{picture.name}: {note}")
    places = _Places(picture, output, save_heatmap, several=len(targets) > 1)
    check_size(places.overlay.path(None), picture.pixels)

    with notes.progress() as progress:
        choice = choose(
            model, weights=weights, layer=layer, offline=offline, progress=progress, note=notes
        )
    from gradcam_cli.explainer import Explainer

    explainer = Explainer.load(choice, layer=layer, score=score, engine=engine, note=notes)
    explanation = explainer.explain(picture.pixels, targets, top=top)

    if explanation.predictions[0].probability == 0:
        notes(f"{explanation.model} gives scores that are no finite numbers; check its weights.")
    written: list[tuple[Path, Path | None]] = []
    for target in explanation.targets:
        overlay_path, heatmap_path = places.of(target)
        blended = overlay(picture.pixels, target.heatmap, alpha=alpha, colormap=colormap)
        write_image(overlay_path, blended)
        if heatmap_path is not None:
            write_heatmap(heatmap_path, target.heatmap)
        written.append((overlay_path, heatmap_path))
        if target.evidence == "none":
            notes(_no_evidence(explanation, target))
    _report(explanation, picture, written, choice.fallback, notes, as_json=as_json)


class _Places:
    """Where the outputs of one source go, checked before any work is done."""

    def __init__(
        self, picture: Picture, output: str | None, save_heatmap: str | None, *, several: bool
    ) -> None:
        from gradcam_cli.images.writing import heatmap_destination, overlay_destination

        self.several = several
        self._sources = () if picture.path is None else (picture.path,)
        self.overlay = overlay_destination(output, picture.stem, several=several)
        self.heatmap: Destination | None = None
        if save_heatmap is not None:
            self.heatmap = heatmap_destination(save_heatmap, picture.stem, several=several)
        self._prepare()

    def _prepare(self) -> None:
        from gradcam_cli.images.writing import check_writable, make_folder

        for place in (self.overlay, self.heatmap):
            if place is not None:
                make_folder(place)
                if not self.several:  # the names of several are known once `top` is
                    check_writable(place.path(None), sources=self._sources)

    def of(self, target: TargetExplanation) -> tuple[Path, Path | None]:
        """The overlay's path and, where it is wanted, the heatmap's."""
        from gradcam_cli.images.writing import check_writable

        number = target.prediction.label.index if self.several else None
        overlay = self.overlay.path(number)
        heatmap = None if self.heatmap is None else self.heatmap.path(number)
        for path in (overlay, heatmap):
            if path is not None:
                check_writable(path, sources=self._sources)
        return overlay, heatmap


def _no_evidence(explanation: Explanation, target: TargetExplanation) -> str:
    label = target.prediction.label
    return (
        f"nothing at {explanation.layer} speaks for class {label.index} {label.name}, so the "
        "overlay is the plain image. Try --class top, or an earlier --layer."
    )


def _report(
    explanation: Explanation,
    picture: Picture,
    written: list[tuple[Path, Path | None]],
    fallback: str,
    notes: Notes,
    *,
    as_json: bool,
) -> None:
    if as_json:
        from gradcam_cli.reports.as_json import dumps, explanation_object

        height, width = picture.pixels.shape[:2]
        fields = explanation_object(
            explanation,
            source=picture.name,
            size=(width, height),
            outputs=written,
            fallback=fallback,
            notes=notes.said,
        )
        click.echo(dumps(fields))
        return
    if not notes.quiet:
        from gradcam_cli.reports.terminal import print_predictions

        print_predictions(explanation)
    for overlay_path, _ in written:
        click.echo(os.fsencode(overlay_path))
