"""Engines run a model; `gradcam_cli.passes` has what may be asked of them."""
