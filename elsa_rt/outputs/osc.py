"""OSC over UDP: directions as ADM-OSC for spatial mixers, scores and alerts for everything else.

    /adm/obj/<n>/aed  azimuth elevation distance    degrees, left positive; 0..1 of max_distance_m
    /adm/obj/<n>/active  0 | 1                      whether a sound is on object n
    /elsa/direction   azimuth elevation activity
    /elsa/level       dBFS
    /elsa/score/<rule>   0..1, when it changes, and each second
    /elsa/alert       state id rule score azimuth elevation

Each sound that is followed keeps its object number until it ends. UDP tells nobody whether it
arrived: what is lost is lost.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, ClassVar

from elsa_rt.errors import UsageError
from elsa_rt.hearing import EachRule, Hearing
from elsa_rt.outputs.base import Surroundings, need
from elsa_rt.outputs.settings import setting
from elsa_rt.outputs.worker import Unavailable, Worker

SCORE_STEP = 0.01
"""A score is sent when it has changed by so much, and each second."""

Message = tuple[str, tuple[float | str | int, ...]]


def _check_address(text: str) -> None:
    if not text.startswith("/") or set(text) & set(" #*,?[]{}") or text.endswith("/"):
        raise UsageError(f"{text!r} is no OSC address: begin with /, without blanks and wildcards")


@dataclass(frozen=True)
class OscSettings:
    """OSC messages over UDP."""

    type: ClassVar[str] = "osc"
    about: ClassVar[str] = "OSC over UDP: ADM-OSC objects, directions, scores"
    needs: ClassVar[tuple[str, str] | None] = ("pythonosc", "osc")

    host: str = setting("name or address of the receiver", "127.0.0.1")
    port: int = setting("its UDP port", 9000, least=1, most=65535)
    objects: int = setting(
        "ADM-OSC objects for sounds that are followed; 0 for none", 8, least=0, most=64
    )
    first_object: int = setting("number of the first of them", 1, least=1, most=4096)
    max_distance_m: float = setting(
        "distance that ADM-OSC's 1.0 stands for", 10.0, least=0.1, most=1000
    )
    address: str = setting("begin of elsa-rt's own addresses", "/elsa", check=_check_address)

    def open(self, surroundings: Surroundings) -> OscOutput:
        return OscOutput(self, surroundings)


class OscOutput:
    """Sends a bundle of messages for each step."""

    def __init__(self, settings: OscSettings, surroundings: Surroundings) -> None:
        self._udp: Any = need("pythonosc.udp_client", "osc")
        self._settings = settings
        self._client: Any = None
        self._each_rule = EachRule()
        self._objects: dict[str, int] = {}  # number of each track by its id
        self._scores: dict[str, float] = {}  # that were sent last
        self._next_all_s = -math.inf
        self.worker: Worker[tuple[Message, ...]] = Worker(
            f"osc {settings.host}:{settings.port}",
            self._send,
            surroundings.on_notice,
            capacity=100,
            on_close=self._close_client,
        )

    def show(self, hearing: Hearing) -> None:
        alerts = [
            (
                f"{self._settings.address}/alert",
                (alert.state, alert.id, alert.rule, float(alert.score), float(alert.azimuth_deg),
                 float(alert.elevation_deg)),
            )
            for alert in chain.from_iterable(map(self._each_rule, hearing.alerts))
        ]  # fmt: skip
        steps = tuple(self._step(hearing))
        if alerts:
            self.worker.put(tuple(alerts))
        ended = any(track.state == "end" for track in hearing.tracks)
        self.worker.put(steps, key=None if ended else "step")

    def notice(self, text: str) -> None:
        """Nothing: notices are for people at the terminal."""

    def close(self) -> None:
        self.worker.close(1.0)

    def _step(self, hearing: Hearing) -> Iterator[Message]:
        own = self._settings.address
        yield (
            f"{own}/direction",
            (hearing.azimuth_deg, hearing.elevation_deg, float(hearing.activity)),
        )
        if math.isfinite(hearing.level_dbfs):
            yield f"{own}/level", (float(hearing.level_dbfs),)
        everything = hearing.time_s >= self._next_all_s or hearing.time_s < self._next_all_s - 2
        if everything:
            self._next_all_s = hearing.time_s + 1.0
        for score in hearing.scores:
            before = self._scores.get(score.rule, math.inf)
            if everything or abs(score.score - before) >= SCORE_STEP:
                self._scores[score.rule] = float(score.score)
                yield f"{own}/score/{score.rule}", (float(score.score),)
        for track in hearing.tracks:
            number = self._number(track.id)
            if number is None:
                continue
            distance = track.distance_m / self._settings.max_distance_m
            distance = min(distance, 1.0) if math.isfinite(distance) else 1.0
            aed = (float(track.azimuth_deg), float(track.elevation_deg), distance)
            yield f"/adm/obj/{number}/aed", aed
            yield f"/adm/obj/{number}/active", (int(track.state != "end"),)
            if track.state == "end":
                del self._objects[track.id]

    def _number(self, track: str) -> int | None:
        """The object number of ``track``: that which it has, the lowest free one, or None."""
        if track not in self._objects:
            taken = set(self._objects.values())
            first = self._settings.first_object
            free = [n for n in range(first, first + self._settings.objects) if n not in taken]
            if not free:
                return None
            self._objects[track] = free[0]
        return self._objects[track]

    def _send(self, messages: tuple[Message, ...]) -> None:
        try:
            if self._client is None:
                self._client = self._udp.SimpleUDPClient(self._settings.host, self._settings.port)
            for address, values in messages:
                self._client.send_message(address, list(values))
        except ConnectionRefusedError:
            return  # nobody listens: with UDP that is no failure
        except OSError as error:
            self._close_client()
            raise Unavailable(
                f"sending fails ({error.strerror or error}): see host and network"
            ) from None

    def _close_client(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()
