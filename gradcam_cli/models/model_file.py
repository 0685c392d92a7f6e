"""A model in a file: which, and how it is to be read."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from gradcam_cli.models.file_options import GraphOptions, Trust
from gradcam_cli.models.formats.detection import ModelFormat, detect_format
from gradcam_cli.models.formats.files import digest_of
from gradcam_cli.text import printable

KERAS_FORMATS = ("keras", "h5")
"""Those that TensorFlow reads; OpenVINO reads all others."""


@dataclass(frozen=True)
class ModelFile:
    """A model in a file, not read yet.

    Attributes
    ----------
    path : Path
        A file, or a folder.
    options : GraphOptions
    trust : Trust

    Raises
    ------
    ModelError
        Where it is no model that can be read, by its first bytes.
    """

    path: Path
    options: GraphOptions = field(default_factory=GraphOptions)
    trust: Trust = field(default_factory=Trust)

    @cached_property
    def format(self) -> ModelFormat:
        """What kind of file it is."""
        return detect_format(self.path)

    @property
    def needs_keras(self) -> bool:
        """True where TensorFlow has to read it."""
        return self.format in KERAS_FORMATS

    @property
    def name(self) -> str:
        """What the model is called: as the file is, or the link to it that was passed."""
        path = self.path.resolve() if self.path.name in ("", "..") else self.path
        return printable(path.name)

    def digest(self) -> str:
        """The SHA-256 of its content and of what is made of it."""
        content = digest_of(self.path, self.format)
        if self.options == GraphOptions():
            return content
        text = json.dumps([content, asdict(self.options)])
        return hashlib.sha256(text.encode()).hexdigest()

    def to_json(self) -> str:
        """What `from_json` makes it of, in another process."""
        return json.dumps(
            {"path": str(self.path), "options": asdict(self.options), "trust": asdict(self.trust)}
        )

    @classmethod
    def from_json(cls, text: str) -> ModelFile:
        """What `to_json` was called of."""
        values: dict[str, Any] = json.loads(text)
        size = values["options"].pop("input_size")
        objects = values["trust"].pop("custom_objects")
        return cls(
            Path(values["path"]),
            GraphOptions(input_size=None if size is None else tuple(size), **values["options"]),
            Trust(tuple(objects), **values["trust"]),
        )
