"""What was found in one picture, as JSON has it and as it is read back: checked, field by field."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=0)]
Number = Annotated[int, msgspec.Meta(ge=1)]


class ClassResult(msgspec.Struct, frozen=True, gc=False):
    """One class: its index, WordNet id and name, its probability, and its rank, from 1."""

    index: Count
    wnid: str
    name: str
    probability: Share
    rank: Number


class TargetResult(msgspec.Struct, frozen=True, gc=False):
    """One explained class.

    Attributes
    ----------
    predicted : ClassResult
        "class" in JSON.
    evidence : "positive" or "none"
    border : float, 0..1, or None
        The share of the evidence along the border, where it is known.
    heatmap_size : (int, int)
        Width and height.
    overlay, heatmap : str, and str or None
        The paths of the files, as they were given.
    """

    predicted: ClassResult = msgspec.field(name="class")
    evidence: Literal["positive", "none"]
    border: Share | None
    heatmap_size: tuple[Number, Number]
    overlay: str
    heatmap: str | None


class Result(msgspec.Struct, frozen=True, gc=False):
    """All of it for one picture; see `reports.as_json.explanation_object`, which makes it."""

    source: str
    size: tuple[Number, Number]
    model: str
    weights: str
    fallback: str | None
    layer: str
    method: str
    score: str
    engine: str
    predictions: Annotated[tuple[ClassResult, ...], msgspec.Meta(min_length=1)]
    explanations: Annotated[tuple[TargetResult, ...], msgspec.Meta(min_length=1)]
    notes: tuple[str, ...]
    versions: dict[str, str]

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Result:
        """The result that `fields` tell.

        Raises
        ------
        msgspec.ValidationError
            Naming the first field that is missing or wrong.
        """
        return msgspec.convert(fields, cls)

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON has them."""
        fields: dict[str, Any] = msgspec.to_builtins(self)
        return fields
