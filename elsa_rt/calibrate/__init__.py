"""The user's own calibrations: a microphone, and the background of a site.

calibration         the whole procedure; `recording` reads what is recorded for it
claps, directions   claps from known directions; `solve` fits gains, delays, signs and yaw to them
diffuse             gains and polarity from noise from everywhere
site                what is heard where the listener stands
"""
