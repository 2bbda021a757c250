"""Opening of sources; every source yields the same `Block`s.

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
from io import BufferedIOBase
from pathlib import Path
from typing import cast

from elsa_rt.config import Config
from elsa_rt.notices import OnNotice, log_notice
from elsa_rt.sources.base import Source


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
        from elsa_rt.sources.pipe import PipeSource

        return PipeSource(cast(BufferedIOBase, sys.stdin.buffer), config, on_notice)
    if isinstance(source, Path) or (isinstance(source, str) and is_path(source)):
        from elsa_rt.sources.files import FileSource

        return FileSource(source, config, on_notice)
    if source is None or isinstance(source, (str, int)):
        from elsa_rt.sources.microphone import MicrophoneSource

        return MicrophoneSource(None if source == "mic" else source, config, on_notice)
    return source


def is_path(text: str) -> bool:
    """Whether ``text`` means a file, be it there or not, and no device."""
    return "/" in text or "\\" in text or Path(text).is_file() or _has_suffix(text)


def _has_suffix(text: str) -> bool:
    # "hum.wav" is a file though it may be missing; "USB 2.0" and "hw:1,0" are devices
    return re.search(r"\.[A-Za-z][A-Za-z0-9]{1,4}$", text) is not None
