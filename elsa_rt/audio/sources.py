"""Where sound comes from: every source yields the same `Block`s.

    "-"                     raw PCM on standard input      `pipe.PipeSource`
    "scene.wav", "dir/x"    a file                         `files.FileSource`
    None, "mic"             the default input device       `microphone.MicrophoneSource`
    "zylia", 3              a device by name part or index
    ArraySource(...)        samples in memory

`open_source` opens them. What a user should read and is no error goes to its ``on_notice``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.block import Block
from elsa_rt.audio.source import BLOCK_S, Closing, Source
from elsa_rt.config import Config
from elsa_rt.errors import SourceError, UsageError
from elsa_rt.notices import OnNotice, log_notice


class ArraySource(Closing):
    """Samples in memory, full scale -1..1.

    Parameters
    ----------
    samples : float (channels, n)
    rate : int, Hz
    block : int, samples, optional
        Length of the blocks; a tenth of a second unless told.
    """

    live = False

    def __init__(
        self, samples: NDArray[Any], rate: int, block: int | None = None, name: str = "array"
    ) -> None:
        samples = np.asarray(samples)
        if samples.dtype.kind != "f":
            raise SourceError(
                f"{name} holds {samples.dtype}: floats of full scale -1..1 are needed, "
                "e.g. samples / 32768 for int16"
            )
        if samples.ndim != 2 or samples.shape[1] < samples.shape[0]:
            raise SourceError(
                f"{name} has shape {samples.shape}: (channels, n) is needed, perhaps samples.T"
            )
        if rate < 1 or (block is not None and block < 1):
            raise UsageError(f"{name}: rate {rate} and block {block} must be positive")
        self.name = name
        self.rate = rate
        self.channels = samples.shape[0]
        self._samples = samples.astype(np.float32)
        self._block = block or max(1, round(rate * BLOCK_S))

    def __iter__(self) -> Iterator[Block]:
        for start in range(0, self._samples.shape[1], self._block):
            yield Block(self._samples[:, start : start + self._block].copy(), self.rate, start)


def open_source(
    source: Source | str | int | Path | None, config: Config, on_notice: OnNotice = log_notice
) -> Source:
    """Open what ``source`` names; close it, or use it in a ``with``.

    Notices go to ``on_notice``.

    Raises
    ------
    UsageError
        It names nothing that exists, or the settings do not fit it.
    SourceError
        It exists and is not usable audio.
    """
    if source == "-":
        from elsa_rt.audio.pipe import PipeSource

        return PipeSource(cast(BufferedIOBase, sys.stdin.buffer), config, on_notice)
    if isinstance(source, Path) or (isinstance(source, str) and is_path(source)):
        from elsa_rt.audio.files import FileSource

        return FileSource(source, config, on_notice)
    if source is None or isinstance(source, (str, int)):
        from elsa_rt.audio.microphone import MicrophoneSource

        return MicrophoneSource(None if source == "mic" else source, config, on_notice)
    return source


def is_path(text: str) -> bool:
    """Whether ``text`` means a file, be it there or not, and no device."""
    return "/" in text or "\\" in text or Path(text).is_file() or _has_suffix(text)


def _has_suffix(text: str) -> bool:
    # "hum.wav" is a file though it may be missing; "USB 2.0" and "hw:1,0" are devices
    return re.search(r"\.[A-Za-z][A-Za-z0-9]{1,4}$", text) is not None
