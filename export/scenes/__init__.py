"""Sounds in rooms, with the truth of each step.

studio              scenes for training; `casting`, `places`, `augment` choose what is in them
shards              scenes as files; `shard_format` and `shard_reader` belong to it
trials, material    single clips in simulated or measured rooms, to evaluate and to fit
home, home_hours    hours of a simulated home, and what a bundle hears in them
demo                the built-in scene
"""
