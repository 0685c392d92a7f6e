"""From a source to RGB pixels, and from a heatmap to a picture."""

MAX_PIXELS = 178_956_970
"""About 180 megapixels: where Pillow itself stops, at twice its `MAX_IMAGE_PIXELS`."""
