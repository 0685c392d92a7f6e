"""The explanation of a picture, and the manifest of a run; nothing here prints."""
