"""Tracks of sounds from step to step.

tracker             `Tracker`: births, deaths and association of tracks
direction_filter    Kalman filter of a direction on the sphere
"""
