"""Raw PCM on standard input, as ``arecord -t raw`` or ``ffmpeg -f s16le -`` write it."""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedIOBase

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.block import Block
from elsa_rt.config import Config
from elsa_rt.errors import UsageError
from elsa_rt.notices import OnNotice
from elsa_rt.sources.base import BLOCK_S, MIN_BLOCK_S, Source

SAMPLE_BYTES = {"s16": 2, "s24": 3, "s32": 4, "f32": 4}


def decode_pcm(raw: bytes, sample_format: str) -> NDArray[np.float32]:
    """Little-endian PCM as float32 (n,) of full scale -1..1."""
    if sample_format == "f32":
        return np.frombuffer(raw, "<f4").astype(np.float32)
    if sample_format == "s16":
        return np.divide(np.frombuffer(raw, "<i2"), 2**15, dtype=np.float32)
    if sample_format == "s24":
        wide = np.zeros((len(raw) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(raw, np.uint8).reshape(-1, 3)  # the lowest byte stays 0
        raw = wide.tobytes()
    return np.divide(np.frombuffer(raw, "<i4"), 2**31, dtype=np.float32, casting="unsafe")


class PipeSource(Source):
    """Interleaved samples from a stream of bytes; what has arrived is passed on at once."""

    live = True

    def __init__(self, stream: BufferedIOBase, config: Config, on_notice: OnNotice) -> None:
        self.name = "standard input"
        self.rate, self.channels = _declared(config)
        self._say = on_notice
        self._format = config.sample_format
        if stream.isatty():
            raise UsageError(
                "standard input is a terminal: pipe raw samples into it, e.g. "
                "arecord -t raw -f S16_LE -r 48000 -c 4 | "
                "elsa-rt listen - --rate 48000 --channels 4 --sample-format s16"
            )
        self._stream = stream

    def __iter__(self) -> Iterator[Block]:
        frame = SAMPLE_BYTES[self._format] * self.channels
        least = frame * max(1, round(self.rate * MIN_BLOCK_S))
        most = frame * max(1, round(self.rate * BLOCK_S))
        start = 0
        waiting = b""
        while True:
            arrived = self._stream.read1(most - len(waiting))
            waiting += arrived
            if arrived and len(waiting) < least:
                continue
            whole = len(waiting) // frame * frame
            if whole:
                samples = decode_pcm(waiting[:whole], self._format).reshape(-1, self.channels)
                yield Block(np.ascontiguousarray(samples.T), self.rate, start)
                start += len(samples)
                waiting = waiting[whole:]
            if not arrived:
                break
        if waiting:
            self._say(
                f"standard input ended in the middle of a frame: {len(waiting)} of {frame} bytes "
                "left over; are --channels and --sample-format right?"
            )
        elif start == 0:
            self._say("standard input held no samples: does the program before the pipe run?")


def _declared(config: Config) -> tuple[int, int]:
    if config.rate is None or config.input_channels is None:
        raise UsageError(
            "raw samples on standard input carry no header: say what they are, e.g. "
            "--rate 48000 --channels 4 --sample-format s16"
        )
    return config.rate, config.input_channels
