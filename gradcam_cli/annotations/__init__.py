"""Data sets that say which classes pictures show, and where in them the objects are."""
