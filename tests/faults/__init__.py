"""Faults that are injected for real into a running elsa-rt; ``python -m tests.faults``."""
