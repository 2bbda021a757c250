"""Room responses of an ideal first-order ambisonic microphone in a shoebox, by image sources.

Conventions are those of `elsa_rt.audio.ambisonics`: AmbiX W, Y, Z, X with SN3D.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy.signal import butter, sosfilt

SOUND_SPEED = 343.0  # m/s
TAPS = 16  # of the windowed sinc that places an image between samples
CROSSOVER_HZ = 1_500.0  # walls absorb more above
RUMBLE_HZ = 45.0  # image sources of walls that only ever reflect in phase pile up below
JITTER_M = 0.08  # images beyond the first order move by up to this: no sweeping echoes


@njit(cache=True, nogil=True, fastmath=True)
def _add_images(
    size: NDArray[np.float64],
    source: NDArray[np.float64],
    listener: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    rate: float,
    seed: int,
    out: NDArray[np.float32],
) -> None:
    """Add every image that arrives in time to ``out`` (2 bands, 4 channels, n)."""
    np.random.seed(seed)
    length = out.shape[2]
    reach = (length - TAPS) / rate * SOUND_SPEED
    reach_x, reach_y, reach_z = [int(math.ceil(reach / (2 * side))) for side in size]
    half = TAPS // 2
    taps = np.empty(TAPS)
    for nx in range(-reach_x, reach_x + 1):
        for px in range(2):
            x = 2 * nx * size[0] + (1 - 2 * px) * source[0] - listener[0]
            if abs(x) > reach:
                continue
            for ny in range(-reach_y, reach_y + 1):
                for py in range(2):
                    y = 2 * ny * size[1] + (1 - 2 * py) * source[1] - listener[1]
                    if x * x + y * y > reach * reach:
                        continue
                    for nz in range(-reach_z, reach_z + 1):
                        for pz in range(2):
                            z = 2 * nz * size[2] + (1 - 2 * pz) * source[2] - listener[2]
                            order = (
                                abs(nx - px)
                                + abs(nx)
                                + abs(ny - py)
                                + abs(ny)
                                + abs(nz - pz)
                                + abs(nz)
                            )
                            ix, iy, iz = x, y, z
                            if order > 1:
                                ix += JITTER_M * (2 * np.random.random() - 1)
                                iy += JITTER_M * (2 * np.random.random() - 1)
                                iz += JITTER_M * (2 * np.random.random() - 1)
                            distance = math.sqrt(ix * ix + iy * iy + iz * iz)
                            delay = distance / SOUND_SPEED * rate
                            start = int(math.floor(delay)) - half + 1
                            if distance > reach or start < 0 or start + TAPS > length:
                                continue
                            gain_low = gain_high = 1.0 / distance
                            for wall, hits in (
                                (0, abs(nx - px)),
                                (1, abs(nx)),
                                (2, abs(ny - py)),
                                (3, abs(ny)),
                                (4, abs(nz - pz)),
                                (5, abs(nz)),
                            ):
                                gain_low *= low[wall] ** hits
                                gain_high *= high[wall] ** hits
                            if gain_low * distance < 1e-4:
                                continue
                            # sin(pi t) only changes sign from tap to tap
                            sine = math.sin(math.pi * (start - delay)) / math.pi
                            for i in range(TAPS):
                                t = start + i - delay
                                hann = 0.5 + 0.5 * math.cos(math.pi * t / half)
                                taps[i] = hann * sine / t if abs(t) > 1e-9 else 1.0
                                sine = -sine
                            ux, uy, uz = ix / distance, iy / distance, iz / distance
                            for i in range(TAPS):
                                a = taps[i] * gain_low
                                b = taps[i] * gain_high
                                k = start + i
                                out[0, 0, k] += a
                                out[0, 1, k] += a * uy
                                out[0, 2, k] += a * uz
                                out[0, 3, k] += a * ux
                                out[1, 0, k] += b
                                out[1, 1, k] += b * uy
                                out[1, 2, k] += b * uz
                                out[1, 3, k] += b * ux


def reflection(size: ArrayLike, t60: float) -> float:
    """Amplitude reflection factor that gives ``t60`` seconds in a box of ``size`` m (Eyring)."""
    x, y, z = (float(side) for side in np.asarray(size))
    surface = 2 * (x * y + y * z + x * z)
    absorption = 1 - math.exp(-24 * math.log(10) / SOUND_SPEED * x * y * z / (surface * t60))
    return math.sqrt(1 - absorption)


def room_response(
    size: ArrayLike,
    source: ArrayLike,
    listener: ArrayLike,
    t60: float,
    rate: int,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """FOA impulse response (4, n) of a shoebox room.

    Parameters
    ----------
    size, source, listener : (3,) metres
        x forward, y left, z up, from one corner.
    t60 : seconds
        Reverberation time below `CROSSOVER_HZ`; above it is 40 to 100 % of that.
    rate : Hz
    rng : numpy.random.Generator
        How walls differ and how images are jittered.

    Returns
    -------
    float32 (4, n)
        AmbiX; the direct sound has gain 1 / distance and arrives after distance / 343 m/s.
    """
    dims, where, ears = (np.asarray(v, float) for v in (size, source, listener))
    if not ((0 < where) & (where < dims) & (0 < ears) & (ears < dims)).all():
        raise ValueError(f"source {where} and listener {ears} must lie inside the room {dims}")
    spread = rng.uniform(0.85, 1.15, 6)
    low = np.clip(reflection(dims, t60) ** spread, 0, 0.995)
    high = np.clip(reflection(dims, t60 * rng.uniform(0.4, 1.0)) ** spread, 0, 0.99)
    direct = float(np.linalg.norm(where - ears)) / SOUND_SPEED
    bands = np.zeros((2, 4, math.ceil((direct + 0.9 * t60) * rate) + 2 * TAPS), np.float32)
    _add_images(dims, where, ears, low, high, float(rate), int(rng.integers(2**31)), bands)
    rumble_free = butter(2, RUMBLE_HZ, "highpass", fs=rate, output="sos")
    return sosfilt(rumble_free, _join(bands, rate), axis=1).astype(np.float32)


def _join(bands: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """Sum of the low and the high band through complementary zero-phase slopes."""
    n = bands.shape[-1] + 64  # room for the slopes' short ringing
    spectrum = np.fft.rfft(bands, n)
    above = 1 / (1 + (CROSSOVER_HZ / np.maximum(np.fft.rfftfreq(n, 1 / rate), 1e-9)) ** 4)
    joined = np.fft.irfft(spectrum[0] * (1 - above) + spectrum[1] * above, n)
    return joined[:, : bands.shape[-1]].astype(np.float32)
