"""The steps of one piece of a recording, heard on a process of its own and sent on as arrays."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.block import Block
from elsa_rt.config import Config
from elsa_rt.diagnostics.monitor import HealthMonitor
from elsa_rt.encoder.audio import AudioEncoder
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.encoder.output import QUIET, EncoderOutput, EncoderStream
from elsa_rt.errors import ElsaError
from elsa_rt.features.energy_flow import EnergyFlow, Flow
from elsa_rt.features.intensity import IntensityFeatures
from elsa_rt.health import Health
from elsa_rt.hearing import Label
from elsa_rt.microphones.library import profile_of
from elsa_rt.microphones.profile import Profile
from elsa_rt.recordings.pieces import Piece
from elsa_rt.recordings.reading import PieceReader, PieceStep
from elsa_rt.scoring.known_sounds import KnownSounds, highest
from elsa_rt.screens.web.spectrum import DirectionSpectrum

LEAD_S = 120.0
"""Seconds before a piece that are heard first. The bundled model gets used to the background over
some 80 s: from here on embeddings of sounds are those of the whole recording (cosine of .998)."""

SENT_S = 60.0
"""Seconds of sound after which what was heard is sent on: it is matched while more is heard."""

READ_S = 16.0
"""Seconds of sound that every stage takes at once, 12 MB of 48 kHz: an eighth faster than two of
them; beyond it the memory that is taken anew costs what is gained."""

LOOK_S = 0.5
"""Seconds of sound between two looks at the health of the signal."""

Floats = NDArray[np.float32]


class Steps(NamedTuple):
    """n steps that follow each other, in which K sounds are heard at once."""

    embedding: NDArray[np.float16]  # (n, K, D)
    direction: Floats  # (n, K, 3)
    activity: Floats  # (n, K)
    distance_m: Floats  # (n, K)
    flows: NDArray[np.float64]  # (n, 5), the fields of `Flow`
    labels: NDArray[np.int16]  # (n, L), the nearest known sounds of the loudest, or -1
    probabilities: Floats  # (n, L) of them
    columns: NDArray[np.uint8]  # (n, bands, 3)

    @classmethod
    def joined(cls, parts: Iterable[Steps]) -> Steps:
        """All steps of ``parts``."""
        return cls(*map(np.concatenate, zip(*parts, strict=True)))


class PartOfSteps(NamedTuple):
    """Some of the steps of a piece, in their order."""

    piece: Piece
    seconds: float  # of the recording
    is_last: bool  # of the piece
    steps: Steps | None  # None where there is no step
    health: tuple[tuple[float, Health], ...]  # from which second of the recording on
    notices: tuple[str, ...]
    error: str

    def heard(self, names: tuple[str, ...]) -> Iterator[tuple[EncoderOutput, Flow, Labels]]:
        """What the model and the energy flow told in each step, and the known sounds by name."""
        if self.steps is None:
            return
        embedding = self.steps.embedding.astype(np.float32)
        outputs = zip(embedding, *self.steps[1:4], strict=True)
        flows = self.steps.flows.tolist()
        labels, likely = self.steps.labels.tolist(), self.steps.probabilities.tolist()
        for output, flow, which, how in zip(outputs, flows, labels, likely, strict=True):
            named = tuple(Label(names[k], p) for k, p in zip(which, how, strict=True) if k >= 0)
            yield EncoderOutput(*output), Flow(*flow), named


Labels = tuple[Label, ...]


class StepHearer:
    """Hears pieces one after the other: all that of a step depends on no rule.

    Parameters
    ----------
    config : Config
    known : KnownSounds, optional
        What names sounds, ``config.known_sounds`` of them.
    """

    def __init__(self, config: Config, known: KnownSounds | None) -> None:
        encoder = AudioEncoder(ModelBundle.load(config.bundle), config)
        self._bundle = bundle = encoder.bundle
        self._config, self._profile = config, profile_of(config)
        self._features = IntensityFeatures(bundle.features, self._profile.coincidence_hz)
        self._stream: EncoderStream = encoder.streams().lanes[0]
        self._known, self._labels = known, config.known_sounds or 0

    def hear(self, piece: Piece) -> Iterator[PartOfSteps]:
        """Yield the steps of ``piece`` in parts."""
        self._features.reset()
        self._stream.reset()
        step_s = self._bundle.step_s
        watch = SignalWatch(self._profile, piece)
        lead_s = round(LEAD_S / step_s) * step_s
        reader = PieceReader(
            piece, self._bundle, self._config, self._profile, self._features,
            lead_s, READ_S, watch.step,
        )  # fmt: skip
        flow, spectrum = self._flow(), self._spectrum()
        at = round((reader.begin_s - piece.begin_s) / step_s)  # steps, of the piece's own
        end = sys.maxsize if math.isinf(piece.end_s) else round(piece.length_s / step_s)
        parts, sent_s, error = list[Steps](), 0.0, ""
        try:
            for run in reader.runs():
                steps = self._steps(run, flow, spectrum)
                if steps is None:
                    continue
                first, at = at, at + len(steps.flows)
                own = slice(max(-first, 0), max(end - first, 0))
                if at > 0:
                    parts.append(Steps._make(column[own] for column in steps))
                if at >= end:
                    break
                if (at * step_s) - sent_s >= SENT_S:
                    yield watch.part(at * step_s - sent_s, parts)
                    parts, sent_s = [], at * step_s
        except ElsaError as failed:
            error = str(failed)
        yield watch.part(piece.seconds - sent_s, parts, is_last=True, error=error)

    def _flow(self) -> EnergyFlow:
        return EnergyFlow(self._bundle.step_frames)

    def _spectrum(self) -> DirectionSpectrum:
        return DirectionSpectrum(self._bundle.features, self._bundle.step_frames)

    def _steps(self, run: PieceStep, flow: EnergyFlow, spectrum: DirectionSpectrum) -> Steps | None:
        """The steps that are complete with ``run``, if any is."""
        sounds = self._stream.step(*run)
        flows, columns = flow.step(run.frames), spectrum.step(run.frames)
        if not sounds:
            return None
        embedding, direction, activity, distance_m = (
            np.concatenate(each).reshape(len(sounds), *each[0].shape)  # a third of `stack`'s time
            for each in zip(*sounds, strict=True)
        )
        kept = embedding.astype(np.float16)
        return Steps(
            kept, direction, activity, distance_m,
            np.array(flows, np.float64),
            *self._named(kept, activity),
            np.frombuffer(b"".join(columns), np.uint8).reshape(len(sounds), spectrum.bands, 3),
        )  # fmt: skip

    def _named(
        self, embedding: NDArray[np.float16], activity: Floats
    ) -> tuple[NDArray[np.int16], Floats]:
        """Columns ``labels`` and ``probabilities`` of `Steps`."""
        count = min(self._labels, len(self._known.names)) if self._known is not None else 0
        labels = np.full((len(activity), count), -1, np.int16)
        probabilities = np.zeros((len(activity), count), np.float32)
        active = np.flatnonzero(activity.max(axis=1) >= QUIET)
        if self._known is not None and count and active.size:
            loudest = embedding[active, activity[active].argmax(axis=1)].astype(np.float32)
            labels[active], probabilities[active] = highest(
                self._known.probabilities(loudest), count
            )
        return labels, probabilities


class SignalWatch:
    """Watches the signal of a piece, and makes its parts."""

    def __init__(self, profile: Profile, piece: Piece) -> None:
        self._piece = piece
        self._monitor = HealthMonitor(profile)
        self._now: Health | None = None
        self._health: list[tuple[float, Health]] = []
        self._notices: list[str] = []

    def step(self, block: Block) -> None:
        """Look at the signal."""
        count = max(1, round(LOOK_S * block.rate))
        for at in range(0, block.samples.shape[1], count):
            samples, start = block.samples[:, at : at + count], block.start + at
            said = self._monitor.step(Block(samples, block.rate, start))
            end_s = (start + samples.shape[1]) / block.rate
            if not self._piece.begin_s < end_s <= self._piece.end_s:
                continue
            self._notices += said
            health = self._monitor.health
            if health != self._now:
                self._now = health
                self._health.append((start / block.rate, health))

    def part(
        self, seconds: float, parts: list[Steps], *, is_last: bool = False, error: str = ""
    ) -> PartOfSteps:
        """The next part of the piece, of the steps ``parts``."""
        told = tuple(self._health), tuple(self._notices)
        self._health, self._notices = [], []
        steps = Steps.joined(parts) if parts else None
        return PartOfSteps(self._piece, seconds, is_last, steps, *told, error)


def hear_steps(
    config: Config, known: KnownSounds | None, pieces: Iterable[Piece], streams: int
) -> Iterator[PartOfSteps]:
    """Load the model of ``config`` and hear ``pieces``, one after the other.

    More ``streams`` at a time would be no faster, and the parts would come later.
    """
    hearer = StepHearer(config, known)
    for piece in pieces:
        yield from hearer.hear(piece)
