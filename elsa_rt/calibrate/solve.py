"""Fit of capsule order, signs, gains, delays and yaw to recorded claps.

Claps come from announced directions. A capsule hears a clap as its model says, off by the sign,
the gain and the delay of its channel. What the clap itself is drops out: of all four channels
together only that part is compared which the model cannot explain by any clap (variable
projection; Golub and Pereyra, 1973).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import (
    decode_matrix,
    mount_rotation,
    plane_wave,
    rotation,
    wrapped_deg,
)
from elsa_rt.calibrate.claps import Direct, transform_size
from elsa_rt.microphones.profile import Profile

MIN_HZ, MAX_HZ = 500.0, 9_000.0
MAX_DELAY_S = 1.5e-4  # between two channels: more is no preamplifier's delay
YAW_STEP_DEG = 10.0
CANDIDATES = 12
ROUNDS = 12  # of Gauss-Newton
TIE = 1.15  # misfits within this factor are no reason to believe in a larger yaw
FIRST_RADIUS_MM = 12.0  # where the search for an unknown one begins
RADII_MM = (4.0, 60.0)

BOUNDS = np.array([[1_000.0] * 4 + [40.0] * 4 + [1e4, 0.0]] * 2) * [[-1], [1]]
BOUNDS[:, 9] = RADII_MM

ORDERS = np.array(list(permutations(range(4))))  # (24, 4): the capsule of each channel
PAIRS = [(a, b) for a in range(4) for b in range(a + 1, 4)]


class ClapSpectra(NamedTuple):
    """A clap, and where it came from.

    Attributes
    ----------
    towards : float64 (3,), unit vector in the room, or in whatever the microphone stands in
    direct : Direct
    """

    towards: NDArray[np.float64]
    direct: Direct


@dataclass(frozen=True)
class Solution:
    """Result of the fit.

    Attributes
    ----------
    order : the capsule, or component, that each channel carries, counted from 0
    signs : 1 or -1 of each channel; most are 1
    gains_db, delays_us : of each channel, mean 0
    yaw_deg : by which the microphone is turned left
    radius_mm : of the capsules, where it was not known before
    misfit : 0..1, share of the claps that it leaves unexplained
    delay_error_us, gain_error_db : standard errors
    """

    order: tuple[int, ...]
    signs: tuple[int, ...]
    gains_db: tuple[float, ...]
    delays_us: tuple[float, ...]
    yaw_deg: float
    radius_mm: float | None
    misfit: float
    delay_error_us: float
    gain_error_db: float


def solve(
    heard: list[ClapSpectra],
    profile: Profile,
    rate: int,
    gains_db: NDArray[np.float64] | None = None,
) -> Solution:
    """Find what of the microphone of ``profile`` the claps tell.

    Parameters
    ----------
    heard : list of Heard
        From at least three directions that do not lie in a plane.
    profile : Profile
        What is known: format, capsules, mount. Its own signs, gains, delays and yaw count nothing.
    rate : int, Hz
    gains_db : float64 (4,), optional
        Of the channels, where a diffuse noise has told them: a beginning for the search.
    """
    problem = _Problem.make(heard, profile, rate, gains_db)
    found = [problem.refine(order, yaw) for order, yaw in problem.candidates()]
    best = min(solution.misfit for solution in found)
    likely = [solution for solution in found if solution.misfit <= TIE * best + 1e-4]
    return min(likely, key=lambda solution: (round(abs(solution.yaw_deg), 1), solution.misfit))


def model(profile: Profile) -> Callable[..., NDArray[np.complex128]]:
    """Responses (f, d, 4) of the channels of ``profile``, to directions in the room.

    Called with unit vectors (d, 3), frequencies (f,), a yaw in degrees and a radius in mm.
    """
    mount = mount_rotation(profile.mount)
    capsules = profile.capsules
    unmix = None if profile.format == "a-format" else np.linalg.inv(decode_matrix(profile.format))

    def respond(
        towards: NDArray[np.float64], hz: NDArray[np.float64], yaw_deg: float, radius_mm: float
    ) -> NDArray[np.complex128]:
        own = towards @ rotation(yaw_deg, 0, 0) @ mount  # the transposed turn
        if unmix is not None:
            gains = (plane_wave(own) @ unmix.T).astype(complex)
            return np.broadcast_to(gains, (len(hz), *gains.shape))
        sized = type(capsules)(
            capsules.directions, radius_mm / 1000, capsules.directivity, capsules.rigid
        )
        return sized.responses(own, hz)

    return respond


@dataclass(frozen=True)
class _Problem:
    towards: NDArray[np.float64]  # (d, 3)
    hz: NDArray[np.float64]  # (f,)
    heard: NDArray[np.complex128]  # (f, d, 4), scaled so that all that is sure weighs the same
    respond: Callable[..., NDArray[np.complex128]]
    radius_mm: float
    fit_radius: bool
    gains: NDArray[np.float64]  # (4,) of the channels as far as known, or ones

    @classmethod
    def make(
        cls,
        heard: list[ClapSpectra],
        profile: Profile,
        rate: int,
        gains_db: NDArray[np.float64] | None,
    ) -> _Problem:
        hz = np.fft.rfftfreq(transform_size(rate), 1 / rate)
        band = (hz >= MIN_HZ) & (hz <= min(MAX_HZ, 0.42 * rate))
        spectra = np.stack([one.direct.spectrum[band] for one in heard], 1)  # (f, d, 4)
        noise = np.stack([one.direct.noise[band] for one in heard], 1)
        power = (np.abs(spectra) ** 2).sum(axis=2)
        sure = np.maximum(power - 4 * noise, 0) / (power + 4 * noise + 1e-30)
        spectra = spectra * np.sqrt(sure / (power + 1e-30))[:, :, None]
        gains = np.ones(4) if gains_db is None else 10 ** (gains_db / 20)
        return cls(
            np.stack([one.towards for one in heard]),
            np.asarray(hz[band], np.float64),
            spectra,
            model(profile),
            profile.radius_mm or FIRST_RADIUS_MM,
            profile.format == "a-format" and profile.radius_mm is None,
            gains,
        )

    def candidates(self) -> list[tuple[NDArray[np.int64], float]]:
        """The orders and yaws under which the channels agree best, sign and delay left free."""
        delays = np.arange(-MAX_DELAY_S, MAX_DELAY_S + 1e-9, 1 / (8 * self.hz[-1]))
        shifts = np.exp(2j * np.pi * self.hz[:, None] * delays)  # (f, s)
        yaws = np.arange(-180, 180, YAW_STEP_DEG)
        level = self.heard / self.gains
        scores = np.stack([self._scores(level, yaw, shifts) for yaw in yaws])  # (y, order)
        ranked = np.argsort(scores, axis=None)[::-1][:CANDIDATES]
        return [
            (ORDERS[order], float(yaws[yaw]))
            for yaw, order in zip(*np.unravel_index(ranked, scores.shape), strict=True)
        ]

    def _scores(
        self, level: NDArray[np.complex128], yaw: float, shifts: NDArray[np.complex128]
    ) -> NDArray[np.float64]:
        """Score of each of `ORDERS` for the claps at ``yaw``, by pairs of channels."""
        ideal = self.respond(self.towards, self.hz, yaw, self.radius_mm)
        ideal = ideal / np.linalg.norm(ideal, axis=2, keepdims=True)
        alone = np.einsum("fdc,fdp->cp", np.abs(level) ** 2, np.abs(ideal) ** 2)
        score = alone[np.arange(4), ORDERS].sum(axis=1)
        both = ideal.conj()[:, :, :, None] * ideal[:, :, None, :]  # (f, d, p, q)
        for a, b in PAIRS:
            cross = np.einsum("fd,fdpq->pqf", level[:, :, a] * level[:, :, b].conj(), both)
            peak = np.abs((cross @ shifts).real).max(axis=2)  # (p, q)
            score += 2 * peak[ORDERS[:, a], ORDERS[:, b]]
        return score

    def refine(self, order: NDArray[np.int64], yaw: float) -> Solution:
        """Signs and delays by correlation, then all that is continuous by Gauss-Newton."""
        signs, delays = self._correlate(order, yaw)
        start = np.concatenate([delays * 1e6, 20 * np.log10(self.gains), [yaw, self.radius_mm]])
        free = [*range(9), *([9] if self.fit_radius else [])]
        x, misfit, errors = self._descend(start, free, order, signs)
        silent = ~self.heard.any(axis=(0, 1))  # of such a channel nothing is told
        for of_channels in (x[:4], x[4:8]):
            of_channels[silent] = of_channels[~silent].mean()
        if signs.sum() < 0 or (signs.sum() == 0 and signs[0] < 0):
            signs = -signs  # of all four together it cannot be told, nor does it matter
        yaw_deg = wrapped_deg(float(x[8]))
        return Solution(
            order=tuple(int(capsule) for capsule in order),
            signs=tuple(int(sign) for sign in signs),
            gains_db=tuple((x[4:8] - x[4:8].mean()).tolist()),
            delays_us=tuple((x[:4] - x[:4].mean()).tolist()),
            yaw_deg=yaw_deg,
            radius_mm=float(x[9]) if self.fit_radius else None,
            misfit=misfit,
            delay_error_us=float(errors[:4].max()),
            gain_error_db=float(errors[4:8].max()),
        )

    def _correlate(
        self, order: NDArray[np.int64], yaw: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Sign and delay in seconds of each channel against one that sounds with all others."""
        ideal = self.respond(self.towards, self.hz, yaw, self.radius_mm)[:, :, order]
        aligned = ideal.conj() * self.heard / self.gains  # (f, d, c)
        delays = np.arange(-MAX_DELAY_S, MAX_DELAY_S + 1e-9, 2e-6)
        shifts = np.exp(2j * np.pi * self.hz[:, None] * delays)
        size = np.abs(aligned)
        together = np.einsum("fda,fdb->ab", size, size)
        base = int(together.min(axis=1).argmax())
        signs, found = np.ones(4), np.zeros(4)
        for channel in range(4):
            cross = np.sum(aligned[:, :, channel] * aligned[:, :, base].conj(), axis=1)
            peaks = (cross @ shifts).real
            at = int(np.abs(peaks).argmax())
            signs[channel], found[channel] = np.sign(peaks[at]) or 1.0, delays[at]
        return signs, found - found.mean()

    def _descend(
        self,
        start: NDArray[np.float64],
        free: list[int],
        order: NDArray[np.int64],
        signs: NDArray[np.float64],
    ) -> tuple[NDArray[np.float64], float, NDArray[np.float64]]:
        """Damped Gauss-Newton from ``start``; where it ends, its misfit and standard errors."""
        step = np.array([0.1] * 4 + [0.01] * 4 + [0.05, 0.02])
        x, damping = start.copy(), 1e-3
        residual = self._residual(x, order, signs)
        for _ in range(ROUNDS):
            slopes = np.stack(
                [
                    (self._residual(x + step * (np.arange(10) == k), order, signs) - residual)
                    / step[k]
                    for k in free
                ],
                1,
            )
            normal = slopes.T @ slopes
            ridge = damping * np.diag(np.diag(normal)) + 1e-12 * np.eye(len(free))
            move = np.zeros(10)
            move[free] = -np.linalg.solve(normal + ridge, slopes.T @ residual)
            tried = np.clip(x + move, *BOUNDS)
            after = self._residual(tried, order, signs)
            if after @ after < residual @ residual:
                x, residual, damping = tried, after, damping / 10
                if np.abs(move / step).max() < 0.1:
                    break
            else:
                damping *= 10
        for of_channels in (slice(0, 4), slice(4, 8)):  # what all have in common cannot be told
            normal[of_channels, of_channels] += 1e3 * np.diag(normal)[of_channels].max()
        errors = np.zeros(10)
        spread = residual @ residual / max(1, residual.size - len(free))
        errors[free] = np.sqrt(np.maximum(spread * np.diag(np.linalg.pinv(normal)), 0))
        return x, float(residual @ residual / np.sum(np.abs(self.heard) ** 2)), errors

    def _residual(
        self, x: NDArray[np.float64], order: NDArray[np.int64], signs: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Residual of the claps under the parameters ``x``: delays, gains, yaw, radius."""
        ideal = self.respond(self.towards, self.hz, x[8], x[9])[:, :, order]
        off = signs * 10 ** (x[4:8] / 20) * np.exp(-2e-6j * np.pi * self.hz[:, None] * x[:4])
        ideal = ideal * off[:, None, :]
        clap = np.sum(ideal.conj() * self.heard, axis=2) / np.sum(np.abs(ideal) ** 2, axis=2)
        left = self.heard - clap[:, :, None] * ideal
        return np.concatenate([left.real.ravel(), left.imag.ravel()])
