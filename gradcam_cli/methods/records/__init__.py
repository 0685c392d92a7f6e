"""What is known of each method, family by family. Nothing here needs NumPy."""
