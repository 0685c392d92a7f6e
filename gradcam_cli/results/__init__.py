"""What was found in a picture, and what a run has done; it knows no people."""
