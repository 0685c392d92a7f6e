"""Files of weights in one of Keras's layouts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradcam_cli.errors import ModelError
from gradcam_cli.models.model import Origin
from gradcam_cli.storage import digests


@dataclass(frozen=True)
class KerasWeights:
    """A file of weights, and the network they are for.

    Attributes
    ----------
    path : Path
        An .h5 or .weights.h5 file.
    origin : "cached", "fetched" or "file"
        Where it came from.
    build : callable
        Gives the Keras model without them.
    misfit : (str, str)
        What is said, and what is to be done, where they are not those of the model.
    """

    path: Path
    origin: Origin
    build: Callable[[], Any]
    misfit: tuple[str, str]
    run_in_tensorflow: bool = True

    def digest(self) -> str:
        """See `Weights.digest`."""
        try:
            return digests.sha256(self.path)
        except OSError as error:
            raise ModelError(
                f"the weights file {self.path} cannot be read: {error.strerror or error}",
                "Pass another with `--weights FILE`.",
            ) from error

    def network(self) -> Any:
        """See `Weights.network`."""
        network = self.build()
        try:
            network.load_weights(self.path)
        except Exception as error:
            raise ModelError(*self.misfit) from error
        return network
