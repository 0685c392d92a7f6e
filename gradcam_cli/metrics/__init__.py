"""What heatmaps are worth: pure functions on arrays, NumPy only."""
