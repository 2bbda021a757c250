"""Capture in a process of its own: what hangs or crashes in a sound library ends that alone.

PortAudio aborts the process or never returns when a sound server dies under it, and lists devices
once in its life. So a supervised microphone is heard through a child: a new child sees new
devices, and one that hangs is killed.

    child -> parent   lines of JSON, each with the number of bytes of samples behind it
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from elsa_rt.audio.block import Block, SourceStatus
from elsa_rt.config import Config
from elsa_rt.errors import DeviceError, ElsaError, UsageError
from elsa_rt.notices import OnNotice
from elsa_rt.sources.base import Source
from elsa_rt.sources.device_names import Known, Wanted

OPEN_S = 30.0
"""So long the child may take to open the microphone; some drivers take seconds."""

HANG_S = 4.0
"""So long the child may be without a word, not even that no sound comes; then it is killed."""

SETTINGS = (
    "microphone", "format", "channels", "mount", "rate", "input_channels", "yaw_deg", "pitch_deg",
    "roll_deg",
)  # fmt: skip
"""Settings that opening a microphone needs."""


class ProcessSource(Source):
    """A microphone that a child process captures, from when it is made until `close`.

    Raises
    ------
    DeviceError
        The microphone is missing or cannot do what is asked; later, that it or its driver failed.
    UsageError
        The settings do not fit it.
    """

    live = True

    def __init__(self, wanted: Wanted, config: Config, on_notice: OnNotice) -> None:
        self._say = on_notice
        self._closed = False
        self._ahead = b""
        given = {name: getattr(config, name) for name in SETTINGS}
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self._child = subprocess.Popen(
            [sys.executable, "-m", "elsa_rt.sources.capture_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            start_new_session=True,  # Ctrl-C is for the parent, which ends the child in order
        )
        try:
            assert self._child.stdin is not None
            named = asdict(wanted) if isinstance(wanted, Known) else wanted
            self._child.stdin.write(json.dumps({"wanted": named, "config": given}).encode() + b"\n")
            self._child.stdin.flush()
            opened = self._next(OPEN_S, "opening the microphone")
        except BaseException:
            self.close()
            raise
        self.rate, self.channels = opened["rate"], opened["channels"]
        self.known = _known(opened["known"])
        self.name = self.known.name

    def close(self) -> None:
        """End the child; whoever iterates comes to the end."""
        self._closed = True
        if self._child.poll() is None:
            self._child.kill()
        self._child.wait()
        for stream in (self._child.stdin, self._child.stdout):
            if stream is not None and not stream.closed:
                stream.close()

    def __iter__(self) -> Iterator[Block]:
        while not self._closed:
            try:
                message = self._next(HANG_S, f"microphone {self.name}")
            except (DeviceError, ValueError):
                if self._closed:
                    return
                raise
            raw = message.pop("samples")
            samples = np.frombuffer(raw, np.float32).reshape(self.channels, -1)
            status = SourceStatus(**message.pop("status"))
            yield Block(samples, self.rate, status=status, **message)

    def _next(self, limit_s: float, doing: str) -> dict[str, Any]:
        """The next message that is no notice."""
        while True:
            head = self._read_line(limit_s, doing)
            message: dict[str, Any] = json.loads(head)
            if "notice" in message:
                self._say(message["notice"])
            elif "error" in message:
                kind = UsageError if message["usage"] else DeviceError
                raise kind(message["error"])
            else:
                count = message.pop("bytes", None)
                if count is not None:
                    message["samples"] = self._read(count, limit_s, doing)
                return message

    def _read_line(self, limit_s: float, doing: str) -> bytes:
        while b"\n" not in self._ahead:
            self._fill(limit_s, doing)
        line, _, self._ahead = self._ahead.partition(b"\n")
        return line

    def _read(self, count: int, limit_s: float, doing: str) -> bytes:
        while len(self._ahead) < count:
            self._fill(limit_s, doing)
        taken, self._ahead = self._ahead[:count], self._ahead[count:]
        return taken

    def _fill(self, limit_s: float, doing: str) -> None:
        assert self._child.stdout is not None
        descriptor = self._child.stdout.fileno()
        until = time.monotonic() + limit_s
        while not self._closed:
            ready, _, _ = select.select([descriptor], [], [], min(0.5, limit_s))
            if ready:
                arrived = os.read(descriptor, 1 << 20)
                if not arrived:
                    code = self._child.wait()
                    raise DeviceError(f"{doing}: its capture ended with code {code}")
                self._ahead += arrived
                return
            if time.monotonic() > until:
                raise DeviceError(f"{doing}: its driver or sound server hangs ({limit_s:.0f} s)")
        raise DeviceError(f"{doing}: it was closed")


def _known(given: dict[str, Any]) -> Known:
    return Known(**given | {"others": tuple(given["others"])})


def capture() -> None:
    """Run in the child: open what standard input asks for, and write what is heard."""
    line = sys.stdin.buffer.readline()
    if not line.endswith(b"\n"):
        return  # the parent has gone
    asked = json.loads(line)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print must not get among the samples

    def send(message: dict[str, Any], samples: bytes | None = None) -> None:
        if samples is not None:
            message["bytes"] = len(samples)
        out.write(json.dumps(message).encode() + b"\n" + (samples or b""))
        out.flush()

    from elsa_rt.microphones.library import profile_of
    from elsa_rt.sources.microphone import MicrophoneSource

    given = asked["config"]
    if given["channels"] is not None:
        given["channels"] = tuple(given["channels"])
    config = Config(**given)
    wanted = asked["wanted"]
    try:
        profile = profile_of(config)
        source = MicrophoneSource(
            _known(wanted) if isinstance(wanted, dict) else wanted,
            config,
            profile,
            lambda text: send({"notice": text}),
        )
        with source:
            opened = {"rate": source.rate, "channels": source.channels}
            send(opened | {"known": asdict(source.known)})
            for block in source:
                send(
                    {
                        "start": block.start,
                        "dropped": block.dropped,
                        "captured_s": block.captured_s,
                        "status": asdict(block.status or SourceStatus()),
                    },
                    np.ascontiguousarray(block.samples).tobytes(),
                )
    except ElsaError as error:
        send({"error": str(error), "usage": isinstance(error, UsageError)})
    except BrokenPipeError:
        pass
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        said = f"{type(error).__name__}: {error} ({place.filename}, line {place.lineno})"
        send({"error": f"capturing the microphone failed, {said}", "usage": False})
    os._exit(0)  # a sound library may hang while it ends


def _end_with_parent() -> None:
    """End when the parent does: its end of standard input closes then."""
    while os.read(0, 1 << 12):
        pass
    os._exit(0)


if __name__ == "__main__":
    capture()
