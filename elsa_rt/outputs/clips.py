"""Clips: the sound of each alert as an AmbiX FLAC file, from before its onset to after its end.

    <directory>/<rule>/<alert id>.flac    four channels W Y Z X, SN3D, at the model's rate
    <directory>/<rule>/<alert id>.json    the alert's end as in JSON lines, and when the clip begins

Of each rule the best are kept, by their highest score; all together stay below a quota. With
``speech: never`` no clip is written while speech is heard: the alert is told, its sound is not
kept. Files are readable by their owner alone.
"""

from __future__ import annotations

import json
import math
import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.errors import UsageError
from elsa_rt.files import expanded, replacing
from elsa_rt.hearing import Alert, EachRule, Hearing
from elsa_rt.outputs.base import Surroundings
from elsa_rt.outputs.jsonl import utc_now
from elsa_rt.outputs.settings import setting
from elsa_rt.outputs.worker import Refused, Worker

SPEECH = ("never", "allow")

MARGIN_S = 3.0
"""Time from a sound's onset to the start of its alert that the memory has room for."""

MAX_MB = 1e6


@dataclass(frozen=True)
class ClipsSettings:
    """The sound of alerts as files."""

    type: ClassVar[str] = "clips"
    about: ClassVar[str] = "the sound of each alert as a FLAC file, four channels"
    needs: ClassVar[tuple[str, str] | None] = None

    directory: str = setting("where to; it is made if it is not there", is_path=True)
    pre_s: float = setting(
        "seconds before the onset of the sound; six are the memory of the model, so that a clip "
        "replays to the same alert",
        6.0,
        least=0,
        most=60,
    )
    post_s: float = setting("seconds after its end", 1.0, least=0, most=60)
    max_s: float = setting("seconds of sound between the two at most", 10.0, least=0.5, most=600)
    per_rule: int = setting("clips of each rule at most, the best stay", 50, least=1, most=100_000)
    quota_mb: float = setting("million bytes of all clips at most", 500.0, least=1, most=MAX_MB)
    rules: tuple[str, ...] | None = setting("ids of the rules to keep; all if left out", None)
    speech: str = setting(
        "never: no clip while speech is heard; allow: all clips", "never", choices=SPEECH
    )

    def open(self, surroundings: Surroundings) -> ClipsOutput:
        return ClipsOutput(self, surroundings)


class Clip(NamedTuple):
    """What is written."""

    alert: dict[str, Any]
    samples: NDArray[np.float32]  # (4, n)
    begins_s: float  # stream time
    score: float


@dataclass
class _Open:
    """An alert whose sound goes on."""

    rule: str
    onset_s: float
    last: Alert
    until_s: float = math.inf  # stream time at which the clip is complete


