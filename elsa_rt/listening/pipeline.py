"""Pipeline: the way of one stream through all stages, blocks in, hearings out.

One step after the other, on the thread of who pushes:

block -> `HealthMonitor`      faults of the signal and of its source      diagnostics/
      -> `Intake`             AmbiX at the model's rate, in time          microphones/, audio/
      -> `IntensityFeatures`  log-mel and intensity of each frame         features/
      -> `EnergyFlow`         direction and diffuseness without a model   features/
      -> `EncoderStream`      embedding, direction, activity of a step    encoder/
      -> `Matcher`            scores, tracks, alerts                      scoring/ .. alerting/
      -> `Hearing`            in the axes of microphone and world         reference_frame.py

`Pipeline.push`, `_hear` and `match` are these lines; all else here ends them or begins them anew.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elsa_rt.alerting.matcher import Matcher
from elsa_rt.audio.block import Block
from elsa_rt.diagnostics.monitor import HealthMonitor
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.encoder.output import QUIET, EncoderOutput, EncoderStream
from elsa_rt.features.energy_flow import EnergyFlow, Flow
from elsa_rt.features.intensity import Frames, IntensityFeatures
from elsa_rt.health import Health
from elsa_rt.hearing import Hearing, Label
from elsa_rt.listening.hearings import hearing_of
from elsa_rt.listening.intake import Intake
from elsa_rt.microphones.profile import Profile
from elsa_rt.notices import OnNotice
from elsa_rt.reference_frame import ReferenceFrame

Labels = tuple[Label, ...]


class Pipeline:
    """All stages of one stream, and what they keep of it.

    Parameters
    ----------
    bundle : ModelBundle
    microphone : Profile
        Resolved.
    frame : ReferenceFrame
    stream : EncoderStream
    matcher : Matcher
    labels_of : callable or None
        Gives the known sounds nearest to an embedding.
    on_notice : callable

    Attributes
    ----------
    matcher : Matcher
        May be another one between two pushes.
    monitor : HealthMonitor
    steps : int
        Hearings of the stream so far.
    on_foa, on_frames : callable or None
        See `Listener`.
    """

    def __init__(
        self,
        bundle: ModelBundle,
        microphone: Profile,
        frame: ReferenceFrame,
        stream: EncoderStream,
        matcher: Matcher,
        labels_of: Callable[[NDArray[np.float32]], Labels] | None,
        on_notice: OnNotice,
    ) -> None:
        self.matcher = matcher
        self.on_foa: Callable[[NDArray[np.float32]], None] | None = None
        self.on_frames: Callable[[Frames], None] | None = None
        self._bundle, self._microphone = bundle, microphone
        self._frame, self._stream = frame, stream
        self._labels_of, self._on_notice = labels_of, on_notice
        self._intake = Intake(microphone, bundle.features.rate, frame)
        self._features = IntensityFeatures(bundle.features, microphone.coincidence_hz)
        self._flow = EnergyFlow(bundle.step_frames)
        self.restart()

    def push(self, block: Block) -> list[Hearing]:
        """Hear ``block``; gives the hearings of the steps that it completed."""
        ended = self._interrupted(block)
        if block.status is not None and not block.samples.size:
            return ended
        if self._intake.admit(block):
            self._began(block)
        for notice in self.monitor.step(block):
            self._on_notice(notice)
        return ended + self._hear(self._intake.step(block))

    def _hear(self, foa: NDArray[np.float32]) -> list[Hearing]:
        if self.on_foa is not None:
            self.on_foa(foa)
        frames = self._features.step(foa)
        if self.on_frames is not None:
            self.on_frames(frames)
        self._flows.extend(self._flow.step(frames))
        return [
            self.match(sound, self._flows.popleft()) for sound in self._stream.step(frames, foa)
        ]

    def match(self, sound: EncoderOutput, flow: Flow, labels: Labels | None = None) -> Hearing:
        """The hearing of the next step; ``labels`` where it is known what it is like."""
        self.steps += 1
        time_s, dropped = self._intake.time_of(self.steps * self._bundle.step_samples)
        matched = self.matcher.step(time_s, sound, self._frame.in_world(time_s, sound), flow)
        labels = self._labels(sound) if labels is None else labels
        hearing = hearing_of(time_s, dropped + self._dropped_before, sound, flow, matched, labels)
        return self._with_health(self._frame.place(hearing))

    def _labels(self, sound: EncoderOutput) -> Labels:
        """The known sounds nearest to the loudest one, unless it is background."""
        loudest = int(sound.activity.argmax())
        if self._labels_of is None or sound.activity[loudest] < QUIET:
            return ()
        return self._labels_of(sound.embedding[loudest])

    def _with_health(self, hearing: Hearing) -> Hearing:
        health = self.monitor.health
        if health.deaf:
            hearing = self._silenced(hearing)
        event = self.monitor.event(hearing.time_s, health)
        if event is None and health.state == hearing.state:  # most often
            return hearing
        return replace(hearing, state=health.state, health=event)

    def block_of(self, given: Block | ArrayLike, rate: int | None) -> Block:
        """See `Intake.block_of`."""
        return self._intake.block_of(given, rate)

    def use(self, stream: EncoderStream) -> None:
        """Hear through ``stream``, one of several that step together; the next block is a first."""
        self._stream = stream
        self._begin_again()

    def take(self) -> list[Hearing]:
        """Hearings of the steps that have run together with those of others."""
        return self._hear(np.empty((4, 0), np.float32)) if self.begun else []

    def finish(self) -> list[Hearing]:
        """What was held back, and the ends of open alerts; the next block is a first."""
        if not self.begun:
            return []
        for notice in self.monitor.finish():
            self._on_notice(notice)
        hearings = self._rest()
        if not self.steps:
            self._on_notice(
                f"nothing was heard: {self._intake.samples} samples at "
                f"{self._bundle.features.rate} Hz came, at least {self._features.block} are needed"
            )
        self.restart()
        return hearings

    def fail(self, reason: str) -> list[Hearing]:
        """The same of a stream whose source failed; `health` goes on to say why."""
        self.monitor.fail(reason)
        hearings = self._rest(one_more=self.begun)
        self._begin_again()
        return hearings

    def restart(self) -> None:
        """Forget all that was heard; the next block is the first of a new stream."""
        self.monitor = HealthMonitor(self._microphone)
        self._begin_again()

    def _begin_again(self) -> None:
        """Forget what was heard, not what was lost; the next block hangs together with nothing."""
        self._dropped_before = self.monitor.health.lost_samples
        self._cut_off = False  # no sound comes any more, and what was heard is ended
        self._flows: deque[Flow] = deque()  # of steps that the encoder has not run
        self.steps = 0
        for stage in (self._intake, self._features, self._stream, self._flow, self.matcher):
            stage.reset()

    def begin(self, first: Block) -> None:
        """Begin a stream with a ``first`` block without samples: others hear it, see `match`."""
        self._intake.admit(first)
        self._intake.note(first)
        self._began(first)

    def _began(self, first: Block) -> None:
        """A stream begins: what it adds to the latency of alerts is known now."""
        channels, count = first.samples.shape
        if 4 <= count < channels:
            self._on_notice(
                f"the first block has {channels} channels of {count} samples: if these are "
                f"{channels} samples of {count} channels, push samples.T"
            )
        self.matcher.begin(sum(self.latencies_s.values()) - self._bundle.step_s)

    def _interrupted(self, block: Block) -> list[Hearing]:
        """The end of what was heard, where no sound comes any more or the source was reopened."""
        status = block.status
        if status is None:
            return []
        came = block.samples.shape[1] > 0
        if not came:
            self.monitor.step(block)
        over = status.resumed if came else self.monitor.cut_off
        if self._cut_off or not over:
            self._cut_off = self._cut_off and not came
            return []
        if not self.begun:
            if came:
                return []
            self._intake.note(block)
        hearings = self._rest(one_more=True)
        self._begin_again()
        self._cut_off = not came
        return hearings

    def _rest(self, *, one_more: bool = False) -> list[Hearing]:
        """What was held back, and the ends of open alerts; a step of silence where they need it."""
        hearings = self._hear(self._intake.flush()) if self.begun else []
        waiting = self._intake.samples - self.steps * self._bundle.step_samples
        if waiting >= self._features.block or self.matcher.any_open or one_more:
            (last,) = self._hear(self._intake.silence(self._bundle.step_samples - waiting))
            hearings.append(self.ended(last))
        return hearings

    def _silenced(self, hearing: Hearing) -> Hearing:
        """``hearing`` where nothing of the room is heard: open alerts end, and none starts."""
        ended = self.ended(hearing)
        begun = {alert.id for alert in ended.alerts if alert.state == "start"}
        return replace(ended, alerts=tuple(one for one in ended.alerts if one.id not in begun))

    def ended(self, last: Hearing) -> Hearing:
        """``last`` with the ends of the open alerts."""
        ends = self.matcher.finish(last.time_s)
        return replace(
            last,
            alerts=last.alerts + self._frame.place_alerts(ends.alerts),
            near_misses=last.near_misses + ends.near_misses,
        )

    @property
    def begun(self) -> bool:
        """Whether a stream has begun."""
        return self._intake.begun

    @property
    def health(self) -> Health:
        """The health as of the last block."""
        return self.monitor.health

    @property
    def latencies_s(self) -> dict[str, float]:
        """Seconds that each stage adds; the resampler is known from the first block on."""
        samples = {
            "resampling": self._intake.latency,
            "features": self._features.latency,
            "step": self._stream.latency * self._features.block,
        }
        return {stage: count / self._bundle.features.rate for stage, count in samples.items()}
