"""Files that hold a model: which kind one is, what its header says, and whether it is sound.

Nothing here imports a framework; a hostile or damaged file is refused before any of them opens it.
"""