class ClipsOutput:
    """Keeps the latest seconds of sound, and writes those of alerts.

    Parameters
    ----------
    settings : ClipsSettings
    surroundings : Surroundings
        Its ``speech`` tells of an embedding whether speech is heard.
    """

    def __init__(self, settings: ClipsSettings, surroundings: Surroundings) -> None:
        self._settings = settings
        self._is_speech: Callable[[Hearing], bool] | None = None
        if settings.speech == "never":
            self._is_speech = surroundings.is_speech
            if self._is_speech is None:
                raise UsageError(
                    "clips: this model knows no speech, so that speech: never cannot be kept: "
                    "write speech: allow if clips may hold speech"
                )
        self._directory = expanded(settings.directory)
        _make(self._directory)
        self._ring: NDArray[np.float32] | None = None  # (4, n), sample i at i modulo n
        self._rate = surroundings.rate
        self._step = surroundings.step_samples
        self._samples = 0  # heard so far
        self._begin = self._fresh = 0  # of the stream; of what came since the last hearing
        self._steps, self._now_s = 0, 0.0  # of the stream
        self._shown = True
        self._each_rule = EachRule()
        self._open: dict[str, _Open] = {}
        self._speech_s: deque[float] = deque()  # stream times at which speech was heard
        self.refused = 0  # clips that were not written because of speech
        self.worker: Worker[Clip] = Worker(
            f"clips {self._directory}", self._write, surroundings.on_notice, capacity=8
        )

    @property
    def _seconds(self) -> float:
        """What the memory holds."""
        return sum((self._settings.pre_s, self._settings.max_s, self._settings.post_s, MARGIN_S))

    def hear(self, foa: NDArray[np.float32]) -> None:
        """Take the next AmbiX samples (4, n) at the model's rate, before their hearings."""
        if self._ring is None:
            self._ring = np.zeros((4, math.ceil(self._seconds * self._rate)), np.float32)
        if self._shown:
            self._fresh, self._shown = self._samples, False
        size = self._ring.shape[1]
        for begin in range(0, foa.shape[1], size):
            piece = foa[:, begin : begin + size]
            at = self._samples % size
            first = min(size - at, piece.shape[1])
            self._ring[:, at : at + first] = piece[:, :first]
            self._ring[:, : piece.shape[1] - first] = piece[:, first:]
            self._samples += piece.shape[1]

    def show(self, hearing: Hearing) -> None:
        if hearing.time_s < self._now_s:
            self._begin_again()
        self._steps, self._now_s, self._shown = self._steps + 1, hearing.time_s, True
        if self._is_speech is not None and self._is_speech(hearing):
            self._speech_s.append(hearing.time_s)
        while self._speech_s and self._speech_s[0] < hearing.time_s - self._seconds:
            self._speech_s.popleft()
        for alert in chain.from_iterable(map(self._each_rule, hearing.alerts)):
            if self._settings.rules is None or alert.rule in self._settings.rules:
                self._follow(alert)
        for id, found in list(self._open.items()):
            longest_s = found.onset_s + self._settings.max_s + self._settings.post_s
            if hearing.time_s >= min(found.until_s, longest_s):
                self._cut(id)

    def notice(self, text: str) -> None:
        """Nothing: notices are for people at the terminal."""

    def close(self) -> None:
        for id in list(self._open):
            self._cut(id)
        self.worker.close(10.0)

    def _begin_again(self) -> None:
        """Another stream begins, with the sound that came since the last hearing."""
        for id in list(self._open):
            self._cut(id)
        self._begin, self._steps = self._fresh, 0
        self._speech_s.clear()

    def _sample_at(self, time_s: float) -> int:
        """The sample at a stream time, counted back from the last hearing: what was lost before
        counts in stream time alone.
        """
        back = round((self._now_s - time_s) * self._rate)
        return max(self._begin, self._begin + self._steps * self._step - back)

    def _follow(self, alert: Alert) -> None:
        onset_s = alert.onset_s if math.isfinite(alert.onset_s) else alert.time_s
        if alert.state == "start":
            self._open[alert.id] = _Open(alert.rule, onset_s, alert)
        elif (found := self._open.get(alert.id)) is not None:
            found.last = alert
            if alert.state == "end":
                ends_s = (
                    onset_s + alert.duration_s if alert.duration_s is not None else alert.time_s
                )
                found.until_s = ends_s + self._settings.post_s

    def _cut(self, id: str) -> None:
        """Hand the sound of the alert ``id`` to the writer, if nothing forbids it."""
        found = self._open.pop(id)
        begins_s = max(0.0, found.onset_s - self._settings.pre_s)
        ends_s = min(found.until_s, found.onset_s + self._settings.max_s + self._settings.post_s)
        if any(begins_s <= at_s <= ends_s + self._settings.post_s for at_s in self._speech_s):
            self.refused += 1
            return
        # steps of the model begin where they did, so that a clip replays to the same alert
        before = self._sample_at(begins_s) - self._begin
        begin = self._begin + before // self._step * self._step
        heard = self._begin + self._steps * self._step
        samples = self._between(begin, min(heard, self._sample_at(ends_s)))
        if samples.shape[1]:
            score = found.last.peak if math.isfinite(found.last.peak) else found.last.score
            fields = found.last.as_dict()
            starts_s = max(0.0, self._now_s - (heard - begin) / self._rate)
            self.worker.put(Clip(fields, samples, starts_s, float(score)))

    def _between(self, begin: int, end: int) -> NDArray[np.float32]:
        """A copy of the samples from ``begin`` to ``end``, as far as they are still there."""
        if self._ring is None:
            return np.zeros((4, 0), np.float32)
        size = self._ring.shape[1]
        begin = max(begin, self._samples - size)
        return self._ring[:, np.arange(begin, max(begin, end)) % size]

    def _write(self, clip: Clip) -> None:
        directory = self._directory / clip.alert["rule"]
        try:
            _make(directory)
            worst = self._room(directory, clip)
            if worst is None:
                return
            for path in worst:
                _remove(path)
            self._save(directory / f"{clip.alert['id']}.flac", clip)
        except OSError as error:
            raise Refused(
                f"writing a clip into {directory}: {error.strerror or error}: see that the place "
                "is writable and not full"
            ) from None

    def _room(self, directory: Path, clip: Clip) -> list[Path] | None:
        """The clips to be removed for ``clip``; None if it is not good enough itself."""
        own = sorted(directory.glob("*.flac"), key=_score)
        removed = own[: max(0, len(own) + 1 - self._settings.per_rule)]
        if removed and _score(removed[-1]) > clip.score:
            return None
        size = clip.samples.size * 3  # at most
        kept = [path for path in self._directory.glob("*/*.flac") if path not in removed]
        over = sum(path.stat().st_size for path in kept) + size - self._settings.quota_mb * 1e6
        for path in sorted(kept, key=_score):
            if over <= 0:
                break
            if _score(path) > clip.score:
                return None
            over -= path.stat().st_size
            removed.append(path)
        return removed if over <= 0 else None

    def _save(self, path: Path, clip: Clip) -> None:
        import soundfile

        about = {**clip.alert, "at": utc_now(), "clip_begins_s": round(clip.begins_s, 3)}
        text = json.dumps(about, allow_nan=False)
        with (
            replacing(path, private=True) as part,
            part.open("wb") as target,
            soundfile.SoundFile(target, "w", self._rate, 4, "PCM_24", format="FLAC") as file,
        ):
            file.title, file.comment = clip.alert["prompt"], text
            file.software = "elsa-rt, AmbiX: W Y Z X, SN3D"
            file.write(clip.samples.T)
        with replacing(path.with_suffix(".json"), private=True) as part:
            part.write_text(text + "\n")


def _make(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        writable = os.access(directory, os.W_OK | os.X_OK)
    except OSError as error:
        raise UsageError(
            f"clips: making {directory}: {error.strerror}: name a writable directory"
        ) from None
    if not writable:
        raise UsageError(f"clips: {directory} is not writable: name a writable directory")


def _score(path: Path) -> float:
    """The score of the clip at ``path``, from the text beside it; 0 if there is none."""
    try:
        found = json.loads(path.with_suffix(".json").read_text())
        return float(found.get("peak") or found["score"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return 0.0


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.with_suffix(".json").unlink(missing_ok=True)
