"""Declarations of ambisonics in MP4 and IAMF: found, told with the cure, and never a hang."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest

from elsa_rt.config import Config
from elsa_rt.errors import SourceError
from elsa_rt.sources.files import FileSource
from elsa_rt.sources.mp4 import Ambisonics, read_ambisonics


def box(name: bytes, content: bytes, *, wide: bool = False) -> bytes:
    if wide:
        return struct.pack(">I4sQ", 1, name, 16 + len(content)) + content
    return struct.pack(">I4s", 8 + len(content), name) + content


def sa3d(components: tuple[int, ...], ordering: int = 0, normalisation: int = 0) -> bytes:
    head = struct.pack(">BBIBBI", 0, 0, 1, ordering, normalisation, len(components))
    return box(b"SA3D", head + struct.pack(f">{len(components)}I", *components))


def mp4(inside: bytes, *, wide: bool = False) -> bytes:
    """A film whose table stands behind its samples, as recorders write it."""
    entry = box(b"mp4a", bytes(28) + inside)
    table = box(b"trak", box(b"mdia", box(b"minf", box(b"stbl", box(b"stsd", bytes(8) + entry)))))
    return (
        box(b"ftyp", b"mp42" + bytes(8))
        + box(b"mdat", bytes(5000), wide=wide)
        + box(b"moov", box(b"mvhd", bytes(100)) + table)
    )


IAMF = bytes([0xF8, 6]) + b"iamf" + bytes(2)


@pytest.mark.parametrize(
    ("content", "found", "said"),
    [
        (mp4(sa3d((0, 1, 2, 3))), Ambisonics("SA3D", (1, 2, 3, 4)), "it declares AmbiX, SA3D; AAC"),
        (mp4(sa3d((2, 0, 1, 3)), wide=True), Ambisonics("SA3D", (2, 3, 1, 4)), "2,3,1,4"),
        (mp4(sa3d((0, 1, 2, 3), ordering=1)), Ambisonics("SA3D", ()), "that is unknown here"),
        (mp4(sa3d((0, 1, 2, 3), normalisation=1)), Ambisonics("SA3D", ()), "unknown here"),
        (mp4(sa3d((0, 0, 2, 3))), Ambisonics("SA3D", ()), "unknown here"),
        (mp4(b""), None, "without names puts W third"),
        (mp4(box(b"iamf", bytes(28))), Ambisonics("IAMF", (1, 2, 3, 4)), "ffmpeg 7.1 or later"),
        (IAMF + bytes(100), Ambisonics("IAMF", (1, 2, 3, 4)), "ffmpeg 7.1 or later"),
    ],
)
def test_what_is_declared_is_told_with_the_cure(
    content: bytes, found: Ambisonics | None, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(content)
    assert read_ambisonics(path) == found
    with pytest.raises(SourceError, match=r"convert it, e\.g\. ffmpeg -i") as caught:
        FileSource(path, Config(), print)
    assert said in str(caught.value)


def test_damaged_ones_end(tmp_path: Path) -> None:
    dice = random.Random(0)
    path = tmp_path / "film.mp4"
    for _ in range(500):
        content = bytearray(mp4(sa3d((0, 1, 2, 3)), wide=dice.random() < 0.5))
        for _ in range(dice.randrange(1, 5)):
            content[dice.randrange(len(content))] = dice.randrange(256)
        path.write_bytes(content[: dice.randrange(len(content))])
        found = read_ambisonics(path)
        assert found is None or len(found.channels) in (0, 4)
    path.write_bytes(struct.pack(">I4s", 8, b"free") * 200_000)
    assert read_ambisonics(path) is None
