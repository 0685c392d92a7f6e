"""Every model by name, its weights, classes and layers."""
