"""From the graph in a model's file to the forward pass that the engine runs, and what it says."""
