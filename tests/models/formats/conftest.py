"""What the tests of model files share: how a file is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from gradcam_cli.errors import ModelError

Refused = Callable[..., AbstractContextManager[None]]


@pytest.fixture
def refused() -> Refused:
    """A block that has to end in one line that is fit to be shown and has the given words."""

    @contextmanager
    def check(*words: str) -> Iterator[None]:
        with pytest.raises(ModelError) as caught:
            yield
        message = str(caught.value)
        assert message.isprintable()
        assert len(message) < 500
        for word in words:
            assert word in message

    return check
