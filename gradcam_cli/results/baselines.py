"""What an explanation says of the baselines that a picture was compared with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import msgspec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Baselines(msgspec.Struct, frozen=True, gc=False):
    """How many there were to compare with, and the SHA-256 of what the model takes for them."""

    count: Annotated[int, msgspec.Meta(ge=1)]
    sha256: str

    @classmethod
    def of(cls, inputs: Sequence[NDArray[np.float32]]) -> Baselines:
        """Those of `inputs`, (H, W, C) float32 each, in their order."""
        import hashlib

        digest = hashlib.sha256()
        for array in inputs:
            digest.update(array.tobytes())
        return cls(len(inputs), digest.hexdigest())
