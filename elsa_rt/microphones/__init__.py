"""From the channels of a microphone to AmbiX at the model's rate.

profile             `Profile`: what the channels are; `profile_file` reads one, `library` finds one
capsules, encoding  geometry of the capsules, and the filters that encode them
fir, resample       filtering and resampling of a stream
to_foa              `ToFoa`, the first stage of a listener
"""
