"""Streaming mel and intensity features of first-order ambisonics."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.errors import UsageError
from elsa_rt.features.fft_plan import SIGNALS, plan
from elsa_rt.jit.kernel import Kernel

CHANNELS = ("log_mel_w", "active_x", "active_y", "active_z",
            "reactive_x", "reactive_y", "reactive_z", "diffuseness")  # fmt: skip
"""What the channel axis of `Frames.mel` holds, in this order."""

LOG_FLOOR = 1e-10
"""Added to the mel power of W before the logarithm: -100 dB of full scale, less `mel_gain_db`."""

MOST_GAIN_DB = 80.0
"""Of the settings: a floor at -180 dB of full scale, where single precision ends."""

PRODUCTS = 8
"""Products of a bin: power of W, energy of all, active x, y, z, reactive x, y, z."""

ANALYSE = Kernel(
    "elsa_rt.features.kernels",
    "analyse",
    "i f1 i2 f2 i1 f1 f3 f2 f2 f2 d1 f2 f2 i1 i f2 f3 f2",
    uses=["elsa_rt.jit.vector", "elsa_rt.features.fft", "elsa_rt.features.products", __name__],
)

SCATTER_S = 1.0
"""Intensity of each band is averaged over so many seconds before directions are compared."""

HISTORY = 3
"""The buffer holds this many FFT frames; when it is full, the newest samples move to its start."""


@dataclass(frozen=True)
class FeatureSettings:
    """Settings of the features; a bundle carries those that it was trained with."""

    rate: int = 16_000  # Hz, of the FOA that comes in
    hop: int = 160  # samples between frames
    n_fft: int = 512  # samples of one transform
    window: int = 512  # newest samples of them under a periodic Hann window; older ones count zero
    mels: int = 64  # bands
    low_hz: float = 50.0  # lower edge of the first band
    high_hz: float = 8_000.0  # upper edge of the last band
    direction_low_hz: float = 150.0  # the closed-form direction looks from here
    direction_high_hz: float = 2_500.0  # to here: real capsules err above
    mel_gain_db: float = 0.0  # of the mel power of W, so that its floor lies that much lower

    def __post_init__(self) -> None:
        if self.n_fft < 2 or self.n_fft & (self.n_fft - 1):
            raise UsageError(f"feature settings: n_fft {self.n_fft} is not a power of two")
        if not 0 < self.hop <= self.n_fft:
            raise UsageError(f"feature settings: hop {self.hop} is not in 1..n_fft={self.n_fft}")
        if not self.hop <= self.window <= self.n_fft:
            raise UsageError(
                f"feature settings: window {self.window} is not in "
                f"hop={self.hop}..n_fft={self.n_fft}"
            )
        if not 0 <= self.mel_gain_db <= MOST_GAIN_DB:
            raise UsageError(
                f"feature settings: mel_gain_db {self.mel_gain_db} is not in 0..{MOST_GAIN_DB:g}"
            )
        if not 0 <= self.low_hz < self.high_hz <= self.rate / 2:
            raise UsageError(
                f"feature settings: bands {self.low_hz}..{self.high_hz} Hz do not fit "
                f"into 0..{self.rate / 2} Hz"
            )

    def as_dict(self) -> dict[str, Any]:
        """The settings as they stand in ``model.yaml``."""
        return asdict(self)

    @property
    def mel_gain(self) -> float:
        """The gain of the mel power of W, as a factor."""
        return float(10 ** (self.mel_gain_db / 10))


class Frames(NamedTuple):
    """Analysed hops, oldest first.

    Attributes
    ----------
    mel : float32 (hops, 8, mels)
        `CHANNELS`: natural log of W's mel power times ``mel_gain`` of the settings, then active
        and reactive intensity per band
        divided by the band's energy (each vector at most 1 long), then diffuseness 0..1.
    intensity : float32 (hops, 3)
        Active intensity (x, y, z) summed over the direction bands; points towards the source.
    energy : float32 (hops,)
        Energy density of the same bands: ``|intensity| <= energy``, equal for one plane wave.
    power : float32 (hops,)
        Power of W over all bands, as a mean square of samples.
    scatter : float32 (hops,)
        How far the direction bands' mean intensities of the last `SCATTER_S` point apart: 0 all
        the same way .. 1. Diffuse sound averages out of it; an early reflection, which bends the
        direction of every band another way, does not.
    """

    mel: NDArray[np.float32]
    intensity: NDArray[np.float32]
    energy: NDArray[np.float32]
    power: NDArray[np.float32]
    scatter: NDArray[np.float32]


def mel_bands(settings: FeatureSettings) -> NDArray[np.float64]:
    """Triangular filters (mels, n_fft // 2 + 1) on the scale ``2595 log10(1 + f / 700)``.

    Each bin's weights sum to at most 1, so that the bands partition the power.
    """
    edges = _band_edges(settings)
    bins = np.arange(settings.n_fft // 2 + 1) * settings.rate / settings.n_fft
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    filters = np.maximum(0, np.minimum(rising, falling))
    if not filters.any(axis=1).all():
        raise UsageError(
            f"feature settings: {settings.mels} mel bands are too narrow for n_fft={settings.n_fft}"
        )
    return filters


def direction_bands(
    settings: FeatureSettings, coincidence_hz: float | None = None
) -> tuple[int, int]:
    """First and one-past-last mel band whose centre lies in the direction range.

    ``coincidence_hz`` is where the capsules stop to hear as from one point, if that is known.
    """
    centres = _band_edges(settings)[1:-1]
    high = min(settings.direction_high_hz, coincidence_hz or settings.direction_high_hz)
    inside = np.flatnonzero((centres >= settings.direction_low_hz) & (centres <= high))
    if not inside.size:
        raise UsageError(
            f"feature settings: no mel band lies in {settings.direction_low_hz}..{high:.0f} Hz, "
            "where the direction looks"
        )
    return int(inside[0]), int(inside[-1]) + 1


def _band_edges(settings: FeatureSettings) -> NDArray[np.float64]:
    """Edges (mels + 2,) in Hz; band m has its centre at m + 1, its feet at m and m + 2."""
    low, high = (2595 * np.log10(1 + f / 700) for f in (settings.low_hz, settings.high_hz))
    return 700 * (10 ** (np.linspace(low, high, settings.mels + 2) / 2595) - 1)


class IntensityFeatures:
    """Streaming STFT -> log-mel, active and reactive intensity, diffuseness.

    Frame k looks at samples up to ``(k + 1) * hop``, with silence before the first, so that
    every hop of input gives one frame: ``block`` is the hop and ``latency`` half a window.
    Above ``coincidence_hz`` of the microphone the closed-form direction does not look.
    """

    def __init__(
        self, settings: FeatureSettings | None = None, coincidence_hz: float | None = None
    ) -> None:
        self.settings = settings = settings or FeatureSettings()
        self.block = settings.hop
        self.latency = settings.window // 2
        # a full-scale sine reads as power 0.5 whatever the window
        hann = np.hanning(settings.window + 1)[:-1]
        hann *= np.sqrt(2 / (settings.n_fft * np.sum(hann**2)))
        hann *= np.sqrt(settings.mel_gain)
        window = np.pad(hann, (settings.n_fft - settings.window, 0)).astype(np.float32)
        filters = mel_bands(settings)
        bins = filters.shape[1]
        self._fading = np.empty((4, settings.mels), np.float32)
        self._sound = np.empty((4, HISTORY * settings.n_fft), np.float32)
        self._end = np.empty(1, np.int64)
        nothing = np.empty(0, np.float32)
        mel = np.empty((0, len(CHANNELS), settings.mels), np.float32)
        self._none = Frames(mel, np.empty((0, 3), np.float32), *3 * [nothing])
        first = (filters > 0).argmax(axis=1)
        last = bins - (filters[:, ::-1] > 0).argmax(axis=1)
        weights = np.zeros((settings.mels, int((last - first).max())), np.float32)
        for row, low, high, out in zip(filters, first, last, weights, strict=True):
            out[: high - low] = row[low:high]
        bands = np.stack([first, last, np.zeros_like(first)])
        bands[2, slice(*direction_bands(settings, coincidence_hz))] = 1
        self._analyse = ANALYSE.bind(
            settings.hop,
            window,
            bands,
            weights,
            *plan(settings.n_fft),
            np.empty((2, 2, SIGNALS * settings.n_fft), np.float32),
            np.empty((bins, PRODUCTS), np.float32),
            np.empty((settings.mels, PRODUCTS), np.float32),
            np.empty((PRODUCTS, settings.mels), np.float32),
            np.exp([-settings.hop / (SCATTER_S * settings.rate)]),
            self._fading,
            self._sound,
            self._end,
        )
        self.reset()
        # the kernel is compiled or loaded now: an open microphone would lose sound meanwhile
        self.step(np.zeros((4, self.block), np.float32))
        self.reset()

    def reset(self) -> None:
        """Forget all sound; the next sample is the first."""
        self._sound[:], self._fading[:] = 0, 0
        self._end[0] = self.settings.n_fft
        self._filled = 0

    def step(self, foa: NDArray[np.float32]) -> Frames:
        """Analyse AmbiX ``foa`` (4, n); returns the hops that it completed, perhaps none."""
        if foa.ndim != 2 or foa.shape[0] != 4:
            raise UsageError(f"features: FOA of shape {foa.shape} came in, (4, n) is needed")
        if not foa.shape[1]:
            return self._none
        hops = (self._filled + foa.shape[1]) // self.block
        mel = np.empty((hops, len(CHANNELS), self.settings.mels), np.float32)
        total = np.empty((hops, 6), np.float32)
        sound = np.ascontiguousarray(foa, np.float32)
        self._filled = self._analyse(self._filled, sound, mel, total)
        if self.settings.mel_gain_db:
            total[:, :5] /= np.float32(self.settings.mel_gain)
        return Frames(mel, total[:, :3], total[:, 3], total[:, 4], total[:, 5])
