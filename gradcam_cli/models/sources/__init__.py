"""Where models come from: one module for each source, the protocol of all in `contract`."""
