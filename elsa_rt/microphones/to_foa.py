"""From the channels of a source to AmbiX at the model's rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from elsa_rt.errors import SourceError, UsageError
from elsa_rt.jit.kernel import Kernel
from elsa_rt.microphones.encoding import encoding
from elsa_rt.microphones.profile import Profile
from elsa_rt.microphones.resample import Resampler
from elsa_rt.microphones.usable import UsedChannels

if TYPE_CHECKING:
    from elsa_rt.features.high_pass import HighPass
    from elsa_rt.microphones.fir import MatrixFir

MIX = Kernel("elsa_rt.microphones.mix_kernels", "mix", "f2 f2 f2")


def pick_channels(profile: Profile, channels: int, name: str) -> tuple[int, ...]:
    """The four channels of a source called ``name`` that a resolved profile uses, from 1.

    Unless told otherwise they are the first four: of ambisonics of a higher order in ACN, these
    are its first order.

    Raises
    ------
    SourceError
        With fewer than four channels there is no direction to hear.
    UsageError
        A wanted channel does not exist.
    """
    wanted = profile.channels
    if channels < 4:
        raise SourceError(
            f"{name} has {channels} channel{'s' if channels != 1 else ''}, four are needed: "
            f"record with a first-order ambisonic or tetrahedral microphone{_joining(channels)}"
        )
    if wanted is None:
        return 1, 2, 3, 4
    if max(wanted) > channels:
        raise UsageError(
            f"channels {','.join(map(str, wanted))} of {profile.title}: {name} has only "
            f"{channels} channels: choose four of 1..{channels} with --channels"
        )
    return wanted


def _joining(channels: int) -> str:
    """How the tracks of one microphone are joined, if its files have one or two each."""
    if channels not in (1, 2):
        return ""
    count = 4 // channels
    inputs = " ".join(f"-i {number}.wav" for number in range(1, count + 1))
    return (
        f"; the tracks of one are joined by ffmpeg {inputs} -filter_complex amerge=inputs={count} "
        "four.wav"
    )


def encoding_stage(profile: Profile, rate: int) -> EncodingStage:
    """The stage that encodes the four channels of a resolved ``profile`` at ``rate`` Hz."""
    encode = encoding(profile, rate)
    if encode.is_matrix:
        return Mix(encode.taps[:, :, 0])
    from elsa_rt.microphones.fir import MatrixFir

    return MatrixFir(encode.taps, encode.delay)


class ToFoa:
    """Choose channels, resample, encode and turn upright as the microphone's profile says.

    Parameters
    ----------
    profile : Profile
        Resolved (`elsa_rt.microphones.library.profile_of`).
    channels : int
    rate : int, Hz
    model_rate : int, Hz
    encode : Mix or MatrixFir, optional
        `encoding_stage` of them, for who has designed it before; it is reset.
    high_pass : bool
        Take away DC and what lies below hearing before all else.

    Attributes
    ----------
    block : int, samples
        Any number may come in: 1.
    latency : int, samples at the model's rate
        How far the output can trail the input: what the resampler holds back, 0 without one,
        and the delay of the filters where the encoding has any.
    """

    block = 1

    def __init__(
        self,
        profile: Profile,
        channels: int,
        rate: int,
        model_rate: int,
        encode: EncodingStage | None = None,
        *,
        high_pass: bool = False,
    ) -> None:
        if rate < 1:
            raise UsageError(f"sampling rate {rate} Hz: a positive rate is needed, e.g. 48000")
        self.channels = channels
        self.rate = rate
        self._used = UsedChannels(pick_channels(profile, channels, "the signal"))
        encode = encode or encoding_stage(profile, model_rate)
        encode.reset()
        self._stages: list[HighPass | Resampler | EncodingStage] = [encode]
        if rate != model_rate:
            self._stages.insert(0, Resampler(4, rate, model_rate))
        if high_pass:
            from elsa_rt.features.high_pass import HighPass

            self._stages.insert(0, HighPass(rate))
        self.latency = sum(stage.latency for stage in self._stages)

    def step(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take samples (channels, n); give AmbiX (4, m), perhaps with m = 0."""
        if samples.ndim != 2 or samples.shape[0] != self.channels:
            raise SourceError(
                f"samples of shape {samples.shape} came in, ({self.channels}, n) is needed: "
                "a source keeps its number of channels"
            )
        sound, _ = self._used.step(samples)  # `SignalHealth` counts and says what is no sound
        for stage in self._stages:
            sound = stage.step(sound)
        return sound

    def flush(self) -> NDArray[np.float32]:
        """At the end of the signal: the AmbiX (4, m) still held back."""
        rest = np.empty((4, 0), np.float32)
        for stage in self._stages:
            rest = np.concatenate([stage.step(rest), stage.flush()], axis=1)
        return rest

    def reset(self) -> None:
        """Forget all sound; the next sample is the first."""
        for stage in self._stages:
            stage.reset()


class Mix:
    """Every output is a mix of all inputs, sample by sample.

    Parameters
    ----------
    matrix : float32 (4, 4)
    """

    latency = 0

    def __init__(self, matrix: NDArray[np.float32]) -> None:
        # not matmul: BLAS sums in an order that depends on n, and splits would differ in bits
        self._mix = MIX.bind(np.ascontiguousarray(matrix))

    def step(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take (4, n), give as many; best sample by sample in memory, as the resampler has them."""
        out = np.empty(x.shape, np.float32)
        self._mix(np.ascontiguousarray(x.T), out)
        return out

    def flush(self) -> NDArray[np.float32]:
        """Nothing is held back."""
        return np.empty((4, 0), np.float32)

    def reset(self) -> None:
        """There is nothing to forget."""


EncodingStage: TypeAlias = "Mix | MatrixFir"
