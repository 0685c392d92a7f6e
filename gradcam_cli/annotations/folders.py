"""Folders named after the class of the pictures in them, with or without masks of their objects.

DATA/cat/a.jpg          DATA/images/cat/a.jpg
DATA/dog/b.jpg          DATA/masks/cat/a.png
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from gradcam_cli.annotations.contract import Annotations, Category, Gathered
from gradcam_cli.annotations.regions import MaskFile
from gradcam_cli.images.listing import EXTENSIONS


def read_class_folders(root: Path) -> Annotations:
    """Each picture in a folder below `root`, at any depth, as one of the class it is named after.

    The folder directly below `root` counts.
    """
    gathered = Gathered()
    for folder in _folders_in(root):
        for path in pictures_below(folder):
            gathered.add(path, Category(folder.name), (), str(path))
    return gathered.annotations()


def read_masks(root: Path) -> Annotations:
    """Pictures in images/CLASS/ with their masks in masks/CLASS/, by the same name.

    A mask is a picture of any format, not black where the object is; one without a picture is a
    problem, and so is a picture without a mask.
    """
    gathered = Gathered()
    images, masks = root / "images", root / "masks"
    mask_files = {_stem(path, masks): path for path in pictures_below(masks)}
    for folder in _folders_in(images):
        for path in pictures_below(folder):
            mask = mask_files.pop(_stem(path, images), None)
            if mask is None:
                gathered.result.refuse(str(path), f"it has no mask in {masks / folder.name}")
            else:
                gathered.add(path, Category(folder.name), (MaskFile(mask),), f"the mask {mask}")
    for mask in mask_files.values():
        gathered.result.refuse(str(mask), f"the mask has no picture in {images}")
    return gathered.annotations()


def pictures_below(folder: Path) -> Iterator[Path]:
    """Its pictures by their extensions, at any depth, in order; hidden ones are left out."""
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if name.lower().endswith(EXTENSIONS) and not name.startswith("."):
                yield Path(place, name)


def _folders_in(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir() and path.name[0] != ".")


def _stem(path: Path, root: Path) -> str:
    return os.fspath(path.relative_to(root).with_suffix(""))
