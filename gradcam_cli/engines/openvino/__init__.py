"""The compiled engine: a converted forward pass in a file, with our own backward pass on it."""
