"""What may be done around any method: noise, augmentation, several layers. Needs no NumPy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from gradcam_cli.errors import UsageError
from gradcam_cli.passes import FORWARD, LAYER, STAGES, Pass

if TYPE_CHECKING:
    from gradcam_cli.methods.choice import MethodChoice
    from gradcam_cli.methods.contract import Maps, Question

Fusion = Literal["mean", "maximum", "product"]
FUSIONS: tuple[Fusion, ...] = get_args(Fusion)
MOST_SMOOTH = 10_000


@dataclass(frozen=True)
class Modifiers:
    """How the maps of a method are averaged or fused; by default each is taken as it is.

    Attributes
    ----------
    smooth : int
        The mean over so many inputs with noise is taken; 0 for the input alone.
    augment : bool
        The mean over flipped and shrunk inputs is taken.
    layers : tuple of str
        Further layers, whose maps are fused with those of the first one.
    fuse : "mean", "maximum" or "product"
        How they are.
    """

    smooth: int = 0
    augment: bool = False
    layers: tuple[str, ...] = ()
    fuse: Fusion = "mean"

    @property
    def text(self) -> str:
        """All that is not as by default, for JSON; empty where nothing is."""
        parts = [f"smooth={self.smooth}"] if self.smooth else []
        parts += ["augment"] if self.augment else []
        parts += [f"fuse={self.fuse}"] if self.layers else []
        return ", ".join(parts)

    def needs(self, passes: Iterable[Pass]) -> list[Pass]:
        """What an engine has to do so that methods that need `passes` can be modified.

        Raises
        ------
        UsageError
            Where several layers are to be fused, and a method looks at earlier ones by itself.
        """
        own = list(passes)
        if self.layers and any(STAGES in need.at for need in own):
            raise UsageError(
                "a method that looks at the stages before its layer, as refine-cam does, takes one "
                "layer",
                "Drop all --layer but one, or choose another method.",
            )
        at_layers = [
            need.at_layer(layer) for layer in self.layers for need in own if LAYER in need.at
        ]
        return [*own, *at_layers, *([FORWARD] if self.smooth or self.augment else [])]

    def layer_text(self, first: str) -> str:
        """The layers that are looked at, of which `first` is the first."""
        return " + ".join((first, *self.layers))

    def maps(self, method: MethodChoice, question: Question) -> Maps:
        """The answer of `method`, averaged and fused."""
        if self == UNMODIFIED:
            return method.maps(question)
        from gradcam_cli.methods.modified import modified_maps

        return modified_maps(method, question, self)


UNMODIFIED = Modifiers()
