"""What one run has measured."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.measure import Command, Sample, Spread
from benchmarks.steady import PerBatch, best

GB = 1e9
PHOTOS = 120
"""How many photos the folder has."""


@dataclass(frozen=True)
class Sizes:
    """Of files, in bytes: the weights of VGG16, and the compiled models by their name."""

    weights: int
    compiled: dict[str, int]


@dataclass(frozen=True)
class Results:
    """All samples of a run, by the keys of their commands and contenders.

    Attributes
    ----------
    commands : dict
        Every command that was measured.
    first : dict
        The first use of each model with the compiled engine, which compiles it; once.
    cold, short : dict
        The rounds that were kept.
    folder : dict
        The rounds that were kept of a folder of photos.
    steady : dict
        Seconds per image by contender and batch size.
    """

    commands: dict[str, Command]
    first: dict[str, Sample]
    cold: dict[str, list[Sample]]
    short: dict[str, list[Sample]]
    folder: dict[str, list[Sample]]
    steady: dict[str, PerBatch]
    sizes: Sizes
    machine: dict[str, str]

    def samples(self, key: str) -> list[Sample]:
        """The kept samples of a command."""
        for samples in (self.cold, self.folder, self.short):
            if key in samples:
                return samples[key]
        raise KeyError(key)

    def seconds(self, key: str) -> Spread:
        """Wall seconds of a command."""
        return Spread.of([sample.seconds for sample in self.samples(key)])

    def cpu(self, key: str) -> Spread:
        """CPU seconds of a command."""
        return Spread.of([sample.cpu for sample in self.samples(key)])

    def peak(self, key: str) -> Spread:
        """Peak memory of a command, in GB."""
        return Spread.of([sample.peak / GB for sample in self.samples(key)])

    def ratio(self, key: str, base: str) -> float:
        """The median wall seconds of a command as a multiple of another's."""
        return self.seconds(key).median / self.seconds(base).median

    def best(self, contender: str) -> tuple[int, Spread]:
        """The best batch size of a contender of the steady state, and its seconds per image."""
        return best(self.steady[contender])
