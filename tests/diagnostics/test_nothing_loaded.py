"""What a stream loads while it is heard: nothing."""

from __future__ import annotations

import subprocess
import sys

HEAR = """
import sys
import numpy as np
had = "numpy.ma" in sys.modules  # of versions before 2
from elsa_rt.audio.block import Block
from elsa_rt.config import Config
from elsa_rt.diagnostics.monitor import HealthMonitor
from elsa_rt.microphones.library import profile_of
rng = np.random.default_rng(0)
sound = rng.normal(0, 0.1, (4, 13 * 48_000)).astype(np.float32).clip(-0.1, 0.1)
sound[3] *= 0.01
sound[2, 1:] = sound[2, 1:] / 2 + sound[2, :-1] / 2
monitor = HealthMonitor(profile_of(Config()))
def hear(second):
    return monitor.step(Block(sound[:, second * 48_000 : (second + 1) * 48_000], 48_000))
said = hear(0) + hear(1)
loaded = set(sys.modules) - (set() if had else {"numpy.ma"})
for second in range(2, 13):
    said += hear(second)
assert any("clipping" in text for text in said), said
print(*sorted(set(sys.modules) - loaded))
"""


def test_nothing_is_loaded_while_a_stream_is_heard() -> None:
    said = subprocess.run(
        [sys.executable, "-c", HEAR], capture_output=True, text=True, check=True, timeout=120
    )
    assert said.stdout.split() == []
