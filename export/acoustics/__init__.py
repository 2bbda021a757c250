"""Rooms, microphone arrays, impulse responses and diffuse noise.

shoebox, arrivals, reverberation    simulated responses; `room_set` keeps many
measured            responses and backgrounds that were recorded
arrays, noise       microphones with their errors, noise from everywhere
"""
