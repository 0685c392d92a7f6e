"""`gradcam explain`: one image in, the overlay and the table out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from gradcam_cli.cli.completion_values import complete_classes, complete_files, complete_layers
from gradcam_cli.cli.help import SectionedCommand
from gradcam_cli.cli.options import (
    Notes,
    Share,
    debug_option,
    engine_option,
    json_option,
    model_option,
    offline_option,
)
from gradcam_cli.cli.sources import Many, many_options, sources_argument
from gradcam_cli.errors import ExitCode, UsageError
from gradcam_cli.images import MAX_PIXELS
from gradcam_cli.images.overlay import COLORMAPS
from gradcam_cli.reports.lines import print_path

if TYPE_CHECKING:
    from gradcam_cli.images.reading import Picture
    from gradcam_cli.images.writing import Destination
    from gradcam_cli.models.model import Model
    from gradcam_cli.results.explanation import EngineName, Explanation, TargetExplanation
    from gradcam_cli.targets import Score

DEFAULT_CLASS = "837"


@click.command(
    cls=SectionedCommand,
    sections={
        "What to explain": "--class --layer --score",
        "Model": "--model --weights --engine",
        "Picture": "--alpha --colormap --max-pixels",
        "Outputs": "--output --save-heatmap --top --json --show --open --quiet",
        "Many pictures": "--recursive --include --exclude --from-file --null --force --verify "
        "--fail-fast --max-errors --csv --report",
        "Behaviour": "--offline --debug --help",
    },
    epilog="""\b
    Examples:
      gradcam explain photo.jpg
      gradcam explain photo.jpg --class top --class sunglasses -o out/
      curl -s https://example.org/cat.jpg | gradcam explain - --class 285
      gradcam explain photo.jpg --json | jq -r .predictions[0].name
      gradcam explain photos/ --recursive --class top -o out/ --report out/report.html
    """,
)
@sources_argument
@click.option(
    "-c",
    "--class",
    "classes",
    multiple=True,
    default=[DEFAULT_CLASS],
    metavar="CLASS",
    shell_complete=complete_classes,
    help="The class to explain: an index, a WordNet id, a name, or `top` for the predicted one; "
    "may be repeated.  [default: 837, sunglasses]",
)
@click.option(
    "-l",
    "--layer",
    metavar="NAME",
    shell_complete=complete_layers,
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
    type=Share(),
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
    shell_complete=complete_files,
    help="A file (.jpg, .png, .webp), or a folder (an existing one, or a name that ends in /).  "
    "[default: <name of the source>.gradcam.jpg in the working folder, or gradcam-out/ for many]",
)
@click.option(
    "--save-heatmap",
    metavar="FILE.npy",
    shell_complete=complete_files,
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
@many_options
@click.option("--show", is_flag=True, help="Draw the overlay in the terminal.")
@click.option("--open", "open_it", is_flag=True, help="Open the outcome in the system's viewer.")
@json_option
@offline_option
@click.option("-q", "--quiet", is_flag=True, help="Print the outputs' paths and errors only.")
@debug_option
def explain(
    sources: tuple[str, ...],
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
    many: Many,
    show: bool,
    open_it: bool,
    as_json: bool,
    offline: bool,
    quiet: bool,
) -> int:
    """Write SOURCE with a heatmap of what speaks for a class, and print the top classes.

    SOURCE is a path, an http(s) URL, or - for standard input; or any number of paths, URLs, folders
    and quoted patterns. A run over many is recorded in the output folder and, started again, goes
    on where it was.
    """
    over_many = many.asked_for(sources)
    if show and as_json:
        raise UsageError("--show and --json both write to standard output", "Drop one of them.")
    from gradcam_cli.images.reading import read_image
    from gradcam_cli.models.selection import select

    notes = Notes(quiet=quiet)
    selection = select(model, weights=weights, layer=layer)
    targets = list(dict.fromkeys(selection.labels.resolve(text) for text in classes))

    def open_model() -> Model:
        with notes.progress() as progress:
            return selection.open(offline=offline, progress=progress, note=notes)

    source = click.get_current_context().get_parameter_source("classes")
    default_class = source is ParameterSource.DEFAULT
    if not over_many:
        one = _One(targets, score, engine, layer, alpha, colormap, top, notes, default_class)
        picture = read_image(sources[0], max_pixels=max_pixels, offline=offline)
        places = _Places(picture, output, save_heatmap, several=len(targets) > 1)
        one.explain(
            picture, places, open_model, as_json=as_json, show=show, open_it=open_it, null=many.null
        )
        return ExitCode.DONE

    from gradcam_cli.cli.many import Wanted, explain_many
    from gradcam_cli.images.writing import folder_for_many
    from gradcam_cli.runs.batch import Settings

    folder = folder_for_many(output)
    heatmaps = save_heatmap and folder_for_many(save_heatmap, option="--save-heatmap")
    settings = Settings(
        folder, heatmaps or None, tuple(targets), "grad-cam", layer, score, engine, top, alpha,
        colormap, max_pixels, offline,
    )  # fmt: skip
    wanted = Wanted(
        many.force, many.verify, many.max_errors, as_json, show, open_it, many.null,
        default_class, many.csv, many.report,
    )  # fmt: skip
    return explain_many(many.listed(sources, notes), settings, wanted, open_model, notes)


@dataclass(frozen=True)
class _One:
    """One source, explained as the options say."""

    targets: list[int]
    score: Score
    engine: EngineName
    layer: str | None
    alpha: float
    colormap: str
    top: int
    notes: Notes
    default_class: bool

    def explain(
        self,
        picture: Picture,
        places: _Places,
        open_model: Callable[[], Model],
        *,
        as_json: bool,
        show: bool,
        open_it: bool,
        null: bool,
    ) -> None:
        from gradcam_cli.images.overlay import overlay
        from gradcam_cli.images.writing import (
            check_size,
            encoded_heatmap,
            encoded_image,
            write_output,
        )

        for note in picture.notes:
            self.notes(f"{picture.name}: {note}")
        check_size(places.overlay.path(None), picture.pixels)
        model = open_model()
        from gradcam_cli.explainer import Explainer
        from gradcam_cli.results.notes import notes_on

        explainer = Explainer.load(
            model, layer=self.layer, score=self.score, engine=self.engine, note=self.notes
        )
        explanation = explainer.explain(picture.pixels, self.targets, top=self.top)
        for note in notes_on(explanation, default_class=self.default_class):
            self.notes(note)
        written: list[tuple[Path, Path | None]] = []
        for target in explanation.targets:
            overlay_path, heatmap_path = places.of(target)
            blended = overlay(
                picture.pixels, target.heatmap, alpha=self.alpha, colormap=self.colormap
            )
            write_output(overlay_path, encoded_image(blended, overlay_path.suffix))
            if heatmap_path is not None:
                write_output(heatmap_path, encoded_heatmap(target.heatmap))
            written.append((overlay_path, heatmap_path))
            if show:
                from gradcam_cli.reports.terminal_image import show as draw

                draw(blended, target.heatmap)
        _report(
            explanation, picture, written, model.fallback, self.notes, as_json=as_json, null=null
        )
        if open_it:
            from gradcam_cli.cli.many import open_in_viewer

            for overlay_path, _ in written:
                open_in_viewer(overlay_path, self.notes)


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


def _report(
    explanation: Explanation,
    picture: Picture,
    written: list[tuple[Path, Path | None]],
    fallback: str,
    notes: Notes,
    *,
    as_json: bool,
    null: bool,
) -> None:
    if as_json:
        from gradcam_cli.results.as_json import dumps, explanation_object

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
        print_path(overlay_path, null=null)
