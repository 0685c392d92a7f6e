"""TEMP stub."""
from pathlib import Path
from gradcam_cli.models.labels import Labels
def read_labels(path: Path, classes: int | None = None) -> Labels:
    return Labels.named(path.read_text().splitlines())
