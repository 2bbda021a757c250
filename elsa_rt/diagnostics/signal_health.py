"""Faults of the input signal while listening, each with its figure and cure."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from elsa_rt.audio.block import Block
from elsa_rt.microphones.to_foa import unusable

FULL_SCALE = 0.9999
CLIP_RUN = 3  # samples in a row at full scale are no peak but a cut one
WINDOW_S = 1.0  # over which channels are compared
SILENCE_S = 5.0  # of exact zeros before it is said
DEPENDENT = 1e-7  # share of power that is new in a channel; a microphone's own noise is more
HOLD_S = 10.0  # so long a fault counts as going on after it was last seen
SAY_AGAIN_S = {"clip": 10.0, "bad": 10.0, "lost": 10.0, "mute": 60.0, "dead": 60.0, "same": 60.0}


class SignalHealth:
    """Watches the raw blocks of a source for loss, clipping and miswired channels.

    Each kind of trouble is said when it is first seen and then at most every `SAY_AGAIN_S`,
    with what has been counted in between.

    Parameters
    ----------
    channels : tuple of int, optional
        The four channels that are used, counted from 1; the first four unless told.
    silent : tuple of int
        Those of them that carry nothing by design.
    """

    def __init__(
        self, channels: tuple[int, ...] | None = None, silent: tuple[int, ...] = ()
    ) -> None:
        self._numbers = channels or (1, 2, 3, 4)
        self._chosen = np.array(self._numbers) - 1
        self._used = np.array([number not in silent for number in self._numbers])
        self.reset()

    def reset(self) -> None:
        """Forget all sound and what has been said."""
        self._silent_until: dict[str, float] = {}
        self._faults: dict[str, tuple[str, float]] = {}  # by kind: in words, and until when
        self._bad = self._lost = self._lost_in_all = self._clips = 0
        self._clipped = np.zeros(4, bool)
        self._full = np.zeros((4, CLIP_RUN), bool)  # the last samples, at full scale or not
        self._zeros = 0
        self._position = 0  # samples since the first, lost ones included
        self._rate = 1
        self._begin_window()

    def step(self, block: Block) -> list[str]:
        """Look at the next block; the notices that are due, most often none."""
        samples = block.samples[self._chosen]  # (4, n), a copy
        bad = unusable(samples)
        if bad.any():
            self._bad += int(bad.sum())
            samples[bad] = 0
        self._rate = block.rate
        self._position += block.dropped + samples.shape[1]
        self._lost += block.dropped
        self._lost_in_all += block.dropped
        self._count_clipping(samples)
        self._zeros = 0 if samples.any() else self._zeros + samples.shape[1]
        self._gather(samples)
        return [*self._counted(), *self._watched()]

    @property
    def faults(self) -> dict[str, str]:
        """What is wrong now, in words by kind; what is merely counted holds for `HOLD_S`."""
        now = self._position / self._rate
        return {kind: text for kind, (text, until) in self._faults.items() if now < until}

    def finish(self) -> list[str]:
        """At the end of the stream: what was counted since it was last said."""
        self._silent_until.clear()
        return list(self._counted())

    def _counted(self) -> Iterator[str]:
        if self._lost and self._due("lost"):
            yield self._told(
                "lost",
                f"lost {self._lost:,} samples ({1000 * self._lost / self._rate:.0f} ms) of the "
                f"microphone, {self._lost_in_all:,} in all: the computer was too busy, "
                "close other programs",
            )
            self._lost = 0
        if self._bad and self._due("bad"):
            yield self._told(
                "bad",
                f"{self._bad:,} samples were NaN, infinite or beyond all scale and became "
                "silence: check what produces the signal",
            )
            self._bad = 0
        if self._clips and self._due("clip"):
            yield self._told(
                "clip",
                f"clipping: {self._clips:,} samples stand at full scale on "
                f"{self._named(self._clipped)}: turn the gain of the microphone down",
            )
            self._clips = 0
            self._clipped[:] = False

    def _watched(self) -> Iterator[str]:
        if self._zeros >= SILENCE_S * self._rate and self._due("mute"):
            yield self._told(
                "mute",
                f"only digital silence for {self._zeros / self._rate:.0f} s: is the microphone "
                "muted or unplugged, or another one meant (see elsa-rt devices)?",
            )
        if self._gathered >= WINDOW_S * self._rate:
            yield from self._compare()
            self._begin_window()

    def _told(self, kind: str, text: str) -> str:
        self._faults[kind] = text, self._position / self._rate + HOLD_S
        return text

    def _due(self, kind: str) -> bool:
        now = self._position / self._rate
        if now < self._silent_until.get(kind, now):
            return False
        self._silent_until[kind] = now + SAY_AGAIN_S[kind]
        return True

    def _count_clipping(self, samples: NDArray[np.float32]) -> None:
        full = np.concatenate([self._full, np.abs(samples) >= FULL_SCALE], axis=1)
        self._full = full[:, -CLIP_RUN:]
        if full.any():
            windows = sliding_window_view(full, CLIP_RUN, axis=1)
            runs: NDArray[np.bool_] = np.all(windows, axis=2)  # (4, 1 + n)
            before, now = runs[:, :-1], runs[:, 1:]
            counts = now.sum(axis=1) + (CLIP_RUN - 1) * (now & ~before).sum(axis=1)
            self._clips += int(counts.sum())
            self._clipped |= counts > 0

    def _begin_window(self) -> None:
        self._gathered = 0
        self._sum = np.zeros(4)
        self._products = np.zeros((4, 4))

    def _gather(self, samples: NDArray[np.float32]) -> None:
        exact = samples.astype(np.float64)
        self._gathered += samples.shape[1]
        self._sum += exact.sum(axis=1)
        self._products += exact @ exact.T

    def _compare(self) -> Iterator[str]:
        """Channels without signal, and channels that are a linear mix of the others."""
        dead = (np.diag(self._products) == 0) & self._used
        if dead.any() and not dead[self._used].all() and self._due("dead"):
            yield self._told(
                "dead",
                f"nothing but zeros on {self._named(dead)} while others have signal: a capsule "
                "is unplugged, or a sound server remixes the channels (prefer a hw: device)",
            )
        mean = self._sum / self._gathered
        covariance = self._products / self._gathered - np.outer(mean, mean)
        alive = np.diag(covariance) > 1e-12  # -120 dB of full scale
        if alive.sum() < 2:
            return
        spread = np.sqrt(np.diag(covariance)[alive])
        correlation = covariance[np.ix_(alive, alive)] / np.outer(spread, spread)
        shares, mixes = np.linalg.eigh(correlation)  # ascending
        if shares[0] < DEPENDENT and self._due("same"):
            mixed = np.zeros(4, bool)
            mixed[alive] = np.abs(mixes[:, shares < DEPENDENT]).max(axis=1) > 0.05
            yield self._told(
                "same",
                f"{self._named(mixed)} carry one another's signal, as no microphone's do: a sound "
                "server remixes them (prefer a hw: device), or this is a simulation without noise",
            )

    def _named(self, which: NDArray[np.bool_]) -> str:
        names = [str(number) for number, yes in zip(self._numbers, which, strict=True) if yes]
        return f"channel{'s' if len(names) > 1 else ''} {', '.join(names)}"
