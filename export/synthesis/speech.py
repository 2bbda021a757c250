"""Speech through espeak-ng, run as a program."""

from __future__ import annotations

import io
import subprocess
from fractions import Fraction

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import resample_poly

from elsa_rt.errors import ElsaError
from export.synthesis.elements import finish

MAX_SPEECH_S = 60.0
"""Seconds after which a sentence is cut."""


def speak(
    text: str, voice: str, rng: np.random.Generator, rate: int = 48_000
) -> NDArray[np.float32]:
    """A sentence (n,) with a peak of 1, in a voice such as ``en-gb+f3``; pitch and pace vary.

    Raises ElsaError where espeak-ng is missing, or fails, or has no such voice.
    """
    pitch, pace = int(rng.integers(30, 71)), int(rng.integers(135, 186))
    command = ["espeak-ng", "--stdout", "-v", voice, "-p", str(pitch), "-s", str(pace), "--", text]
    try:
        done = subprocess.run(command, capture_output=True, check=True, stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        raise ElsaError(
            "speech synthesis: espeak-ng is not installed: sudo apt-get install espeak-ng"
        ) from None
    except subprocess.CalledProcessError as problem:
        said = problem.stderr.decode(errors="replace").strip() or f"exit {problem.returncode}"
        raise ElsaError(
            f"speech synthesis: espeak-ng could not speak as {voice!r}: {said}; "
            "see espeak-ng --voices"
        ) from None
    # the length in the header of a stream is a guess: read what is there
    sound, own_rate = soundfile.read(io.BytesIO(_true_length(done.stdout)), dtype="float64")
    ratio = Fraction(rate, own_rate)
    spoken = np.trim_zeros(np.asarray(sound))
    if not spoken.size:
        raise ElsaError(f"speech synthesis: espeak-ng was silent about {text!r}: give it words")
    return finish(resample_poly(spoken, ratio.numerator, ratio.denominator), rate, MAX_SPEECH_S)


def _true_length(wav: bytes) -> bytes:
    data = wav.index(b"data") + 8
    return wav[: data - 4] + (len(wav) - data).to_bytes(4, "little") + wav[data:]
