"""What was noticed in a model's file."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from gradcam_cli.models.labels import Labels
from gradcam_cli.models.model import InputShape
from gradcam_cli.results.explanation import ClassLabel
from gradcam_cli.targets import Head

Side = Annotated[int, msgspec.Meta(ge=1)]
Count = Annotated[int, msgspec.Meta(ge=0)]


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What a model's file says of the model, and what was guessed.

    Attributes
    ----------
    format : str
        See `formats.ModelFormat`.
    height, width, channels : int
        Of its input.
    layout : "NCHW" or "NHWC"
        The order of the input's axes in the file.
    any_size : bool
        True where the file leaves the input's sides open.
    output : str
        The output that gives the scores.
    classes : int
        How many classes it has.
    head : "softmax" or "sigmoid"
        What makes probabilities of the scores.
    activation : str
        What the file has after the scores: "softmax", "sigmoid" or "none".
    preprocessing : str
        As `parse_preprocessing` takes it.
    preprocessing_reason : str
        Why that one.
    preprocessing_guessed : bool
        True where nothing in the file says so.
    names, wnids : tuple of str
        Those of the classes, where the file has them; else empty.
    parameters : int
        How many weights it has.
    operations : dict of str to int
        How many operations of each type are between the input and the scores.
    without_rule : tuple of str
        Those of them that cannot be differentiated.
    reference : str
        What gradients are checked against.
    """

    format: str
    height: Side
    width: Side
    channels: Side
    layout: Literal["NCHW", "NHWC"]
    any_size: bool = False
    output: str = ""
    classes: Side
    head: Head
    activation: str = "none"
    preprocessing: str
    preprocessing_reason: str = ""
    preprocessing_guessed: bool = False
    names: tuple[str, ...] = ()
    wnids: tuple[str, ...] = ()
    parameters: Count = 0
    operations: dict[str, Count] = {}
    without_rule: tuple[str, ...] = ()
    reference: str = "finite differences"

    @property
    def input(self) -> InputShape:
        """Of one picture."""
        return InputShape(self.height, self.width, self.channels)

    @property
    def labels(self) -> Labels:
        """Its classes; without names, where the file has none."""
        if not self.names:
            return Labels.unnamed(self.classes)
        wnids = self.wnids or ("",) * len(self.names)
        return Labels(
            tuple(
                ClassLabel(index, wnid, name)
                for index, (wnid, name) in enumerate(zip(wnids, self.names, strict=True))
            )
        )
