"""A small AudioSet tagger as a teacher: EfficientAT ``mn04_as`` as ONNX, with its front end."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import numpy_helper
from scipy.signal import get_window

from elsa_rt.features.intensity import FeatureSettings, mel_bands

RATE = 32_000
_N_FFT, _WINDOW, _HOP, _MELS = 1024, 800, 320, 128
_HIGH_HZ = 15_000.0
_PRE_EMPHASIS = 0.97
_MEAN, _SPREAD = -4.5, 5.0

VIEWS = 7
"""Of each clip: nearest centroids of its features are right in .927 instead of .912."""

STRIDE_FRAMES = 32
"""Frames that the strides of the tagger make one."""


class Tags(NamedTuple):
    """What the tagger says of one clip."""

    logits: NDArray[np.float32]  # (527,), before the sigmoid
    features: NDArray[np.float32]  # (384,)


class Tagger:
    """Tags mono clips at 32 kHz."""

    def __init__(self, model: Path, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(str(model), options)
        self._filters = _mel_filters()
        window = get_window("hann", _WINDOW, fftbins=False)
        self._window = np.pad(window, (_N_FFT - _WINDOW) // 2)

    def __call__(self, mono: NDArray[np.float32]) -> Tags:
        """Tags of samples (n,), n at least 0.1 s."""
        logits, features = self._session.run(["logits", "features"], {"mel": self.front_end(mono)})
        return Tags(logits.reshape(-1), features.reshape(-1))

    def shifted(self, mono: NDArray[np.float32]) -> Tags:
        """The mean over `VIEWS` shifts within the strides of the tagger: what it says on average
        of the same sound, come a little later.
        """
        step = STRIDE_FRAMES * _HOP // VIEWS
        said = [self(np.pad(mono, (view * step, 0))) for view in range(VIEWS)]
        return Tags(*(np.mean(values, axis=0) for values in zip(*said, strict=True)))

    def front_end(self, mono: NDArray[np.float32]) -> NDArray[np.float32]:
        """Normalised log-mel (1, 1, 128, frames): pre-emphasis, power, ``(log + 4.5) / 5``."""
        sharp = mono[1:] - _PRE_EMPHASIS * mono[:-1]
        padded = np.pad(sharp, _N_FFT // 2, mode="reflect")
        frames = np.lib.stride_tricks.sliding_window_view(padded, _N_FFT)[::_HOP]
        power = np.abs(np.fft.rfft(frames * self._window)) ** 2
        mel = np.log(power @ self._filters.T + 1e-5)
        return normalise(mel.T).astype(np.float32)[None, None]


def normalise(log_mel: Any) -> Any:
    """Natural log of mel power, as the tagger scales it, to about -1.5..1.5."""
    return (log_mel - _MEAN) / _SPREAD


def scaling() -> tuple[float, float]:
    """Mean and spread that `normalise` takes off."""
    return _MEAN, _SPREAD


def pre_emphasis(settings: FeatureSettings) -> NDArray[np.float64]:
    """(mels,): what the tagger's pre-emphasis adds to the log power of each mel band."""
    filters = mel_bands(settings)
    radians = np.arange(filters.shape[1]) * 2 * np.pi / settings.n_fft
    gain = np.abs(1 - _PRE_EMPHASIS * np.exp(-1j * radians)) ** 2
    return np.log(filters @ gain / filters.sum(1))


def read_weights(model: Path) -> dict[str, NDArray[np.float32]]:
    """The tagger's weights by the names in its ONNX file."""
    graph = onnx.load(str(model)).graph
    return {array.name: numpy_helper.to_array(array) for array in graph.initializer}


def _mel_filters() -> NDArray[np.float64]:
    """Triangles (128, bins) on the scale ``1127 ln(1 + f / 700)``, linear in mel."""

    def mel(hz: NDArray[np.floating[Any]] | float) -> NDArray[np.float64]:
        return np.asarray(1127 * np.log1p(np.asarray(hz) / 700))

    edges = np.linspace(0.0, float(mel(_HIGH_HZ)), _MELS + 2)[:, None]
    bins = mel(np.fft.rfftfreq(_N_FFT, 1 / RATE))
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return np.maximum(0, np.minimum(rising, falling))
