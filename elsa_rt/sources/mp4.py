"""What an MP4 says of its ambisonic sound: the SA3D box, and the sample entry of IAMF.

libsndfile decodes neither, so whoever has such a file converts it; what it declared must then be
told, as the conversion does not carry it along. SA3D: Spatial Audio RFC (Google, 2016); IAMF:
Immersive Audio Model and Formats (AOMedia, 2024), whose ambisonics are always ACN and SN3D.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple

MOST_MOOV_BYTES = 64 << 20
"""The tables of a film of many hours; more is no table."""

MOST_BOXES = 10_000
IAMF_OBU = b"iamf"
AAC_ENTRY = b"mp4a"


class Ambisonics(NamedTuple):
    """Ambisonic sound as it is declared."""

    kind: str  # "SA3D" or "IAMF"
    channels: tuple[int, ...]  # counted from 1, those of W, Y, Z, X; empty where it is unknown


def is_iamf(head: bytes) -> bool:
    """Whether a file begins as a bare IAMF stream: with an IA Sequence Header."""
    return len(head) > 2 and head[0] >> 3 == 31 and IAMF_OBU in head[2:8]


def holds_aac(path: str | bytes | Path) -> bool:
    """Whether a track of the MP4 is MPEG-4 audio, which is AAC."""
    try:
        with open(path, "rb") as file:
            return AAC_ENTRY in _moov(file)
    except (OSError, struct.error):
        return False


def read_ambisonics(path: str | bytes | Path) -> Ambisonics | None:
    """What the file declares; None where it declares nothing, or is no MP4."""
    try:
        with open(path, "rb") as file:
            if is_iamf(file.read(8)):
                return Ambisonics("IAMF", (1, 2, 3, 4))
            moov = _moov(file)
    except (OSError, struct.error):
        return None
    at = moov.find(b"SA3D")
    if at >= 0:
        return _sa3d(moov[at + 4 : at + 4 + 12 + 4 * 256])
    return Ambisonics("IAMF", (1, 2, 3, 4)) if IAMF_OBU in moov else None


def _moov(file: BinaryIO) -> bytes:
    """The content of the box ``moov``, wherever it stands; empty where there is none."""
    at = 0
    for _ in range(MOST_BOXES):
        file.seek(at)
        head = file.read(16)
        if len(head) < 8:
            return b""
        size, name = struct.unpack_from(">I4s", head)
        begin = 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", head, 8)
            begin = 16
        if name == b"moov":
            file.seek(at + begin)
            return file.read(min(size - begin, MOST_MOOV_BYTES) if size else MOST_MOOV_BYTES)
        if size < begin:  # 0: to the end of the file
            return b""
        at += size
    return b""


def _sa3d(box: bytes) -> Ambisonics | None:
    """Version, type, order, ordering, normalisation, count, and the component of each channel."""
    try:
        version, kind, _order, ordering, normalisation, count = struct.unpack_from(">BBIBBI", box)
        components = struct.unpack_from(f">{min(count, 256)}I", box, 12)
    except struct.error:
        return None
    if (version, kind, ordering, normalisation) != (0, 0, 0, 0):
        return Ambisonics("SA3D", ())
    if not {0, 1, 2, 3} <= set(components):
        return Ambisonics("SA3D", ())
    return Ambisonics("SA3D", tuple(components.index(part) + 1 for part in range(4)))
