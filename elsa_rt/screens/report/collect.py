"""Collector of a report: a few numbers a step, and every event."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from elsa_rt.features.intensity import FeatureSettings, Frames
from elsa_rt.hearing import Alert, Hearing, NearMiss
from elsa_rt.screens.heard import HeardLog, HeardSound
from elsa_rt.screens.web.spectrum import DirectionSpectrum

COLUMNS = 1200
"""Columns of the spectrogram; of longer recordings the loudest of each stretch is kept."""

KEPT = 3
"""Numbers of a step: stream time, azimuth, activity."""


@dataclass
class Collected:
    """Everything that the page shows of a recording.

    Attributes
    ----------
    picture : uint8 (columns, bands, 3)
        See `elsa_rt.screens.web.spectrum.columns`.
    alerts : dict, by id
        Start and last message of each alert.
    """

    spectrum: DirectionSpectrum
    log: HeardLog
    columns: int  # of the whole recording, at one a step
    picture: NDArray[np.uint8]
    alerts: dict[str, tuple[Alert, Alert]] = field(default_factory=dict)
    near: list[NearMiss] = field(default_factory=list)
    heard: list[HeardSound] = field(default_factory=list)
    _steps: array[float] = field(default_factory=lambda: array("f"))
    _column: int = 0

    @classmethod
    def start(
        cls, settings: FeatureSettings, step_frames: int, told_from: float, steps: int
    ) -> Collected:
        """Nothing yet of a recording of about ``steps`` steps."""
        spectrum = DirectionSpectrum(settings, step_frames)
        width = max(1, min(steps, COLUMNS))
        picture = np.zeros((width, spectrum.bands, 3), np.uint8)
        return cls(spectrum, HeardLog(told_from), max(steps, 1), picture)

    def take_frames(self, frames: Frames) -> None:
        """Take the features of what comes next: `Listener.on_frames`."""
        columns = b"".join(self.spectrum.step(frames))
        self.take_columns(np.frombuffer(columns, np.uint8).reshape(-1, self.spectrum.bands, 3))

    def take_columns(self, columns: NDArray[np.uint8]) -> None:
        """Take the columns (n, bands, 3) of what comes next."""
        width = len(self.picture)
        number = np.arange(self._column, self._column + len(columns))
        places = np.minimum(number * width // self.columns, width - 1)
        for at in np.unique(places).tolist():
            here = columns[places == at]
            loudest = here[here[:, :, 0].argmax(axis=0), np.arange(here.shape[1])]
            louder = loudest[:, 0] > self.picture[at, :, 0]
            self.picture[at, louder] = loudest[louder]
        self._column += len(columns)

    def take(self, hearing: Hearing) -> None:
        """Take one step."""
        self._steps.extend((hearing.time_s, hearing.azimuth_deg, hearing.activity))
        for alert in hearing.alerts:
            self.alerts[alert.id] = (self.alerts.get(alert.id, (alert, alert))[0], alert)
        self.near += hearing.near_misses
        self.heard += [sound for sound in self.log.step(hearing) if sound.state == "end"]

    def finish(self) -> None:
        """The recording is over."""
        self.heard += self.log.finish()

    def steps(self) -> NDArray[np.float32]:
        """Stream time, azimuth and activity (3, n) of every step."""
        return np.frombuffer(self._steps, np.float32).reshape(-1, KEPT).T
