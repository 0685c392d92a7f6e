"""Every model by name: what it takes, how large it is, where its weights are.

The table of `keras.applications` stands in keras_applications.json, so that listing it loads no
TensorFlow; a test compares each row with Keras itself.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources

from gradcam_cli.errors import UsageError
from gradcam_cli.models import efficientnet_lite
from gradcam_cli.models.weights import WeightsFile
from gradcam_cli.suggestions import closest, did_you_mean, folded

AUTO = "auto"
FIRST_CHOICE = "vgg16"
BUNDLED = efficientnet_lite.NAME


@dataclass(frozen=True)
class ModelSpec:
    """A model that can be asked for by name.

    Attributes
    ----------
    name : str
        As `--model` takes it.
    builder : str
        The function of `keras.applications` that builds it; empty for the bundled model.
    side : int
        Its input is (side, side, 3) RGB.
    parameters : int
        How many weights it has.
    preprocessing : str
        The entry of `preprocessing.PREPROCESSING` that makes its input.
    weights : WeightsFile or None
        The published ImageNet weights; None for the bundled model.
    """

    name: str
    builder: str
    side: int
    parameters: int
    preprocessing: str
    weights: WeightsFile | None


@cache
def models() -> dict[str, ModelSpec]:
    """Every model of the catalogue by its name, the first choice and the bundled one first."""
    table = resources.files(__package__).joinpath("keras_applications.json").read_text("utf-8")
    specs = [_from_row(row) for row in json.loads(table)]
    specs.insert(1, ModelSpec(BUNDLED, "", 224, 4_694_024, "lite", None))
    return {spec.name: spec for spec in specs}


def _from_row(row: dict[str, str | int]) -> ModelSpec:
    parameters = int(row["parameters"])
    weights = WeightsFile(str(row["url"]), str(row["checksum"]), 4 * parameters)
    return ModelSpec(
        name=str(row["builder"]).lower(),
        builder=str(row["builder"]),
        side=int(row["side"]),
        parameters=parameters,
        preprocessing=str(row["preprocessing"]),
        weights=weights,
    )


def find_model(name: str) -> ModelSpec:
    """The model called `name`; case, hyphens and underscores do not matter.

    Raises
    ------
    UsageError
        With the closest names where there is none.
    """
    by_folded = {folded(each): spec for each, spec in models().items()}
    try:
        return by_folded[folded(name)]
    except KeyError:
        raise UsageError(
            f"there is no model called {name!r}",
            f"{did_you_mean(closest(name, models()))} `gradcam models` lists all.".strip(),
        ) from None
