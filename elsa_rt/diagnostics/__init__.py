"""Diagnostics of signal, microphone, computer and engine.

signal_health       faults while listening
channel_faults, format_check, cross_spectra
                    faults of a recording: dead, clipped or copied channels, a wrong format
doctor              every check of ``elsa-rt doctor``: `computer`, `engines`, `microphone`
"""
