"""Turn a robot's head towards a sound that was asked for, and keep facing it.

The robot is simulated here: a telephone rings somewhere around it, and its microphone turns with
its head. With a real one, put its driver in place of `Robot`: the angle of the head, the command
that turns it, the samples of its microphone.

python examples/turn_to_sound.py 150    it rings behind, on the left: angles are left positive
python examples/turn_to_sound.py -60    or on the right
"""

from __future__ import annotations

import sys

import numpy as np
import soundfile
from numpy.typing import NDArray

import elsa_rt
from elsa_rt.demo import demo_path

STEP_S = 0.08


class Robot:
    """Turns its head; angles are degrees, left positive, from where the head looked at first."""

    def __init__(self, ringing_deg: float, speed_deg_s: float = 90.0) -> None:
        self.heading_deg = 0.0
        self._ringing_deg, self._most_deg = ringing_deg, speed_deg_s * STEP_S
        self._wanted_deg = 0.0
        samples, self.rate = soundfile.read(demo_path(), dtype="float32", always_2d=True)
        ring = samples[12 * self.rate : 16 * self.rate, 0]
        self._sound = np.concatenate([np.zeros(self.rate, np.float32), ring, ring])
        self._noise = np.random.default_rng(1)

    def turn_to(self, heading_deg: float) -> None:
        """Turn the head to an angle of the room, as fast as it can."""
        self._wanted_deg = heading_deg

    def listen(self) -> NDArray[np.float32] | None:
        """The next 80 ms as AmbiX (4, n); None when the telephone has ended."""
        mono, self._sound = np.split(self._sound, [round(STEP_S * self.rate)])
        if not len(self._sound):
            return None
        way_deg = (self._wanted_deg - self.heading_deg + 180) % 360 - 180
        self.heading_deg += min(max(way_deg, -self._most_deg), self._most_deg)
        towards = np.radians(self._ringing_deg - self.heading_deg)
        wave = np.array([1, np.sin(towards), 0, np.cos(towards)], np.float32)[:, None] * mono
        return wave + self._noise.normal(0, 1e-4, wave.shape).astype(np.float32)

    @property
    def error_deg(self) -> float:
        """How far the head is from facing the telephone."""
        return abs((self._ringing_deg - self.heading_deg + 180) % 360 - 180)


if len(sys.argv) != 2:
    sys.exit(__doc__)
robot = Robot(float(sys.argv[1]))
listener = elsa_rt.Listener(["a telephone ringing"], alert_update_s=0.3)
while (samples := robot.listen()) is not None:
    listener.set_orientation(yaw_deg=robot.heading_deg)
    for hearing in listener.push(elsa_rt.Block(samples, robot.rate)):
        for alert in hearing.alerts:
            if alert.state != "end" and alert.world is not None:  # the room's axes, not the head's
                robot.turn_to(alert.world.azimuth_deg)
                print(
                    f"{alert.time_s:5.2f} s  {alert.prompt} {alert.words}: "
                    f"turning from {robot.heading_deg:+.0f} to {alert.world.azimuth_deg:+.0f} deg"
                )
print(f"the head faces it within {robot.error_deg:.0f} deg")
sys.exit(robot.error_deg > 15)
