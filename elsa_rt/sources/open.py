"""Opening of sources; every source yields the same `Block`s.

    "-"                     raw PCM on standard input      `pipe.PipeSource`
    "scene.wav", "dir/x"    a file                         `files.FileSource`
    None, "mic"             the default input device       `microphone.MicrophoneSource`
    "zylia", 3              a device, see `device_names`
    (samples, rate)         samples in memory              `array.ArraySource`
    any other `Source`      itself

`open_source` opens them. What a user should read and is no error goes to its ``on_notice``.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
import sys
from io import BufferedIOBase
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np

from elsa_rt.config import Config
from elsa_rt.errors import DeviceError, UsageError
from elsa_rt.hints import coerce
from elsa_rt.microphones.library import profile_of
from elsa_rt.microphones.to_foa import pick_channels
from elsa_rt.notices import OnNotice, log_notice
from elsa_rt.sources.base import Source

if TYPE_CHECKING:
    from elsa_rt.microphones.profile import Profile

AnySource: TypeAlias = "Source | tuple[Any, int] | str | int | PathLike[str] | None"
"""What names a source, or is one."""


def open_source(
    source: AnySource,
    config: Config,
    on_notice: OnNotice = log_notice,
    profile: Profile | None = None,
    *,
    supervised: bool = False,
) -> Source:
    """Open what ``source`` names; close it, or use it in a ``with``.

    A microphone that is ``supervised`` is opened again, by its name, whenever it is lost, and with
    ``config.wait_for_device`` waited for. Notices go to ``on_notice``; ``profile`` is that of
    ``config`` for who has resolved it.

    Raises
    ------
    UsageError
        It names nothing that exists, or the settings do not fit it.
    SourceError
        It exists and is not usable audio.
    """
    if isinstance(source, Source):
        return source
    profile = profile or profile_of(config)
    if source is None or isinstance(source, (int, np.integer)) or _is_device(source):
        from elsa_rt.sources.microphone import MicrophoneSource

        wanted = None if source is None else coerce(source, int | str, "source")
        if not supervised:
            return MicrophoneSource(wanted, config, profile, on_notice)
        return _supervised(wanted, config, on_notice)
    opened = _open_samples(source, config, on_notice)
    try:
        pick_channels(profile, opened.channels, opened.name)
    except BaseException:
        opened.close()
        raise
    return opened


def _supervised(wanted: str | int | None, config: Config, on_notice: OnNotice) -> Source:
    """A microphone that is opened by its name again; what was said of it is not said twice."""
    from elsa_rt.sources.capture_process import ProcessSource
    from elsa_rt.sources.device_names import Wanted, is_card_id
    from elsa_rt.sources.supervised import SupervisedSource

    name: list[Wanted] = [wanted]
    said: set[str] = set()

    def once(notice: str) -> None:
        if notice not in said or notice.startswith("listening was"):
            said.add(notice)
            on_notice(notice)

    def open_device() -> Source:
        opened = ProcessSource(name[0], config, once)
        if not is_card_id(wanted):
            name[0] = opened.known
        return opened

    return SupervisedSource(open_device, on_notice, wait=config.wait_for_device)


def _open_samples(source: object, config: Config, on_notice: OnNotice) -> Source:
    """What is no device: a pipe, a file, or samples in memory."""
    if isinstance(source, str) and source == "-":
        from elsa_rt.sources.pipe import PipeSource

        return PipeSource(cast(BufferedIOBase, sys.stdin.buffer), config, on_notice)
    if isinstance(source, (str, PathLike)):
        from elsa_rt.sources.files import FileSource, shown

        path = fspath(source)
        if _is_stream(path):
            from elsa_rt.sources.pipe import open_fifo

            return open_fifo(os.fsencode(path), config, on_notice, shown(path))
        return FileSource(path, config, on_notice)
    if isinstance(source, tuple) and len(source) == 2:
        from elsa_rt.sources.array import ArraySource

        return ArraySource(*source)
    what = type(source).__name__
    if isinstance(source, np.ndarray):
        raise UsageError(
            f"the source is an array of shape {source.shape} without its rate: give "
            "source=(samples, rate), samples (channels, n)"
        )
    raise UsageError(
        f"the source is a {what}, which names none: give a path, a device, (samples, rate), or "
        "an elsa_rt.Source of your own"
    )


def _is_device(source: object) -> bool:
    return isinstance(source, str) and source != "-" and not is_path(source)


def is_path(text: str) -> bool:
    """Whether ``text`` means a file, be it there or not, and no device.

    Raises
    ------
    UsageError
        It is an address on a network.
    """
    if _exists(text):
        return True
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", text) and not _is_device_name(text):
        raise UsageError(
            f"{text} is an address: elsa-rt opens no network connection; let ffmpeg fetch it: "
            f"ffmpeg -i {shlex.quote(text)} -f wav - | elsa-rt listen -"
        )
    if "/" in text or "\\" in text or _has_suffix(text):
        return not _is_device_name(text)
    return False


def _exists(text: str) -> bool:
    try:
        return os.path.exists(text) and not (os.path.isdir(text) and os.sep not in text)
    except ValueError:  # a NUL in it
        return True


def _is_device_name(text: str) -> bool:
    """Whether a device is called so, though it looks like a path."""
    from elsa_rt.sources.devices import devices

    try:
        names = [device.name.casefold() for device in devices()]
    except DeviceError:
        return False
    return any(text.casefold() in name for name in names)


def _is_stream(path: str) -> bool:
    """Whether ``path`` is a FIFO, which has no end to seek to."""
    try:
        return stat.S_ISFIFO(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def _has_suffix(text: str) -> bool:
    # "hum.wav" is a file though it may be missing; "USB 2.0" and "hw:1,0" are devices
    return re.search(r"\.[A-Za-z][A-Za-z0-9]{1,4}$", text) is not None
