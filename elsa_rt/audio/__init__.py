"""Geometry and time of sound: nothing here knows a device, a model or a setting.

block               `Block`: samples with their position, capture time and losses
ambisonics          formats, mounts, directions; the conventions of the project
direction_words     "behind, left" of azimuth and elevation
orientation         how the listener is turned, interpolated over time
timeline            stream time of each sample, gaps included
"""
