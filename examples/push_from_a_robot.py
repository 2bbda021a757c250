"""Hear inside a loop of your own: push the samples that you have, whenever you have them.

The samples here come from a file that is read piece by piece; a robot has them from its driver.

python examples/push_from_a_robot.py room.wav "a dog barking" "a door closing"
"""

import sys

import soundfile

import elsa_rt


def act(hearings: list[elsa_rt.Hearing]) -> None:
    """Turn towards what is heard; a robot would move its head here."""
    for hearing in hearings:
        x, y, _ = hearing.direction
        best = max(hearing.scores, key=lambda score: score.score)
        print(f"{hearing.time_s:6.1f} s  ({x:+.2f}, {y:+.2f})  {best.score:.2f}  {best.prompt}")


if len(sys.argv) < 3:
    sys.exit(__doc__)
path, *prompts = sys.argv[1:]
listener = elsa_rt.Listener(prompts, mount="upright")
with soundfile.SoundFile(path) as file:
    for samples in file.blocks(4800, dtype="float32", always_2d=True):
        act(listener.push(elsa_rt.Block(samples.T, file.samplerate)))
act(listener.finish())
