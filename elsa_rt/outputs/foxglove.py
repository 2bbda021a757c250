"""MCAP and Foxglove: directions, scores, alerts and levels in a file, or live in Foxglove.

    /elsa/directions   foxglove.SceneUpdate    an arrow for each sound that is followed
    /elsa/pose         foxglove.PosesInFrame   the same as poses, x along the direction
    /elsa/scores       JSON                    {"<rule>": score, ...}
    /elsa/alerts       JSON                    as in JSON lines
    /elsa/levels       JSON                    level, activity, diffuseness, direction
    /elsa/log          foxglove.Log            notices
    /elsa/audio        foxglove.RawAudio       pcm-s16, four channels, with audio: true

Axes are those of ROS REP-103: x forward, y left, z up. Times are of the day.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from elsa_rt.errors import UsageError
from elsa_rt.files import expanded
from elsa_rt.hearing import Hearing, Track
from elsa_rt.outputs.base import Surroundings, need
from elsa_rt.outputs.settings import setting
from elsa_rt.outputs.worker import Refused, Unavailable, Worker

COLOURS = ((0.98, 0.62, 0.1), (0.2, 0.6, 0.98), (0.35, 0.8, 0.4), (0.85, 0.35, 0.85))
"""Red, green and blue of arrows, in turn."""

FRAME = "microphone"

Job = tuple[str, Any, int]
"""What is to be written, its data, and its time in nanoseconds."""


@dataclass(frozen=True)
class McapSettings:
    """A file for Foxglove and other robotics tools."""

    type: ClassVar[str] = "mcap"
    about: ClassVar[str] = "an MCAP file for Foxglove: directions, scores, alerts, levels"
    needs: ClassVar[tuple[str, str] | None] = ("foxglove", "mcap")

    path: str = setting("the file; when it is full, the next gets a number", is_path=True)
    max_mb: float = setting(
        "a new file is begun before this one grows larger", 500.0, least=1, most=1e6
    )
    keep: int = setting("files that stay, the present one included", 4, least=1, most=10_000)
    audio: bool = setting("whether the sound is kept as well", False)

    def open(self, surroundings: Surroundings) -> FoxgloveOutput:
        return FoxgloveOutput(self, surroundings)


@dataclass(frozen=True)
class FoxgloveSettings:
    """A live view in Foxglove."""

    type: ClassVar[str] = "foxglove"
    about: ClassVar[str] = "live data for Foxglove at ws://HOST:PORT"
    needs: ClassVar[tuple[str, str] | None] = ("foxglove", "mcap")

    host: str = setting("address to listen on", "127.0.0.1")
    port: int = setting("port to listen on", 8765, least=1, most=65535)
    audio: bool = setting("whether the sound is sent as well", False)

    def open(self, surroundings: Surroundings) -> FoxgloveOutput:
        return FoxgloveOutput(self, surroundings)


class FoxgloveOutput:
    """Writes what is heard into a sink of Foxglove's SDK, on its own thread."""

    def __init__(
        self, settings: McapSettings | FoxgloveSettings, surroundings: Surroundings
    ) -> None:
        self._sdk: Any = need("foxglove", "mcap")
        self._channels: Any = need("foxglove.channels", "mcap")
        self._messages: Any = need("foxglove.messages", "mcap")
        self._settings = settings
        self._rate = surroundings.rate
        self._context = self._sdk.Context()
        self._sink: Any = None
        self._made: dict[str, Any] = {}
        self._colours: dict[str, int] = {}
        if isinstance(settings, McapSettings):
            self._path = expanded(settings.path)
            if self._path.is_dir():
                raise UsageError(f"mcap: {self._path} is a directory: name a file in it")
            if not self._path.parent.is_dir():
                raise UsageError(
                    f"mcap: there is no directory {self._path.parent}: mkdir -p {self._path.parent}"
                )
            name = f"mcap {self._path}"
        else:
            name = f"foxglove {settings.host}:{settings.port}"
        self.worker: Worker[Job] = Worker(
            name, self._do, surroundings.on_notice, capacity=2_000, on_close=self._close_sink
        )
        self.worker.put(("open", None, 0))

    def show(self, hearing: Hearing) -> None:
        now = time.time_ns()
        self.worker.put(("hearing", hearing, now))

    def hear(self, foa: NDArray[np.float32]) -> None:
        """Take the next AmbiX samples (4, n) at the model's rate."""
        if self._settings.audio:
            self.worker.put(("audio", foa.copy(), time.time_ns()))

    def notice(self, text: str) -> None:
        self.worker.put(("notice", text, time.time_ns()))

    def close(self) -> None:
        self.worker.close()

    def _do(self, job: Job) -> None:
        kind, data, now = job
        try:
            if self._sink is None:
                self._sink = self._open_sink()
            if kind == "hearing":
                self._write_hearing(data, now)
            elif kind == "audio":
                self._write_audio(data, now)
            elif kind == "notice":
                self._write_notice(data, now)
        except self._sdk_error as error:
            self._close_sink()
            raise Refused(f"writing fails ({error}): see that the place is writable") from None

    @property
    def _sdk_error(self) -> tuple[type[Exception], ...]:
        return (RuntimeError, ValueError)

    def _open_sink(self) -> Any:
        settings = self._settings
        if isinstance(settings, FoxgloveSettings):
            try:
                return self._sdk.start_server(
                    name="elsa-rt", host=settings.host, port=settings.port, context=self._context
                )
            except (RuntimeError, OSError) as error:
                raise Unavailable(
                    f"listening fails ({error}): choose another port, or end the program that "
                    "holds it"
                ) from None
        self._rotate()
        try:
            return self._sdk.open_mcap(self._path, context=self._context)
        except (RuntimeError, OSError) as error:
            raise Unavailable(
                f"opening {self._path}: {error}: name a writable place that is not full"
            ) from None

    def _rotate(self) -> None:
        """Move what is at the path to path.1, and so on; the oldest goes."""
        assert isinstance(self._settings, McapSettings)
        files = [self._path, *(self._numbered(n) for n in range(1, self._settings.keep))]
        for older, newer in zip(files[:0:-1], files[-2::-1], strict=True):
            if newer.exists():
                newer.replace(older)
        if self._path.exists():  # keep: 1
            self._path.unlink()

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.stem}.{number}{self._path.suffix}")

    def _close_sink(self) -> None:
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.close() if hasattr(sink, "close") else sink.stop()

    def _channel(self, topic: str, kind: str | None = None) -> Any:
        if topic not in self._made:
            self._made[topic] = (
                self._sdk.Channel(topic, message_encoding="json", context=self._context)
                if kind is None
                else getattr(self._channels, f"{kind}Channel")(topic, context=self._context)
            )
        return self._made[topic]

    def _write_hearing(self, hearing: Hearing, now: int) -> None:
        tracks = [track for track in hearing.tracks if track.state != "end"]
        ended = [track.id for track in hearing.tracks if track.state == "end"]
        self._channel("/elsa/directions", "SceneUpdate").log(
            self._scene(tracks, ended, now), log_time=now
        )
        self._channel("/elsa/pose", "PosesInFrame").log(self._poses(tracks, now), log_time=now)
        if hearing.scores:
            scores = {score.rule: round(float(score.score), 4) for score in hearing.scores}
            self._channel("/elsa/scores").log(scores, log_time=now)
        levels = {
            "time_s": hearing.time_s,
            "level_dbfs": hearing.level_dbfs if math.isfinite(hearing.level_dbfs) else None,
            "activity": float(hearing.activity),
            "diffuseness": float(hearing.diffuseness),
            "azimuth_deg": float(hearing.azimuth_deg),
            "elevation_deg": float(hearing.elevation_deg),
        }
        self._channel("/elsa/levels").log(levels, log_time=now)
        for alert in hearing.alerts:
            self._channel("/elsa/alerts").log(alert.as_dict(), log_time=now)
        for id in ended:
            self._colours.pop(id, None)
        self._begin_next_file()

    def _begin_next_file(self) -> None:
        if isinstance(self._settings, McapSettings):
            size = self._path.stat().st_size if self._path.exists() else 0
            if size > self._settings.max_mb * 1e6:
                self._close_sink()

    def _scene(self, tracks: list[Track], ended: list[str], now: int) -> Any:
        messages = self._messages
        entities = [
            messages.SceneEntity(
                timestamp=_stamp(messages, now),
                frame_id=FRAME,
                id=track.id,
                lifetime=messages.Duration(1, 0),
                arrows=[
                    messages.ArrowPrimitive(
                        pose=self._pose(track),
                        shaft_length=1.0,
                        shaft_diameter=0.03,
                        head_length=0.15,
                        head_diameter=0.08,
                        color=self._colour(track.id),
                    )
                ],
            )
            for track in tracks
        ]
        deletions = [
            messages.SceneEntityDeletion(
                timestamp=_stamp(messages, now),
                type=messages.SceneEntityDeletionType.MatchingId,
                id=id,
            )
            for id in ended
        ]
        return messages.SceneUpdate(deletions=deletions, entities=entities)

    def _poses(self, tracks: list[Track], now: int) -> Any:
        return self._messages.PosesInFrame(
            timestamp=_stamp(self._messages, now),
            frame_id=FRAME,
            poses=[self._pose(track) for track in tracks],
        )

    def _pose(self, track: Track) -> Any:
        messages = self._messages
        x, y, z, w = quaternion_towards(track.azimuth_deg, track.elevation_deg)
        return messages.Pose(
            position=messages.Vector3(x=0, y=0, z=0),
            orientation=messages.Quaternion(x=x, y=y, z=z, w=w),
        )

    def _colour(self, track: str) -> Any:
        taken = self._colours.values()
        free = [n for n in range(len(COLOURS)) if n not in taken]
        number = self._colours.setdefault(track, free[0] if free else 0)
        r, g, b = COLOURS[number]
        return self._messages.Color(r=r, g=g, b=b, a=1.0)

    def _write_audio(self, foa: NDArray[np.float32], now: int) -> None:
        data = (np.clip(foa.T, -1, 1 - 2**-15) * 2**15).round().astype("<i2").tobytes()
        message = self._messages.RawAudio(
            timestamp=_stamp(self._messages, now),
            data=data,
            format="pcm-s16",
            sample_rate=self._rate,
            number_of_channels=4,
        )
        self._channel("/elsa/audio", "RawAudio").log(message, log_time=now)

    def _write_notice(self, text: str, now: int) -> None:
        message = self._messages.Log(
            timestamp=_stamp(self._messages, now),
            level=self._messages.LogLevel.Warning,
            message=text,
            name="elsa-rt",
        )
        self._channel("/elsa/log", "Log").log(message, log_time=now)


def _stamp(messages: Any, nanoseconds: int) -> Any:
    return messages.Timestamp(nanoseconds // 10**9, nanoseconds % 10**9)


def quaternion_towards(
    azimuth_deg: float, elevation_deg: float
) -> tuple[float, float, float, float]:
    """The quaternion (x, y, z, w) that turns the x axis towards a direction: Rz(az) Ry(-el)."""
    half_yaw = math.radians(azimuth_deg) / 2
    half_pitch = -math.radians(elevation_deg) / 2
    cy, sy, cp, sp = (
        math.cos(half_yaw),
        math.sin(half_yaw),
        math.cos(half_pitch),
        math.sin(half_pitch),
    )
    return -sy * sp, cy * sp, sy * cp, cy * cp
