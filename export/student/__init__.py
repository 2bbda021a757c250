"""The student that ships: its network, training, and alignment with captions."""
