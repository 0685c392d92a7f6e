"""How fast gradcam is beside a plain Keras script, and how near its engines are to each other."""
