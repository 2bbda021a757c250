"""Training code: makes the model that `elsa_rt` runs, from recordings to a bundle.

python -m export TOOL ...      every tool; ``python -m export --help`` lists them

data, synthesis     recordings and what is known of them, sounds from formulas
acoustics           rooms, arrays, responses and noise
scenes, captions    sounds in rooms with their truth, and what is said of them
towers, student     networks, losses and training of what ships
teacher             an ELSA to distil from
bundles             from checkpoint to files
evaluate            how good it is
"""
