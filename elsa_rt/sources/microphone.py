"""A live microphone through PortAudio."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from elsa_rt.audio.block import Block, SourceStatus
from elsa_rt.config import Config
from elsa_rt.errors import DeviceError
from elsa_rt.microphones.library import all_profiles, profiles_for_device
from elsa_rt.microphones.profile import Profile
from elsa_rt.microphones.to_foa import pick_channels
from elsa_rt.notices import OnNotice
from elsa_rt.sources.base import BLOCK_S, MIN_BLOCK_S, Source
from elsa_rt.sources.capture_clock import CaptureClock
from elsa_rt.sources.device_names import Wanted, find_device, known
from elsa_rt.sources.devices import ANY_CHANNELS, DeviceInfo, portaudio, supported
from elsa_rt.sources.ring import Ring

RING_S = 4.0
"""So long may the listener be held up before sound is lost."""

BUFFER_S = 0.04
"""Asked of the driver: it makes four periods of 10 ms of it."""

HEARTBEAT_S = 0.5
"""So often a microphone without sound is told to be."""

SKIP_OVER_S = 1.0
"""Sound that waits longer is skipped: a late alert is worth less than the next one."""

SKIP_STEP_S = 0.08
"""Whole steps of the model are skipped."""

MUTE_S = 5.0
"""After so long without a callback the microphone counts as gone."""


class MicrophoneSource(Source):
    """Captures from when it is made until `close`.

    Parameters
    ----------
    wanted : str, int, Known or None
        What names the device, see `device_names`; None is the default one.
    profile : Profile
        That of ``config``, resolved.

    Raises
    ------
    DeviceError
        The device is missing or cannot do what is asked; later, that it fell silent.
    """

    live = True

    def __init__(
        self, wanted: Wanted, config: Config, profile: Profile, on_notice: OnNotice
    ) -> None:
        device = find_device(wanted)
        self.name, self.known = device.name, known(device)
        self.rate = config.rate or _native_rate(device, profile)
        self.channels = _count(device, config.input_channels, profile.channels)
        pick_channels(profile, self.channels, f"microphone {self.name}")
        if device.remixes:
            on_notice(
                f"microphone {self.name} belongs to a sound server, which may mix the channels "
                "of an ambisonic microphone: prefer a hw: device of elsa-rt devices"
            )
        if config.microphone is None and config.format is None:
            for fitting in profiles_for_device(device.name, all_profiles(on_notice))[:1]:
                on_notice(
                    f"microphone {self.name} looks like {fitting.title}: if it is, say "
                    f"--microphone {fitting.name}"
                )
        self._say = on_notice
        self._ring = Ring(self.channels, round(self.rate * RING_S))
        self._clock = CaptureClock(self.rate)
        self._closing = False
        self._stream = self._start(device)

    def close(self) -> None:
        """Stop capturing; whoever iterates comes to the end."""
        self._closing = True
        self._ring.close()
        self._stream.close()

    def __iter__(self) -> Iterator[Block]:
        least, most = round(self.rate * MIN_BLOCK_S), round(self.rate * BLOCK_S)
        silent = 0.0
        while not self._closing and silent < MUTE_S:
            arrived = self._ring.read(least, most, HEARTBEAT_S)
            if arrived is None:
                silent += HEARTBEAT_S
                if self._ring.closed:
                    break
                yield self._heartbeat(silent)
                continue
            samples, chunks = arrived
            dropped = self._clock.step(chunks)
            start = self._clock.position - samples.shape[1]
            status = SourceStatus(silent, self._ring.waiting / self.rate)
            captured = self._clock.captured(start)
            silent = 0.0
            yield Block(samples, self.rate, start, dropped, captured, status)
            self._keep_up()
        if not self._closing:
            raise DeviceError(
                f"microphone {self.name} went silent after "
                f"{self._clock.position / self.rate:.1f} s: is it still plugged in "
                "(elsa-rt devices)?"
            )

    def _heartbeat(self, silent_s: float) -> Block:
        reason = f"no sound has come from microphone {self.name} for {silent_s:.1f} s"
        empty = np.empty((self.channels, 0), np.float32)
        status = SourceStatus(silent_s, reason=reason)
        return Block(empty, self.rate, self._clock.position, status=status)

    def _keep_up(self) -> None:
        """Skip whole steps where more than `SKIP_OVER_S` waits, so that the newest is heard."""
        behind = self._ring.waiting
        if behind <= SKIP_OVER_S * self.rate:
            return
        step = round(SKIP_STEP_S * self.rate)
        skipped = self._ring.skip((behind // step - 1) * step)
        self._say(
            f"listening was {behind / self.rate:.1f} s behind the sound: {skipped:,} samples are "
            "skipped to hear the newest (the computer, or who reads the output, is too slow)"
        )

    def _start(self, device: DeviceInfo) -> Any:
        sd = portaudio()
        try:
            stream = sd.InputStream(
                device=device.index,
                channels=self.channels,
                samplerate=self.rate,
                dtype="float32",
                blocksize=0,
                latency=BUFFER_S,
                callback=self._callback,
                finished_callback=self._ring.close,
            )
            stream.start()
        except (sd.PortAudioError, ValueError) as error:
            raise DeviceError(
                f"cannot open microphone {self.name} with {self.channels} channels at "
                f"{self.rate} Hz ({error}): {supported(device, self.channels, self.rate)}. "
                "Choose --rate and --channels from these, or close the program that uses it"
            ) from error
        return stream

    def _callback(self, frames: Any, count: int, when: Any, status: Any) -> None:
        self._ring.write(frames, time.monotonic(), bool(status.input_overflow))


def _native_rate(device: DeviceInfo, profile: Profile) -> int:
    """The device's own rate, or that of ``profile`` where the system would convert."""
    return device.rate if device.rate in profile.rates else (*profile.rates, device.rate)[0]


def _count(device: DeviceInfo, wanted: int | None, chosen: tuple[int, ...] | None) -> int:
    """Number of channels to open the device with."""
    if wanted is not None and wanted > device.channels:
        raise DeviceError(
            f"microphone {device.name} has {device.channels} input channels, "
            f"not --channels {wanted}"
        )
    if wanted is None and device.channels == ANY_CHANNELS:
        return max(chosen or (4,))
    return wanted if wanted is not None else device.channels
