"""A model in a file of one's own."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from gradcam_cli.callbacks import Note, Progress, no_note
from gradcam_cli.errors import ModelError
from gradcam_cli.models import about
from gradcam_cli.models.about import About
from gradcam_cli.models.file_options import FileOptions
from gradcam_cli.models.findings import Findings
from gradcam_cli.models.layers import LayerInfo
from gradcam_cli.models.model import Model, ModelInfo, Origin
from gradcam_cli.models.model_file import ModelFile
from gradcam_cli.models.preparation import prepare
from gradcam_cli.models.sources.contract import WeightsState
from gradcam_cli.models.weights import WeightsFile
from gradcam_cli.targets import Head
from gradcam_cli.versions import versions


@dataclass(frozen=True)
class FileSource:
    """One that was prepared; see `ModelSource`.

    Attributes
    ----------
    file : ModelFile
    about : About
        What was noticed when it was prepared.
    options : FileOptions
        What its user says of it.
    """

    file: ModelFile
    about: About = field(repr=False)
    options: FileOptions = field(default_factory=FileOptions)
    downloads: tuple[WeightsFile, ...] = ()

    @classmethod
    def prepared(
        cls,
        path: Path,
        options: FileOptions | None = None,
        *,
        layer: str | None = None,
        note: Note = no_note,
    ) -> FileSource:
        """The model in the file `path`, prepared now unless that is done.

        Parameters
        ----------
        path : Path
        options : FileOptions, optional
        layer : str, optional
            Where it is going to be explained.
        note : callable
            Called with one sentence for what takes long.

        Raises
        ------
        UsageError
            For a layer that it does not have, or a head that it cannot have.
        ModelError
            Where it is no model that can be explained.
        """
        options = options or FileOptions()
        file = ModelFile(path, options.graph, options.trust)
        if _record_of(file) is None:
            prepare(file, note, layer)
        if (record := _record_of(file)) is None:
            raise ModelError(f"{file.path} changed while it was read", "Try again.")
        source = cls(file, record, options)
        source._head  # noqa: B018 - one that it cannot have is refused at once
        return source

    @classmethod
    def recorded(cls, path: Path) -> FileSource | None:
        """The model in the file `path` where it was prepared before, else None.

        Raises
        ------
        ModelError
            Where it is no model that can be read, by its first bytes.
        """
        file = ModelFile(path)
        record = _record_of(file)
        return None if record is None else cls(file, record)

    @property
    def findings(self) -> Findings:
        """What was noticed in the file."""
        assert self.about.findings is not None  # `recorded` gives no others
        return self.about.findings

    @cached_property
    def info(self) -> ModelInfo:
        """See `ModelSource.info`."""
        findings, own = self.findings, self.options
        return ModelInfo(
            name=self.file.name,
            input=findings.input,
            preprocessing=own.preprocessing or findings.preprocessing,
            labels=own.labels_of(findings.classes) or findings.labels,
            head=self._head,
            parameters=findings.parameters,
            layer_names=tuple(layer.name for layer in self.about.layers),
        )

    @property
    def _head(self) -> Head:
        """What makes probabilities of its scores."""
        findings = self.findings
        return self.options.head_over(findings.head, findings.activation, str(self.file.path))

    def state(self) -> WeightsState:
        """See `ModelSource.state`."""
        return "file"

    def layers(self) -> list[LayerInfo]:
        """See `ModelSource.layers`."""
        return self.about.layers

    def pull(
        self, *, offline: bool, force: bool, progress: Progress, note: Note
    ) -> tuple[Path, ...]:
        """See `ModelSource.pull`."""
        note(f"{self.file.path} is a file of yours; there is nothing to fetch.")
        return ()

    def open(self, *, offline: bool, progress: Progress, note: Note) -> Model:
        """See `ModelSource.open`."""
        return Model.of(self.info, FileWeights(self.file), self.guesses)

    @property
    def guesses(self) -> tuple[str, ...]:
        """What was guessed of it, a sentence each."""
        findings, own, name = self.findings, self.options, self.file.name
        guesses = []
        if findings.preprocessing_guessed and own.preprocessing is None:
            guesses.append(
                f"{name} does not say how pixels become its input; {findings.preprocessing} is a "
                f"guess, {findings.preprocessing_reason}. Pass --preprocess with what it was "
                "trained with."
            )
        if findings.any_size and own.graph.input_size is None:
            guesses.append(
                f"{name} takes pictures of any size; {findings.height}x{findings.width} is a guess."
                " Pass --input-size with what it was trained with."
            )
        return tuple(guesses)


@dataclass(frozen=True)
class FileWeights:
    """Those in a model's file; see `Weights`."""

    file: ModelFile
    origin: Origin = "file"

    @property
    def run_in_tensorflow(self) -> bool:
        """See `Weights.run_in_tensorflow`."""
        return self.file.needs_keras

    def digest(self) -> str:
        """See `Weights.digest`."""
        return self.file.digest()

    def network(self) -> Any:
        """See `Weights.network`."""
        if not self.file.needs_keras:
            raise ModelError(
                f"TensorFlow cannot run {self.file.path}: it is no Keras model",
                "Leave --engine at auto, or pass --engine openvino.",
            )
        from gradcam_cli.models.formats.inspection import inspect_file
        from gradcam_cli.models.keras_loading import load_network

        inspect_file(self.file.path, trust=self.file.trust)
        return load_network(self.file)


def _record_of(file: ModelFile) -> About | None:
    """What these versions noticed when `file`, as it is now, was prepared; None where nothing."""
    digest = file.digest()
    record = about.read(about.place_of(file.name, digest))
    if record is None or record.findings is None:
        return None
    installed = versions("openvino")
    if any(record.made_with.get(name) != installed.get(name) for name in ("gradcam", "openvino")):
        return None
    return record if (record.model, record.weights) == (file.name, digest) else None
