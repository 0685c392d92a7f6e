"""The explanation of a picture, for Python code, JSON and manifests alike.

`to_dict` gives the fields as JSON has them, and `from_dict` reads them back, each field checked.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec.structs import replace

from gradcam_cli.arguments import checked_integer, checked_path
from gradcam_cli.errors import UsageError
from gradcam_cli.results.baselines import Baselines
from gradcam_cli.results.notes import notes_on
from gradcam_cli.results.regions import HotRegion
from gradcam_cli.results.trust import Trust
from gradcam_cli.targets import Evidence, Target

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from gradcam_cli.images.drawing import Drawing
    from gradcam_cli.images.framing import Frame
    from gradcam_cli.images.reading import Picture

    Map = NDArray[np.float32]

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=0)]
Number = Annotated[int, msgspec.Meta(ge=1)]
Rectangle = tuple[int, int, Number, Number]


def unnamed_class(index: int) -> str:
    """What a class is called that has no name."""
    return f"class {index}"


class ClassLabel(msgspec.Struct, frozen=True, gc=False):
    """One class of a model: its index, its WordNet id and its name (words joined by ``_``)."""

    index: Count
    wnid: str
    name: str

    @property
    def text(self) -> str:
        """For a sentence: "837 sunglasses", or "837" of a class without a name of its own."""
        unnamed = self.name == unnamed_class(self.index)
        return str(self.index) if unnamed else f"{self.index} {self.name}"


class Prediction(ClassLabel, frozen=True, gc=False):
    """What a model says of one class: `probability` is in 0..1, `rank` counts from 1."""

    probability: Share
    rank: Number


class TargetExplanation(msgspec.Struct, frozen=True, dict=True, kw_only=True):
    """Where the evidence for one target is, by one method.

    Attributes
    ----------
    prediction : Prediction
        The explained class, how probable the model finds it, and its rank; "class" in JSON.
    versus : ClassLabel or None
        The class whose score was subtracted.
    counterfactual : bool
        True where this is what speaks against the class.
    method : str
        As `--method` takes it.
    layer : str
        Where it looked: a layer, or "input".
    evidence : "positive" or "none"
        "none" where nothing raises the target's score.
    border : float, 0..1, or None
        The share of the evidence along the border, where it is known.
    heatmap_size : (int, int)
        Width and height.
    overlay_path, heatmap_path : str or None
        The files that were written; "overlay" and "heatmap" in JSON.
    trust : Trust
        Whether the map deserves trust; unset, and not in JSON, where that was not tested.
    peak : float
        The maximum of the method's raw map, by which it was divided; unset, and not in JSON, where
        it is not known, or nothing is above zero.
    boxes : tuple of HotRegion
        The hot regions, the largest first; unset, and not in JSON, where they were not sought.
    """

    prediction: Prediction = msgspec.field(name="class")
    versus: ClassLabel | None = None
    counterfactual: bool = False
    method: str = "grad-cam"
    layer: str = ""
    evidence: Evidence
    border: Share | None
    heatmap_size: tuple[Number, Number]
    overlay_path: str | None = msgspec.field(name="overlay", default=None)
    heatmap_path: str | None = msgspec.field(name="heatmap", default=None)
    trust: Trust | msgspec.UnsetType = msgspec.UNSET
    peak: Annotated[float, msgspec.Meta(gt=0)] | msgspec.UnsetType = msgspec.UNSET
    boxes: tuple[HotRegion, ...] | msgspec.UnsetType = msgspec.UNSET

    @classmethod
    def of(
        cls, heatmap: Map, *, raw: Map | None = None, peak: float = 0.0, **fields: Any
    ) -> TargetExplanation:
        """That of a `heatmap`, (h, w) float32 in 0..1, with what else is known.

        A `peak` of 0 is none. `raw` is the method's own map, by default the same.
        """
        from gradcam_cli.metrics.localization import border_share

        height, width = heatmap.shape
        border = round(border_share(heatmap), 6)
        fields["peak"] = float(f"{peak:.6g}") if peak else msgspec.UNSET
        explained = cls(border=border, heatmap_size=(width, height), **fields)
        # Where `cached_property` would keep what it has read.
        explained.__dict__.update(heatmap=heatmap, raw=heatmap if raw is None else raw)
        return explained

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the maps too, which are no fields."""
        return _rebuild, (type(self), msgspec.structs.asdict(self), self.__dict__)

    @cached_property
    def heatmap(self) -> Map:
        """At the method's own resolution, (h, w) float32 in 0..1; all zero without evidence.

        Of what was read back from JSON it is read from its file.

        Raises
        ------
        UsageError
            Where that was not written, or is gone.
        """
        import numpy as np

        try:
            heatmap: Map = np.load(self.heatmap_path or "", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise UsageError(
                f"the heatmap of class {self.prediction.index} cannot be read: "
                f"{self.heatmap_path or 'it was not written'}",
                "Explain the picture again with --save-heatmap.",
            ) from error
        return heatmap

    @cached_property
    def raw(self) -> Map:
        """The method's own map, (h, w) float32 of any range; UsageError of what was read back."""
        what = f"the map of class {self.prediction.index} is known without its signs only"
        raise UsageError(what, "Explain the picture again.")

    @property
    def target(self) -> Target:
        """What was explained."""
        versus = None if self.versus is None else self.versus.index
        return Target(self.prediction.index, versus, self.counterfactual)

    def tag(self, *, target: bool, method: bool) -> str:
        """The part of its files' names that no other target and method has.

        The class is in it where `target` is true, or where it is not the plain class that is
        explained; the method where `method` is true: ``.285``, ``.285-vs-281.hirescam``.
        """
        parts = [self.target.slug] if target or not self.target.is_plain else []
        if method:
            parts.append(re.sub("[:,=]", "-", self.method))
        return "".join(f".{part}" for part in parts)

    def with_trust(self, trust: Trust) -> TargetExplanation:
        """The same with the outcome of the tests."""
        return self._with(trust=trust)

    def with_boxes(self, boxes: tuple[HotRegion, ...]) -> TargetExplanation:
        """The same with hot regions."""
        return self._with(boxes=boxes)

    def with_paths(self, overlay: str, heatmap: str | None) -> TargetExplanation:
        """The same with the paths of its files."""
        return self._with(overlay_path=overlay, heatmap_path=heatmap)

    def _with(self, **fields: Any) -> TargetExplanation:
        """The same with other `fields`, and with its arrays."""
        copy = replace(self, **fields)
        copy.__dict__.update(self.__dict__)
        return copy


def _rebuild(
    kind: type[TargetExplanation], fields: dict[str, Any], state: dict[str, Any]
) -> TargetExplanation:
    explanation = kind(**fields)
    explanation.__dict__.update(state)
    return explanation


class Explanation(msgspec.Struct, frozen=True, dict=True, kw_only=True, omit_defaults=True):
    """All that is known of one explained picture.

    Attributes
    ----------
    source : str
        The picture as it may be shown; empty for an array.
    size : (int, int)
        Its width and height in pixels, as displayed; (0, 0) for a model's input.
    frame : (int, int, int, int) or None
        What the heatmaps cover, in pixels of the picture: left and top, below zero where the
        picture was padded, width and height. None, and not in JSON, where it is the whole picture.
    model : str
        What was run.
    weights : str
        Where the weights came from: "bundled", "cached", "fetched", "file" or "memory".
    fallback : str or None
        Why it is not the first choice of `--model auto`.
    layer, method : str
        Those of the first of `targets`.
    score, engine : str
        What the targets are made of, and what ran the model.
    precision : str
        What it computed in; absent from JSON where that is "f32".
    modifiers : str
        How maps were averaged or fused, as in "smooth=20, fuse=mean"; absent from JSON where
        they were not.
    predictions : tuple of Prediction
        The most probable classes, first the first.
    baselines : Baselines or None
        What methods that compare pictures with others compared it with; None, and not in JSON,
        where that was a black one.
    guesses : tuple of str
        What was guessed of the model, a sentence each; absent from JSON where nothing was.
    targets : tuple of TargetExplanation
        One for each explained target and method, in the order given; "explanations" in JSON.
    notes : tuple of str
        What a reader may not expect of the picture or of the result, a sentence each.
    versions : dict
        The versions of gradcam and of what it computed with.
    """

    source: str
    size: tuple[Count, Count]
    frame: Rectangle | None = None
    model: str
    weights: str
    fallback: str | None
    baselines: Baselines | None = None
    guesses: tuple[str, ...] = ()
    layer: str
    method: str
    score: str
    engine: str
    precision: str = "f32"
    modifiers: str = ""
    predictions: Annotated[tuple[Prediction, ...], msgspec.Meta(min_length=1)]
    targets: Annotated[tuple[TargetExplanation, ...], msgspec.Meta(min_length=1)] = msgspec.field(
        name="explanations"
    )
    notes: tuple[str, ...]
    versions: dict[str, str]

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Explanation:
        """The explanation with these `fields`, as `to_dict` gives them.

        Raises
        ------
        msgspec.ValidationError
            Naming the first field that is missing or wrong.
        """
        return msgspec.convert(fields, cls)

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON has them, without arrays."""
        fields: dict[str, Any] = msgspec.to_builtins(self)
        return fields

    def of_picture(
        self, picture: Picture, frame: Frame | None = None, *, default_class: bool = False
    ) -> Explanation:
        """The same, of `frame` of `picture`, with all notes; see `results.notes.notes_on`."""
        height, width = picture.pixels.shape[:2]
        part = None if frame == (0, 0, width, height) else frame
        placed = replace(self, source=picture.name, size=(width, height), frame=part)
        notes = (*picture.notes, *notes_on(placed, default_class=default_class))
        return replace(placed, notes=notes)

    def with_pixels(self, pixels: NDArray[np.uint8]) -> Explanation:
        """The same, with the picture at hand for `overlay`: (H, W, 3) uint8 RGB in 0..255."""
        copy = replace(self)
        copy.__dict__["pixels"] = pixels  # where `cached_property` would keep what it has read
        return copy

    @cached_property
    def pixels(self) -> NDArray[np.uint8]:
        """The picture, (H, W, 3) uint8 RGB in 0..255, read again where it is not at hand.

        Raises
        ------
        ImageError
            Where it cannot be read.
        """
        from gradcam_cli.images.reading import read_image

        return read_image(self.source).pixels

    @property
    def heatmap(self) -> Map:
        """That of the first of `targets`; see `TargetExplanation.heatmap`."""
        return self.targets[0].heatmap

    def _repr_png_(self) -> bytes | None:
        """The overlay of the first of `targets`, small, for notebooks."""
        from gradcam_cli.results.notebook import small_overlay

        return small_overlay(self, 0, ".png")

    def _repr_html_(self) -> str:
        """The overlays and the table of classes, for notebooks."""
        from gradcam_cli.results.notebook import html_of

        return html_of(self)

    def overlay(self, number: int = 0, **options: Any) -> NDArray[np.uint8]:
        """The picture with the heatmap of one of `targets`, blended with it by default.

        Parameters
        ----------
        number : int
            Which of `targets`.
        **options
            How it is drawn: `style`, `upsample`, `alpha` and others, the attributes of
            `images.drawing.Drawing`.

        Returns
        -------
        (H, W, 3) uint8 RGB, 0..255
            With a caption in the styles "figure" and "side-by-side", and so larger.

        Raises
        ------
        UsageError
            Where an option cannot be as it is.
        """
        from gradcam_cli.results.rendering import render

        number = checked_integer("number", number, 0, len(self.targets) - 1)
        drawing, explanation = self._prepared(options)
        return render(explanation, number, self.pixels, drawing)

    def figure(self, number: int = 0, **options: Any) -> Image:
        """The same as a PIL image for people: see-through heat, a colour bar and a caption."""
        from PIL import Image

        return Image.fromarray(self.overlay(number, **{"style": "figure", **options}))

    def _prepared(self, options: dict[str, Any]) -> tuple[Drawing, Explanation]:
        """How it is to be drawn, checked, and the same with the boxes that are to be drawn."""
        from gradcam_cli.images.drawing import Drawing
        from gradcam_cli.results.rendering import with_boxes

        drawing = Drawing.of(options)
        return drawing, with_boxes(self, self.pixels, drawing) if drawing.boxes else self

    def save(self, path: str | os.PathLike[str], **options: Any) -> Explanation:
        """Write the overlay of each target, and give the same with their paths.

        Parameters
        ----------
        path : path-like
            The file (.jpg, .png or .webp). The names of several have each target and method.
        **options
            As in `overlay`.

        Raises
        ------
        UsageError
            Where an option cannot be as it is, or the file cannot be written; what was there is
            then still whole.
        """
        from gradcam_cli.results.rendering import save_overlays

        drawing, explanation = self._prepared(options)
        return save_overlays(explanation, checked_path(path), drawing)

    def with_targets(self, targets: Iterable[TargetExplanation]) -> Explanation:
        """The same with `targets` in place of its own."""
        copy = replace(self, targets=tuple(targets))
        copy.__dict__.update(self.__dict__)
        return copy
