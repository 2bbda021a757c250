"""Measure bundles with the device's own code, on simulated and on measured rooms.

    material    what is measured with: clips that no training heard, rooms, and the check of both
    trials      a sound in a room in noise, rendered; and what a bundle says of it, step by step
    direction   errors and words of directions and distances
    labels      the right label by text, and how soon it is the first
    sentences   captions of trials: retrieval both ways, and binding of what to where
    pairs       two sounds at once
    teacher     how much of the teacher the student kept
    figures     from values of trials to figures, by condition and distance, with intervals
    cost        parameters, multiply-accumulates, sizes, time
    report      Markdown and JSON
    plots       pictures of the same trials

``python -m export evaluate --help`` says how it is run.
"""
