"""Find the moments of a recording that fit a sentence best, from embeddings made once.

elsa-rt embed room.wav -o room.npz
python examples/search_a_recording.py room.npz "a glass breaking"
"""

import sys

import numpy as np

import elsa_rt

if len(sys.argv) != 3:
    sys.exit(__doc__)
path, sentence = sys.argv[1:]
(wanted,) = elsa_rt.embed_text([sentence])
with np.load(path) as heard:
    similarity = heard["embedding"] @ wanted
    similarity[heard["activity"] < 0.5] = -1  # what silence resembles means nothing
    for step in np.argsort(-similarity)[:5]:
        print(f"{heard['time_s'][step]:8.1f} s  similarity {similarity[step]:.2f}")
