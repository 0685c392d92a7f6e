"""Show what an image classifier looks at."""
