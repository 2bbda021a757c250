"""Recordings, and the pieces of them that are heard apart: on other cores, or other computers.

A piece is heard from `LEAD_S` before its begin, so that the model has its memory and long sounds
are known, and up to `TAIL_S` after its end, until what began in it is complete. What is heard
belongs to the piece in which it begins: nothing is lost at a border, nothing is there twice.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import soundfile

from elsa_rt.config import Config
from elsa_rt.errors import ElsaError, SourceError, UsageError
from elsa_rt.notices import OnNotice
from elsa_rt.sources.files import UNKNOWN_LENGTH, FileSource, shown

PIECE_S = 300.0
"""Length of a piece, full minutes."""

LEAD_S = 48.0
"""What is heard before a piece: the memory of the model fills, and the sounds that go on are known
for longer than `elsa_rt.memory.gather.CUT_AFTER_S`."""

TAIL_S = 90.0
"""Longest time that anything is followed after the end of its piece: no row goes on for longer
than a minute and `CUT_AFTER_S`."""

COUNTED_FRAMES = 1 << 16
"""Read at once where the header does not tell how many there are."""

SAMPLED = 64
"""Parts of 64 kB that the fingerprint of a recording is made of."""


@dataclass(frozen=True)
class Recording:
    """A sound file."""

    path: str
    uid: str  # the same for all copies of the file
    rate: int
    channels: int
    frames: int

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.frames / self.rate

    @property
    def pieces(self) -> int:
        """How many pieces it has."""
        return _count(self.seconds, PIECE_S)


@dataclass(frozen=True)
class Piece:
    """A part of a recording."""

    recording: Recording
    index: int
    length_s: float = PIECE_S

    @property
    def begin_s(self) -> float:
        """Its first second."""
        return self.index * self.length_s

    @property
    def end_s(self) -> float:
        """Its end; of the last piece, that of all rows."""
        last = self.index == _count(self.recording.seconds, self.length_s) - 1
        return math.inf if last else self.begin_s + self.length_s

    @property
    def seconds(self) -> float:
        """Length of its own sound, without lead and tail."""
        return min(self.recording.seconds - self.begin_s, self.length_s)


def pieces_of(recording: Recording, length_s: float = PIECE_S) -> list[Piece]:
    """All pieces of ``recording``, of ``length_s`` seconds each."""
    count = _count(recording.seconds, length_s)
    return [Piece(recording, index, length_s) for index in range(count)]


def _count(seconds: float, length_s: float) -> int:
    return max(1, math.ceil(seconds / length_s - 1e-9))


def find_recordings(
    paths: Iterable[str | Path],
    on_notice: OnNotice,
    on_left_out: Callable[[str], None],
    config: Config | None = None,
) -> Iterator[Recording]:
    """All recordings in files and folders, each content once; what cannot be read is said.

    Parameters
    ----------
    paths : files and folders
    on_notice : callable
    on_left_out : callable
        Hears of each file that was named itself and cannot be heard.
    config : Config
        What the recordings' channels are.

    Raises
    ------
    UsageError
        A path does not exist.
    """
    suffixes = {f".{name.lower()}" for name in soundfile.available_formats()}
    suffixes |= {".aif", ".amb", ".opus", ".oga", ".bwf", ".wave", ".pcm"}
    seen: dict[str, str] = {}
    for path in map(Path, paths):
        if not path.exists():
            raise UsageError(f"hearing {path}: there is no such file or folder: check the name")
        inside = path.is_dir()
        files = sorted(p for p in path.rglob("*") if p.is_file()) if inside else [path]
        count = 0
        for file in files:
            if inside and file.suffix.lower() not in suffixes:
                continue
            try:
                found = read_header(file, config, on_notice)
            except ElsaError as error:
                on_notice(f"{error}; it is left out")
                continue
            count += 1
            if found.uid in seen:
                if seen[found.uid] != found.path:
                    on_notice(
                        f"{shown(file)} is a copy of {shown(seen[found.uid])}: it counts once"
                    )
                continue
            seen[found.uid] = found.path
            yield found
        if not count and inside:
            on_notice(
                f"hearing {path}: there is no recording in it that can be heard; known are "
                f"{', '.join(sorted(suffixes))}"
            )
        elif not count:
            on_left_out(shown(path))


def read_header(
    path: Path, config: Config | None = None, on_notice: OnNotice = lambda _: None
) -> Recording:
    """The recording in the file ``path``, as ``config`` and its header say.

    Raises
    ------
    ElsaError
        It cannot be heard.
    """
    if path.exists() and not path.is_file():
        raise SourceError(f"reading {shown(path)}: it is no regular file")
    try:
        uid = _fingerprint(path)
    except OSError as error:
        raise SourceError(f"reading {shown(path)}: {error.strerror or error}") from None
    with FileSource(path, config or Config(), on_notice) as file:
        if file.channels < 4:
            raise SourceError(
                f"reading {file.name}: {file.channels} channel{'s' * (file.channels > 1)}, four "
                "are needed for a direction"
            )
        frames = file.frames if file.frames < UNKNOWN_LENGTH else _counted(file)
        if cut := file.cut_short():
            on_notice(f"{file.name} is cut short after {frames / file.rate:.2f} s: {cut}")
        return Recording(str(path.absolute()), uid, file.rate, file.channels, frames)


def _counted(file: FileSource) -> int:
    """How many samples are there, where the header does not tell."""
    count = 0
    while read := file.read(COUNTED_FRAMES).shape[1]:
        count += read
    return count


def _fingerprint(path: Path) -> str:
    """What tells a file's content: its size, and parts of it from begin to end."""
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        if size <= SAMPLED << 16:
            digest.update(file.read())
        else:
            for part in range(SAMPLED):
                file.seek((size - (1 << 16)) * part // (SAMPLED - 1))
                digest.update(file.read(1 << 16))
    return f"file-{digest.hexdigest()[:32]}"
