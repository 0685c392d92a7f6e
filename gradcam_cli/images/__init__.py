"""From a source to RGB pixels, and from a heatmap to a picture."""
