"""PCM formats: how samples lie in bytes, and their scale."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

ENCODINGS: dict[str, tuple[str, float, float]] = {
    "u8": ("u1", 2.0**7, 2.0**7),
    "s8": ("i1", 0.0, 2.0**7),
    "s16": ("<i2", 0.0, 2.0**15),
    "s32": ("<i4", 0.0, 2.0**31),
    "s24-in-32": ("<i4", 0.0, 2.0**31),
    "f32": ("<f4", 0.0, 1.0),
    "f64": ("<f8", 0.0, 1.0),
    "s16be": (">i2", 0.0, 2.0**15),
    "s32be": (">i4", 0.0, 2.0**31),
    "f32be": (">f4", 0.0, 1.0),
    "f64be": (">f8", 0.0, 1.0),
}
"""By name: NumPy's type, the value of silence, and that of full scale."""


class PcmLayout(NamedTuple):
    """How samples lie behind a header; without one ``offset`` is 0."""

    encoding: str  # of `ENCODINGS`, or s24, s24be
    rate: int
    channels: int
    offset: int = 0  # bytes before the first sample
    promised: int | None = None  # bytes of samples that the header promises, None if it cannot
    form: str = ""  # ambisonic format that the header declares, if it does
    container: str = ""  # what the header is, for people

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of all channels."""
        return sample_bytes(self.encoding) * self.channels


def sample_bytes(encoding: str) -> int:
    """Bytes of one sample."""
    return 3 if encoding in ("s24", "s24be") else np.dtype(ENCODINGS[encoding][0]).itemsize


def decode_pcm(raw: bytes, encoding: str) -> NDArray[np.float32]:
    """Whole samples as float32 (n,) of full scale -1..1."""
    if encoding in ("s24", "s24be"):
        three = np.frombuffer(raw, np.uint8).reshape(-1, 3)
        wide = np.zeros((len(three), 4), np.uint8)
        wide[:, 1:] = three if encoding == "s24" else three[:, ::-1]  # the lowest byte stays 0
        raw, encoding = wide.tobytes(), "s32"
    kind, silence, full = ENCODINGS[encoding]
    values = np.frombuffer(raw, kind)
    if encoding == "s24-in-32":
        values = np.left_shift(values, 8)  # whatever the unused byte holds
    if kind[-2] == "f":
        return values.astype(np.float32)
    if silence:
        values = values - np.float32(silence)
    return np.divide(values, full, dtype=np.float32, casting="unsafe")
