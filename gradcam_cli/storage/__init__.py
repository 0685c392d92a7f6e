"""Files that appear whole or not at all, and locks; it knows no pictures and no models."""
