"""Features of the encoder: log-mel and intensity per band, every 10 ms.

intensity           `IntensityFeatures`, the second stage of a listener; `kernels` compute it
energy_flow         direction, diffuseness and level without the model
high_pass           `HighPass`: takes away DC and what lies below hearing, before all else
presence            how far a hop rises above the background
"""
