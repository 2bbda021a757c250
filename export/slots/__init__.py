"""Slot masks: how much of every band and frame of a mixture belongs to one of two directions."""
