"""Match by yourself: no prompts inside, the raw embeddings of the model and a rule of your own.

Here a sentence is heard where it fits better than all the others by a margin, step by step.

python examples/match_embeddings.py room.wav "a dog barking" "rain" "someone speaking"
"""

import sys

import elsa_rt

MARGIN = 0.05

if len(sys.argv) < 4:
    sys.exit(__doc__)
source, *sentences = sys.argv[1:]
listener = elsa_rt.Listener(source=source)
texts = elsa_rt.embed_text(sentences, listener.bundle)  # (p, 512), unit length
for hearing in listener:
    similarity = texts @ hearing.embedding  # (p,), cosines
    order = similarity.argsort()
    if hearing.activity > 0.5 and similarity[order[-1]] - similarity[order[-2]] > MARGIN:
        print(f"{hearing.time_s:.1f} s  {sentences[order[-1]]}")
