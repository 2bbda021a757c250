"""Sound files: whatever libsndfile reads."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile as sf

from elsa_rt.audio.block import Block
from elsa_rt.config import Config
from elsa_rt.errors import SourceError, UsageError
from elsa_rt.notices import OnNotice
from elsa_rt.sources.base import BLOCK_S, Source

UNKNOWN_LENGTH = 0x7FFF_0000
"""Recorders that write to a pipe put about this into the header, or more."""


class FileSource(Source):
    """A file of four channels or more, read as fast as asked for or at its own speed."""

    live = False

    def __init__(self, path: str | Path, config: Config, on_notice: OnNotice) -> None:
        self.name = str(path)
        self._say = on_notice
        self._realtime = config.realtime
        self._file = _open(Path(path))
        try:
            self.rate: int = self._file.samplerate
            self.channels: int = self._file.channels
            if self._file.frames == 0:
                raise SourceError(f"{path} holds no samples: record it again")
            _agree(path, config, self._file)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __iter__(self) -> Iterator[Block]:
        frames = max(1, round(self.rate * BLOCK_S))
        start = 0
        begun = time.monotonic()
        while True:
            samples, fault = self._read(frames)
            start += samples.shape[1]
            if self._realtime:
                time.sleep(max(0.0, begun + start / self.rate - time.monotonic()))
            if samples.shape[1]:
                yield Block(samples, self.rate, start - samples.shape[1])
            if fault or samples.shape[1] < frames:
                break
        missing = fault or _cut_short(Path(self.name), self._file)
        if missing:
            self._say(f"{self.name} is cut short after {start / self.rate:.2f} s: {missing}")

    def _read(self, frames: int) -> tuple[np.ndarray[tuple[int, int], np.dtype[np.float32]], str]:
        try:
            samples = self._file.read(frames, dtype="float32", always_2d=True)  # (n, channels)
        except sf.LibsndfileError as error:
            return np.empty((self.channels, 0), np.float32), f"its data are damaged ({error})"
        return np.ascontiguousarray(samples.T), ""


def _open(path: Path) -> sf.SoundFile:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise UsageError(
            f"cannot open {path}: {error.strerror}; give a sound file, or for a microphone a name "
            "that elsa-rt devices lists"
        ) from error
    if path.is_dir():
        raise UsageError(f"cannot play {path}: it is a directory, give one of its files")
    if path.is_file() and size == 0:
        raise SourceError(f"{path} is empty (0 bytes): record it again")
    try:
        return sf.SoundFile(path)
    except (sf.LibsndfileError, OSError) as error:
        reason = getattr(error, "error_string", "") or str(error)
        raise SourceError(
            f"cannot read {path} as sound ({reason.strip()}): convert it, "
            f"e.g. ffmpeg -i {path} {path.stem}-converted.flac"
        ) from error


def _agree(path: str | Path, config: Config, file: sf.SoundFile) -> None:
    """Refuse settings that contradict what the file says of itself."""
    if config.rate not in (None, file.samplerate):
        raise UsageError(
            f"--rate {config.rate}: {path} is at {file.samplerate} Hz: leave out --rate, "
            "it is for microphones and standard input"
        )
    if config.input_channels not in (None, file.channels):
        raise UsageError(
            f"--channels {config.input_channels}: {path} has {file.channels} channels: leave it "
            "out for the first four, or pick four, e.g. --channels 1,2,3,4"
        )


def _cut_short(path: Path, file: sf.SoundFile) -> str:
    """Message for a file that is shorter than its header says; libsndfile reports nothing."""
    for said, found in re.findall(r": (\d+) \(should be (\d+)\)", file.extra_info):
        if int(found) < int(said) < UNKNOWN_LENGTH:
            return f"its header promises {int(said):,} bytes, {int(found):,} are there"
    if file.format == "OGG" and not _ogg_ends(path):
        return "its last page is missing"
    return ""


def _ogg_ends(path: Path) -> bool:
    """Whether the last Ogg page says that it is the last (RFC 3533, section 6: flag 4)."""
    with path.open("rb") as file:
        file.seek(-min(path.stat().st_size, 2 * 65_307), 2)  # a page is 65,307 bytes at most
        tail = file.read()
    page = tail.rfind(b"OggS")
    return 0 <= page < len(tail) - 5 and bool(tail[page + 5] & 4)
