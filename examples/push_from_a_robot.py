"""Hear inside a loop of your own: push the samples that you have, whenever you have them.

The samples here come from a file that is read piece by piece; a robot has them from its driver.

    python examples/push_from_a_robot.py room.wav "a dog barking" "a door closing"
"""

import sys

import soundfile

import elsa_rt

path, *prompts = sys.argv[1:]
listener = elsa_rt.Listener(prompts=prompts, mount="upright")
with soundfile.SoundFile(path) as file:
    for samples in file.blocks(4800, dtype="float32", always_2d=True):
        for hearing in listener.push(elsa_rt.Block(samples.T, file.samplerate)):
            x, y, _ = hearing.direction
            best = max(hearing.scores, key=lambda score: score.score)
            print(f"turn towards ({x:+.2f}, {y:+.2f}): {best.prompt} {best.score:.2f}")
listener.finish()
