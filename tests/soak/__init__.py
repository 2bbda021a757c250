"""Hours of sound through a listener; ``python -m tests.soak``."""
