"""Sound files: whatever libsndfile reads, raw samples, and files whose header lies."""

from __future__ import annotations

import os
import re
import shlex
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from elsa_rt.audio.block import Block
from elsa_rt.config import Config
from elsa_rt.errors import SourceError, UsageError
from elsa_rt.notices import OnNotice
from elsa_rt.sources.base import BLOCK_S, Source
from elsa_rt.sources.containers import HEAD_BYTES, container_of, honest_end, ogg_form, read_layout
from elsa_rt.sources.conversion import conversion
from elsa_rt.sources.declared import Declared
from elsa_rt.sources.pcm import PcmLayout, decode_pcm
from elsa_rt.sources.sample_bytes import encoding_doubt

UNKNOWN_LENGTH = 0x7FFF_0000
"""Recorders that write to a pipe put about this into the header, or more."""

RAW_SUFFIXES = (".raw", ".pcm")
LOOK_BYTES = 3 << 16
LOOKS = 64
"""So many times so many bytes of raw samples are looked at until something moves."""

TAIL_BYTES = 1 << 24
"""So much after the samples is looked at for chunks; no honest file has more there."""

MIN_RATE = 1_000
"""Below it nothing is sound, and resampling would take for ever."""


class SoundFile(Protocol):
    """What `FileSource` needs of an open file."""

    samplerate: int
    channels: int
    frames: int

    def read(self, frames: int, dtype: str, always_2d: bool) -> NDArray[np.float32]: ...

    def seek(self, frames: int) -> int: ...

    def close(self) -> None: ...


