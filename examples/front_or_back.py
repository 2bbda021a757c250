"""Tell front from back with an array that cannot, by turning the head a little.

A line of microphones, such as that of Reachy Mini, tells 0..180 degrees from one end to the other:
what rings at 40 degrees in front and what rings at 40 degrees behind are one to it. When the head
turns left, angles of what is in front grow smaller and of what is behind larger. The two
hypotheses are kept, and the readings at several headings choose.

elsa-rt says *what* is heard, here from the mean of the microphones alone (W, without directions);
the array says at which angle. The robot is simulated.

python examples/front_or_back.py 140    it rings behind, on the left: angles are left positive
python examples/front_or_back.py 30     or in front
"""

from __future__ import annotations

import sys

import numpy as np
import soundfile

import elsa_rt
from elsa_rt.demo import demo_path

STEP_S = 0.08
SWING_DEG = 15.0  # how far the head turns to find out
NOISE_DEG = 5.0  # of the array's readings


class FrontOrBack:
    """Follows both places that a reading may come from, and which of them fits better.

    Angles are degrees, left positive, of the room. A reading is 0 on the left .. 180 on the right.
    """

    def __init__(self, noise_deg: float = NOISE_DEG) -> None:
        self._noise_deg = noise_deg
        self._angles = np.arange(-180.0, 180.0)  # of the room
        self._log_odds = np.zeros(360)

    def add(self, reading_deg: float, heading_deg: float) -> None:
        """Take a reading of the array while the head looks at ``heading_deg``."""
        own = np.radians(self._angles - heading_deg)
        # the same in front and behind
        expected = np.degrees(np.arccos(np.clip(np.sin(own), -1, 1)))
        self._log_odds -= 0.5 * ((reading_deg - expected) / self._noise_deg) ** 2
        self._log_odds -= self._log_odds.max()

    @property
    def azimuth_deg(self) -> float:
        """The most likely angle of the room."""
        return float(self._angles[self._log_odds.argmax()])

    @property
    def certainty(self) -> float:
        """0.5..1: how sure it is of front against back."""
        likely = np.exp(self._log_odds)
        behind = likely[np.abs(self._angles) > 90].sum() / likely.sum()
        return float(max(behind, 1 - behind))


if len(sys.argv) != 2:
    sys.exit(__doc__)
ringing_deg = float(sys.argv[1])
sound, rate = soundfile.read(demo_path(), dtype="float32", always_2d=True)
ring = sound[12 * rate : 16 * rate, 0]
listener = elsa_rt.Listener(["a telephone ringing"])
noise = np.random.default_rng(1)
where = FrontOrBack()
heading_deg, is_ringing = 0.0, False
for step, mono in enumerate(np.array_split(ring, round(len(ring) / rate / STEP_S))):
    quiet = noise.normal(0, 1e-4, (4, len(mono))).astype(np.float32)
    quiet[0] += mono  # W alone: what it is, not where
    for hearing in listener.push(elsa_rt.Block(quiet, rate)):
        for alert in hearing.alerts:
            is_ringing = alert.state != "end"
    if not is_ringing:
        continue
    own = np.radians(ringing_deg - heading_deg)
    reading_deg = np.degrees(np.arccos(np.sin(own))) + noise.normal(0, NOISE_DEG)
    where.add(reading_deg, heading_deg)
    if where.certainty < 0.99:
        heading_deg = SWING_DEG * np.sin(step / 4)  # look around a little
    else:
        heading_deg += np.clip((where.azimuth_deg - heading_deg + 180) % 360 - 180, -8, 8)
    print(f"{step * STEP_S:5.2f} s  {where.azimuth_deg:+4.0f} deg, {where.certainty:.0%} sure")
error_deg = abs((ringing_deg - heading_deg + 180) % 360 - 180)
print(f"the head faces it within {error_deg:.0f} deg")
sys.exit(error_deg > 15)
