"""The steps of one piece of a recording, heard on a process of its own and sent on as arrays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.block import Block
from elsa_rt.config import Config
from elsa_rt.diagnostics.monitor import HealthMonitor
from elsa_rt.encoder.audio import AudioEncoder
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.encoder.output import EncoderOutput
from elsa_rt.features.energy_flow import Flow
from elsa_rt.features.intensity import Frames
from elsa_rt.health import Health
from elsa_rt.microphones.library import profile_of
from elsa_rt.microphones.profile import Profile
from elsa_rt.recordings.batch import HeardStep, PieceBatch
from elsa_rt.recordings.pieces import Piece
from elsa_rt.screens.web.spectrum import DirectionSpectrum

LEAD_S = 120.0
"""Seconds before a piece that are heard first. The bundled model gets used to the background over
some 80 s: from here on embeddings of sounds are those of the whole recording (cosine of .998)."""

STREAMS = 8
"""Pieces that step together; more would be hardly faster, and each takes memory."""

AT_ONCE = 50
"""Columns of the spectrogram that are made at once."""

LOOK_S = 0.5
"""Seconds of sound between two looks at the health of the signal."""

KEPT = {"embedding": np.float16, "direction": np.float32, "activity": np.float32,
        "distance_m": np.float32}  # fmt: skip
"""How the outputs of the model are kept until they are matched, and sent."""

Floats = NDArray[np.float32]


class PieceOfSteps(NamedTuple):
    """All steps of a piece, n of them, in which K sounds are heard at once."""

    piece: Piece
    embedding: NDArray[np.float16]  # (n, K, D)
    direction: Floats  # (n, K, 3)
    activity: Floats  # (n, K)
    distance_m: Floats  # (n, K)
    flows: NDArray[np.float64]  # (n, 5), the fields of `Flow`
    columns: NDArray[np.uint8]  # (n, bands, 3)
    health: tuple[tuple[float, Health], ...]  # from which second of the recording on
    notices: tuple[str, ...]
    error: str

    def steps(self) -> Iterator[tuple[EncoderOutput, Flow]]:
        """What the model and the energy flow told in each step."""
        embedding = self.embedding.astype(np.float32)
        outputs = zip(embedding, self.direction, self.activity, self.distance_m, strict=True)
        for output, flow in zip(outputs, self.flows.tolist(), strict=True):
            yield EncoderOutput(*output), Flow(*flow)


class StepCollector:
    """Gathers the steps of one piece (a `PieceListener` and a `BlockListener`)."""

    def __init__(self, bundle: ModelBundle, profile: Profile, piece: Piece) -> None:
        self._piece, self._half_s = piece, bundle.step_s / 2
        self._spectrum = DirectionSpectrum(bundle.features, bundle.step_frames)
        self._monitor = HealthMonitor(profile)
        self._parts = {name: bytearray() for name in EncoderOutput._fields}
        self._shapes: list[tuple[int, ...]] = []
        self._flows: list[Flow] = []
        self._columns = bytearray()
        self._mel: list[Frames] = []
        self._health: list[tuple[float, Health]] = []
        self._notices: list[str] = []

    def take_block(self, block: Block) -> None:
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
            if not self._health or self._health[-1][1] != health:
                self._health.append((start / block.rate, health))

    def take(self, step: HeardStep) -> bool:
        """Take the next step; False once the piece is complete."""
        if step.time_s - self._half_s < self._piece.begin_s:
            return True
        self._shapes = [values.shape for values in step.sound]
        for name, values in step.sound._asdict().items():
            self._parts[name] += values.astype(KEPT[name]).tobytes()
        self._flows.append(step.flow)
        self._mel.append(step.frames)
        if len(self._mel) == AT_ONCE:
            self._draw()
        return step.time_s + self._half_s < self._piece.end_s

    def _draw(self) -> None:
        if self._mel:
            frames = Frames(*map(np.concatenate, zip(*self._mel, strict=True)))
            self._columns += b"".join(self._spectrum.step(frames))
            self._mel.clear()

    def finish(self, error: str) -> PieceOfSteps:
        """The steps that were taken, and why there are no more."""
        self._draw()
        count = len(self._flows)
        shapes = self._shapes or [(1,)] * len(self._parts)
        arrays: dict[str, Any] = {
            name: np.frombuffer(part, KEPT[name]).reshape(count, *shape)
            for (name, part), shape in zip(self._parts.items(), shapes, strict=True)
        }
        return PieceOfSteps(
            self._piece,
            **arrays,
            flows=np.array(self._flows, np.float64).reshape(count, len(Flow._fields)),
            columns=np.frombuffer(self._columns, np.uint8).reshape(count, -1, 3),
            health=tuple(self._health),
            notices=tuple(self._notices),
            error=error,
        )


def hear_steps(config: Config, pieces: Iterable[Piece], streams: int) -> Iterator[PieceOfSteps]:
    """Load the model of ``config`` and hear ``pieces``, so many ``streams`` at a time."""
    encoder = AudioEncoder(ModelBundle.load(config.bundle), config)
    lead_s = round(LEAD_S / encoder.bundle.step_s) * encoder.bundle.step_s
    batch = PieceBatch(encoder, config, min(streams, STREAMS), lead_s)
    collector = partial(StepCollector, encoder.bundle, profile_of(config))
    for done in batch.hear(pieces, collector):
        yield done.listener.finish(done.error)
