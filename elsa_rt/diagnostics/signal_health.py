"""Faults of the input signal while listening, each with its figure and cure."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.block import Block
from elsa_rt.diagnostics.comparison import HISTORY_S, WINDOW_S, Comparison, Pieces, dead_kind, named
from elsa_rt.diagnostics.neighbours import mixed
from elsa_rt.diagnostics.rails import rail_counts
from elsa_rt.diagnostics.still import Extremes, still
from elsa_rt.encoder.window import SlidingWindow
from elsa_rt.microphones.usable import UsedChannels, became_silence
from elsa_rt.wording import counted

STILL_S = 3.0  # without any movement on any channel before it is said
SLACK_S = 0.25  # for which what was judged is kept beyond its history
HOLD_S = 10.0  # so long a fault that is counted goes on after it was last seen
HOLD_WINDOW_S = 1.5  # and one that each window shows or does not
SAY_AGAIN_S = {"clip": 10.0, "bad": 10.0, "lost": 10.0}
SAY_AGAIN_OTHERS_S = 60.0


class SignalHealth:
    """Watches the raw blocks of a source for loss, clipping, dead and miswired channels.

    Each kind of trouble is said when it is first seen and then at most every `SAY_AGAIN_S`,
    with what has been counted in between.

    Parameters
    ----------
    channels : tuple of int, optional
        The four channels that are used, counted from 1; the first four unless told.
    silent : tuple of int
        Those of them that carry nothing by design.
    capsules : bool
        The channels are capsules, alike by design, and not B-format.
    """

    def __init__(
        self,
        channels: tuple[int, ...] | None = None,
        silent: tuple[int, ...] = (),
        *,
        capsules: bool = False,
    ) -> None:
        self._numbers = channels or (1, 2, 3, 4)
        self._channels = UsedChannels(self._numbers)
        self._used = np.array([number not in silent for number in self._numbers])
        self._capsules = capsules
        self._lost_in_all = 0
        self.reset()

    def reset(self) -> None:
        """Forget all sound and what has been said, but not what was lost in all."""
        self._silent_until: dict[str, float] = {}
        self._faults: dict[str, tuple[str, float]] = {}  # by kind: in words, and until when
        self._bad = self._lost = self._clips = 0
        self._clipped = np.zeros(4, bool)
        self._position = 0  # samples since the first, lost ones included
        self._rate = 0
        self._heard = SlidingWindow(4, 0)
        self._filled = self._gathered = self._since = 0
        self._still_s = 0.0
        self._comparing: Pieces = iter(())

    @property
    def faults(self) -> dict[str, str]:
        """What is wrong now, in words by kind."""
        if not self._faults:
            return {}
        now = self.now_s
        return {kind: text for kind, (text, until) in self._faults.items() if now < until}

    @property
    def history(self) -> NDArray[np.float32]:
        """The newest samples (4, n) of the chosen channels, `HISTORY_S` of them at most."""
        return self._newest(min(self._filled, round(HISTORY_S * self._rate)))

    def step(self, block: Block) -> list[str]:
        """Look at the next block; the notices that are due, most often none."""
        said = self._compare()
        samples, bad = self._channels.step(block.samples)
        self._bad += bad
        if block.rate != self._rate:
            self._begin(block.rate)
        self._lost += block.dropped
        self._lost_in_all += block.dropped
        self._position += block.dropped
        at = 0
        while at < samples.shape[1]:
            take = min(self._window - self._gathered, samples.shape[1] - at)
            late = self._since + take > self._heard.samples - HISTORY_S * self._rate
            if late and self._comparison.reads:  # what is compared would be overwritten
                said += self._compare(whole=True)
            self._gather(samples[:, at : at + take])
            at += take
            if self._gathered == self._window:
                said += self._judge()
        return [*self._counted(), *said]

    def finish(self) -> list[str]:
        """At the end of the stream: what was counted since it was last said."""
        said = self._compare(whole=True)
        if self._rate and self._gathered:
            self._count_clipping(self._newest(self._gathered))
            self._gathered = 0
        self._silent_until.clear()
        return [*said, *self._counted()]

    @property
    def now_s(self) -> float:
        """Seconds since the first sample, lost ones included."""
        return self._position / self._rate if self._rate else 0.0

    def _begin(self, rate: int) -> None:
        self._rate = rate
        self._window = max(1, round(WINDOW_S * rate))
        self._heard = SlidingWindow(4, round((HISTORY_S + SLACK_S) * rate))
        self._filled = self._gathered = 0
        self._comparison = Comparison(self._numbers, rate, capsules=self._capsules)

    def _gather(self, samples: NDArray[np.float32]) -> None:
        count = samples.shape[1]
        self._heard.push(samples)
        self._filled = min(self._filled + count, self._heard.samples)
        self._gathered += count
        self._since += count
        self._position += count
        self._comparison.add(samples)

    def _newest(self, count: int, before: int = 0) -> NDArray[np.float32]:
        """The newest samples (4, count), or those that came ``before`` so many."""
        end = self._heard.samples - before
        return self._heard.view()[:, end - count : end]

    def _counted(self) -> Iterator[str]:
        if self._lost and self._due("lost"):
            yield self._told(
                "lost",
                f"lost {counted(self._lost, 'sample')} ({1000 * self._lost / self._rate:.0f} ms) "
                f"of the microphone, {self._lost_in_all:,} in all: the computer was too busy, "
                "close other programs",
            )
            self._lost = 0
        if self._bad and self._due("bad"):
            said = f"{became_silence(self._bad)}: check what produces the signal"
            yield self._told("bad", said)
            self._bad = 0
        if self._clips and self._due("clip"):
            yield self._told(
                "clip",
                f"clipping: {self._clips:,} samples stand at a rail on "
                f"{named(self._numbers, self._clipped)}: turn the gain of the microphone down",
            )
            self._clips = 0
            self._clipped[:] = False

    def _judge(self) -> list[str]:
        """Judge the window that is full."""
        said = self._compare(whole=True)  # where blocks are long
        window = self._newest(self._gathered)
        self._gathered = self._since = 0
        extremes = window.min(axis=1), window.max(axis=1)
        stuck = still(window, extremes)
        self._count_clipping(window, ~stuck, extremes)
        said += [*self._counted(), *self._still(window, stuck)]
        covariance = self._comparison.covariance()
        moving = self._used & ~stuck
        history = self._newest(min(self._filled, round(HISTORY_S * self._rate)))
        self._comparing = self._comparison.step(history, self._window, moving)
        return [*said, *self._mixed(covariance)] if moving.any() else said

    def _compare(self, *, whole: bool = False) -> list[str]:
        """Go on comparing the channels of the window that was judged last: a piece, or all.

        No block has to wait for all that is looked at once a second.
        """
        said = list[str]()
        for found in self._comparing:
            if found is not None:
                said += self._said(*found)
            elif not whole:
                break
        return said

    def _count_clipping(
        self,
        window: NDArray[np.float32],
        moving: NDArray[np.bool_] | None = None,
        extremes: Extremes | None = None,
    ) -> None:
        counts = rail_counts(window, extremes)
        if moving is not None:
            counts = counts * moving
        self._clips += int(counts.sum())
        self._clipped |= counts > 0

    def _still(self, window: NDArray[np.float32], stuck: NDArray[np.bool_]) -> Iterator[str]:
        """Channels that do not move: one, several, or all."""
        if not stuck[self._used].all():
            self._still_s = 0.0
            dead = stuck & self._used
            if not dead.any():
                return
            zero = not window[dead].any()
            at = ", ".join(f"{value:.4g}" for value in window[dead, -1].tolist())
            how = "nothing but zeros on" if zero else "no movement on"
            where = "" if zero else f" ({at} of full scale)"
            yield from self._said(
                dead_kind(dead, capsules=self._capsules),
                f"{how} {named(self._numbers, dead)}{where} while others have signal: a capsule is "
                "unplugged, or a sound server remixes the channels (prefer a hw: device)",
            )
            return
        self._still_s += WINDOW_S
        if self._still_s < STILL_S:
            return
        if not window.any():
            yield from self._said(
                "mute",
                f"only digital silence for {self._still_s:.0f} s: is the microphone muted or "
                "unplugged, or another one meant (see elsa-rt devices)?",
            )
            return
        at = ", ".join(f"{value:.4g}" for value in window[:, -1].tolist())
        yield from self._said(
            "stuck",
            f"no channel moves: they have stood at {at} of full scale for {self._still_s:.0f} s: "
            "a data line is unplugged or held, or the converter hangs: see to the cable, then "
            "plug the microphone in again",
        )

    def _mixed(self, covariance: NDArray[np.float64]) -> Iterator[str]:
        mix = mixed(covariance)
        if mix.channels.any():
            yield from self._said(
                "same",
                f"{named(self._numbers, mix.channels)} carry one another's signal, as no "
                "microphone's do: a sound server remixes them (prefer a hw: device), a cable is "
                "split, or this is a simulation without noise",
            )

    def _said(self, kind: str, text: str) -> Iterator[str]:
        """Take note that ``kind`` is going on; its text if it is time to say it."""
        self._faults[kind] = text, self.now_s + HOLD_WINDOW_S
        if self._due(kind):
            yield text

    def _told(self, kind: str, text: str) -> str:
        self._faults[kind] = text, self.now_s + HOLD_S
        return text

    def _due(self, kind: str) -> bool:
        now = self.now_s
        if now < self._silent_until.get(kind, now):
            return False
        self._silent_until[kind] = now + SAY_AGAIN_S.get(kind, SAY_AGAIN_OTHERS_S)
        return True