class PcmFile:
    """Uncompressed samples of a file from ``layout.offset`` to ``end``, header or not."""

    def __init__(self, file: BinaryIO, layout: PcmLayout, end: int) -> None:
        self.samplerate, self.channels = layout.rate, layout.channels
        self.frames = max(0, end - layout.offset) // layout.frame_bytes
        self._file, self._layout, self._left = file, layout, self.frames
        file.seek(layout.offset)

    def read(self, frames: int, dtype: str = "", always_2d: bool = True) -> NDArray[np.float32]:
        """The next frames (n, channels), fewer at the end."""
        raw = self._file.read(min(frames, self._left) * self._layout.frame_bytes)
        raw = raw[: len(raw) // self._layout.frame_bytes * self._layout.frame_bytes]
        samples = decode_pcm(raw, self._layout.encoding).reshape(-1, self.channels)
        self._left -= len(samples)
        return samples

    def seek(self, frames: int) -> int:
        """Go to the frame of this number, or to the end."""
        at = min(frames, self.frames)
        self._file.seek(self._layout.offset + at * self._layout.frame_bytes)
        self._left = self.frames - at
        return at

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class _Forward(sf.SoundFile):  # type: ignore[misc]
    """A file that is read from its beginning to its end.

    What can seek is sought before and after each read, which takes as long as decoding FLAC.
    """

    def seekable(self) -> bool:
        """It is not sought in."""
        return False


class FileSource(Source):
    """A file of four channels or more, read as fast as asked for or at its own speed."""

    live = False

    def __init__(self, path: str | Path, config: Config, on_notice: OnNotice) -> None:
        self._path = os.fsencode(path)
        self.name = shown(path)
        self._say = on_notice
        self._realtime = config.realtime
        self._file: SoundFile = _open(self._path, self.name, config, on_notice)
        try:
            self.rate: int = self._file.samplerate
            self.channels: int = self._file.channels
            if self._file.frames == 0:
                raise SourceError(f"{self.name} holds no samples: record it again")
            if self.rate < MIN_RATE:
                raise SourceError(
                    f"{self.name} says that it is at {self.rate} Hz, at least {MIN_RATE:,} Hz are "
                    "sound: its header is damaged, or it holds no sound"
                )
            _agree(self.name, config, self._file)
            self._form = Declared(_form(self._path), config, self.name, on_notice)
        except BaseException:
            self.close()
            raise

    @property
    def frames(self) -> int:
        """How many samples each channel has, as far as the header tells."""
        return self._file.frames

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def seek(self, frame: int) -> int:
        """Go to this sample of each channel, or to the end; gives the one that comes next."""
        return self._file.seek(frame)

    def read(self, frames: int) -> NDArray[np.float32]:
        """The next samples (channels, n) as they are heard, fewer than ``frames`` at the end.

        Raises
        ------
        SourceError
            The data are damaged.
        """
        samples, fault = self._read(frames)
        if fault:
            raise SourceError(f"{self.name}: {fault}")
        return self._form.to_ambix(samples)

    def cut_short(self) -> str:
        """Why less is there than the header says; empty if all is."""
        return _cut_short(self._path, self._file)

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
                yield Block(self._form.to_ambix(samples), self.rate, start - samples.shape[1])
            if fault or samples.shape[1] < frames:
                break
        missing = fault or self._missing(start)
        if missing:
            self._say(f"{self.name} is cut short after {start / self.rate:.2f} s: {missing}")

    def _missing(self, heard: int) -> str:
        """Why fewer than all samples were heard, if so."""
        if cut := self.cut_short():
            return cut
        if heard < self._file.frames < UNKNOWN_LENGTH and not (
            isinstance(self._file, sf.SoundFile) and _endless(self._file)
        ):
            return (
                f"{self._file.frames:,} samples were there when it was opened, {heard:,} could be "
                "read: it shrank meanwhile"
            )
        return ""

    def _read(self, frames: int) -> tuple[np.ndarray[tuple[int, int], np.dtype[np.float32]], str]:
        try:
            samples = self._file.read(frames, dtype="float32", always_2d=True)  # (n, channels)
        except (sf.LibsndfileError, OSError) as error:
            return np.empty((self.channels, 0), np.float32), f"its data are damaged ({error})"
        return np.ascontiguousarray(samples.T), ""


def shown(path: str | Path) -> str:
    """``path`` for people: bytes that are no UTF-8 as escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _open(path: bytes, name: str, config: Config, on_notice: OnNotice) -> SoundFile:
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"cannot open {name}: {getattr(error, 'strerror', error)}; give a sound file, or for a "
            "microphone a name that elsa-rt devices lists"
        ) from error
    if stat.S_ISDIR(status.st_mode):
        raise UsageError(f"cannot play {name}: it is a directory, give one of its files")
    if stat.S_ISREG(status.st_mode) and status.st_size == 0:
        raise SourceError(f"{name} is empty (0 bytes): record it again")
    try:
        with open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
        lying = _in_spite_of_its_header(path, name, head, status.st_size, on_notice)
        if lying is not None:
            return lying
        if name.lower().endswith(RAW_SUFFIXES) and not container_of(head):
            return _raw(path, name, config, status.st_size, on_notice)
        file_ = _Forward(path)
    except (sf.LibsndfileError, OSError, TypeError) as error:
        reason = getattr(error, "error_string", "") or str(error)
        raise SourceError(
            f"cannot read {name} as sound ({reason.strip()}): {conversion(path, name, head)}"
        ) from error
    return file_


def _raw(path: bytes, name: str, config: Config, size: int, on_notice: OnNotice) -> PcmFile:
    if config.rate is None or config.input_channels is None:
        raise UsageError(
            f"{name} holds raw samples, which carry no header: say what they are, e.g. "
            f"elsa-rt listen {shlex.quote(name)} --rate 48000 --channels 4 --sample-format s16"
        )
    layout = PcmLayout(config.sample_format, config.rate, config.input_channels)
    with open(path, "rb") as file:
        for _ in range(LOOKS):
            if (doubt := encoding_doubt(name, file.read(LOOK_BYTES), layout)) is not None:
                if doubt:
                    on_notice(doubt)
                break
    return PcmFile(open(path, "rb"), layout, size)


def _in_spite_of_its_header(
    path: bytes, name: str, head: bytes, size: int, on_notice: OnNotice
) -> PcmFile | None:
    """The file to its end, if its header promises less than is there; None if it is honest."""
    layout = read_layout(head)
    if layout is None or layout.promised is None or layout.channels < 1 or layout.rate < 1:
        return None
    end = layout.offset + layout.promised
    end += layout.promised % 2
    if end >= size or layout.promised >= UNKNOWN_LENGTH * 2:
        return None
    with open(path, "rb") as file:
        file.seek(end)
        rest = file.read(TAIL_BYTES)
    order = ">I" if layout.container == "AIFF" else "<I"
    if layout.container in ("WAV", "RF64", "BW64", "AIFF"):
        if rest[:4] in (b"RIFF", b"FORM") and layout.promised:
            on_notice(
                f"{name}: another file follows its samples ({size - end:,} bytes), which is not "
                "heard: split them"
            )
            return PcmFile(open(path, "rb"), layout, layout.offset + layout.promised)
        if honest_end(rest, order):
            return None
    elif layout.container != "AU":
        return None
    on_notice(
        f"{name}: its header promises {layout.promised:,} bytes of samples, "
        f"{size - layout.offset:,} are there: all of them are heard. The recording was not closed "
        "properly, or passed 4 GiB"
    )
    return PcmFile(open(path, "rb"), layout, size)


def _form(path: bytes) -> str:
    """The ambisonic format that the header declares, or ""."""
    with open(path, "rb") as file:
        head = file.read(1 << 16)
    layout = read_layout(head)
    return ogg_form(head) if layout is None else layout.form


def _endless(file: sf.SoundFile) -> bool:
    return bool(re.search(r": 429496\d+|: 214748\d+|should be", file.extra_info))


def _agree(path: str, config: Config, file: SoundFile) -> None:
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


def _cut_short(path: bytes, file: SoundFile) -> str:
    """Message for a file that is shorter than its header says; libsndfile reports nothing."""
    if not isinstance(file, sf.SoundFile):
        return ""
    for said, found in re.findall(r": (\d+) \(should be (\d+)\)", file.extra_info):
        if int(found) < int(said) < UNKNOWN_LENGTH:
            return f"its header promises {int(said):,} bytes, {int(found):,} are there"
    if file.format == "OGG" and not _ogg_ends(path):
        return "its last page is missing"
    return ""


def _ogg_ends(path: bytes) -> bool:
    """Whether the last Ogg page says that it is the last (RFC 3533, section 6: flag 4)."""
    with open(path, "rb") as file:
        file.seek(-min(os.stat(path).st_size, 2 * 65_307), 2)  # a page is 65,307 bytes at most
        tail = file.read()
    page = tail.rfind(b"OggS")
    return 0 <= page < len(tail) - 5 and bool(tail[page + 5] & 4)
