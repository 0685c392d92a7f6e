"""Engines run a model; `gradcam_cli.passes` has what may be asked of them."""

from __future__ import annotations

from typing import Literal, get_args

EngineName = Literal["auto", "openvino", "tensorflow"]
ENGINES: tuple[EngineName, ...] = get_args(EngineName)
