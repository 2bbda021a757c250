"""Screens: what is shown in a terminal.

terminal, plain     the live view, and lines without one; `picture`, `compass` draw
calibration, guide  the wizard of ``elsa-rt calibrate microphone``
"""
