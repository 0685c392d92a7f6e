"""Every model that has a name."""

from __future__ import annotations

from functools import cache

from gradcam_cli.errors import UsageError
from gradcam_cli.models.sources.bundled import BundledModel
from gradcam_cli.models.sources.contract import KerasSource
from gradcam_cli.models.sources.keras_applications import keras_applications
from gradcam_cli.suggestions import closest, did_you_mean, folded


@cache
def models() -> dict[str, KerasSource]:
    """Every model of the catalogue by its name, VGG16 and the bundled one first."""
    first, *others = keras_applications()
    sources: list[KerasSource] = [first, BundledModel(), *others]
    return {source.info.name: source for source in sources}


def find_model(name: str) -> KerasSource:
    """The model called `name`; case, hyphens and underscores do not matter.

    Raises
    ------
    UsageError
        With the closest names where there is none.
    """
    try:
        return _by_folded_name()[folded(name)]
    except KeyError:
        raise UsageError(
            f"there is no model called {name!r}",
            f"{did_you_mean(closest(name, models()))} `gradcam models` lists all.".strip(),
        ) from None


def is_name(name: str) -> bool:
    """True where a model is called `name`."""
    return folded(name) in _by_folded_name()


@cache
def _by_folded_name() -> dict[str, KerasSource]:
    return {folded(key): source for key, source in models().items()}
