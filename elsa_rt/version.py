"""The version of elsa-rt, in this one place."""

__version__ = "0.1.0"
