"""Checks of a microphone: whether it is there, and the signal that it gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.config import Config
from elsa_rt.diagnostics.channel_faults import find_faults, levels_dbfs
from elsa_rt.diagnostics.check import Check
from elsa_rt.diagnostics.format_check import format_doubt
from elsa_rt.diagnostics.signal_health import SignalHealth
from elsa_rt.errors import ElsaError
from elsa_rt.microphones.library import all_profiles, profile_of, profiles_for_device
from elsa_rt.microphones.to_foa import pick_channels
from elsa_rt.microphones.usable import unusable
from elsa_rt.sources.base import Source
from elsa_rt.sources.declared import HEARD_SO
from elsa_rt.sources.open import open_source

if TYPE_CHECKING:
    from elsa_rt.sources.devices import DeviceInfo

QUIET_DBFS = -75.0  # a room is louder, as a rule
DRIFT_PPM = 300.0  # quartz is better than 100
CLOCK_ERROR_S = 0.001  # of what is read of the device's clock


class Recording(NamedTuple):
    """What was listened to: channels (4, n), Hz, and their numbers in the source."""

    samples: NDArray[np.float32]
    rate: int
    numbers: tuple[int, ...]


OnRecording = Callable[[Recording], None]
"""Takes the recording that the checks are made on."""


def check_device(source: str | None, config: Config) -> Iterator[Check]:
    """Whether there is such a microphone, and what it can do."""
    from elsa_rt.sources.device_names import find_device

    try:
        device = find_device(source)
    except ElsaError as error:
        yield Check("device", "failure", str(error))
        return
    yield Check("device", "ok", str(device))
    if device.remixes:
        yield Check(
            "sound server",
            "warning",
            f"{device.name} belongs to one, which may mix the channels",
            "choose a hw: device of elsa-rt devices, or JACK",
        )
    else:
        yield Check("sound server", "ok", "none in the way")
    fitting = profiles_for_device(device.name, all_profiles(lambda _: None))
    if fitting and config.microphone is None:
        yield Check(
            "profile",
            "warning",
            f"the device looks like {fitting[0].title}",
            f"--microphone {fitting[0].name}",
        )
    yield from _check_modes(device, config)


def _check_modes(device: DeviceInfo, config: Config) -> Iterator[Check]:
    """Whether it has the channels that are needed, and the rate with them."""
    from elsa_rt.sources.devices import accepts, supported

    channels = max(profile_of(config).channels or (4,))
    if device.channels < channels:
        yield Check(
            "channels",
            "failure",
            f"{device.channels}, {channels} are needed",
            "switch the interface to its four-channel mode, or choose another device",
        )
        return
    yield Check("channels", "ok", f"{device.channels}, {channels} are needed")
    count, rate = config.input_channels or channels, config.rate or device.rate
    opens = accepts(device, count, rate) or accepts(device, device.channels, rate)
    told = f"{rate} Hz with {count} channels"
    if opens:
        yield Check("rate", "ok", told)
    else:
        yield Check(
            "rate",
            "failure",
            f"cannot be opened at {told}: {supported(device, count, rate)}",
            "choose --rate and --channels from these, or close the program that uses it",
        )


def check_sound(
    source: str | None,
    config: Config,
    listen_s: float,
    on_recording: OnRecording = lambda recording: None,
) -> Iterator[Check]:
    """Checks of live sound: channel health, format plausibility, loss, clock."""
    said: list[str] = []
    of_source: list[str] = []
    try:
        with open_source(source, config, of_source.append) as opened:
            heard = _listen(opened, config, listen_s, said)
    except ElsaError as error:
        yield Check("sound", "failure", str(error))
        return
    if not opened.live:  # what a device is, was checked before
        for notice in of_source:
            yield Check("file", "ok" if notice.endswith(HEARD_SO) else "warning", notice)
    samples, rate, dropped, drift = heard
    if samples.shape[1] < rate / 10:
        yield Check("sound", "failure", "hardly any sound came", "is the microphone muted?")
        return
    profile = profile_of(config)
    numbers = profile.channels or (1, 2, 3, 4)
    on_recording(Recording(samples, rate, numbers))
    levels = levels_dbfs(samples)
    quiet = float(levels.max()) < QUIET_DBFS
    yield Check(
        "level",
        "warning" if quiet else "ok",
        ", ".join(f"{level:.0f}" for level in levels) + " dBFS",
        "turn the gain up, all four alike; is phantom power on?" if quiet else "",
    )
    capsules = profile.format == "a-format"
    faults = find_faults(samples, rate, numbers, profile.silent, capsules=capsules)
    for fault in faults:
        yield Check("signal", "failure" if fault.fatal else "warning", fault.text)
    for notice in said:
        if not faults or "NaN" in notice:
            yield Check("signal", "warning", notice)
    if not faults and not said:
        yield Check("signal", "ok", "four channels, alive and different from each other")
    spoiled = any(fault.kind != "dc" for fault in faults)
    doubt = None if quiet or spoiled else format_doubt(samples, rate, profile.format)
    if doubt:
        yield Check("format", "warning", doubt, "elsa-rt calibrate microphone finds out")
    elif spoiled:
        yield Check("format", "warning", "not judged", "mend the signal first")
    else:
        unsure = " (too quiet to tell)" if quiet else ""
        yield Check("format", "ok", f"nothing contradicts {profile.format}{unsure}")
    if opened.live:
        yield from _check_clock(dropped, drift, rate, samples.shape[1] / rate)


class _Recording(NamedTuple):
    samples: NDArray[np.float32]  # (4, n)
    rate: int
    dropped: int
    drift: float | None  # seconds a second by which the device's clock is slow


def _listen(source: Source, config: Config, listen_s: float, said: list[str]) -> _Recording:
    """Take ``listen_s`` of sound; what its health is goes to ``said``."""
    profile = profile_of(config)
    chosen = np.array(pick_channels(profile, source.channels, source.name)) - 1
    capsules = profile.format == "a-format"
    health = SignalHealth(profile.channels, profile.silent, capsules=capsules)
    pieces: list[NDArray[np.float32]] = []
    lags: dict[int, tuple[float, float]] = {}  # of each half second the last
    count = dropped = 0
    for block in source:
        said += [notice for notice in health.step(block) if not notice.startswith("lost ")]
        four = block.samples[chosen]  # a copy
        four[unusable(four)] = 0  # `SignalHealth` counts and says it
        pieces.append(four)
        count += block.samples.shape[1]
        dropped += block.dropped
        if block.captured_s is not None:
            at = block.start / block.rate
            lags[int(2 * at)] = (at, block.captured_s - at)
        if count >= listen_s * source.rate:
            break
    drift = None
    if len(lags) > 4:
        times, lag = np.array([lags[key] for key in sorted(lags)][1:]).T
        drift = float(np.polyfit(times, lag, 1)[0])
    samples = np.concatenate([np.empty((4, 0), np.float32), *pieces], axis=1)
    return _Recording(samples, source.rate, dropped, drift)


def _check_clock(dropped: int, drift: float | None, rate: int, length_s: float) -> Iterator[Check]:
    if dropped:
        yield Check(
            "loss",
            "failure" if dropped > 0.01 * rate * length_s else "warning",
            f"{dropped:,} samples were lost in {length_s:.0f} s",
            "close other programs; a powered USB hub helps some interfaces",
        )
    else:
        yield Check("loss", "ok", f"no sample was lost in {length_s:.0f} s")
    if drift is not None:
        sure = 1e6 * CLOCK_ERROR_S / length_s
        told = f"the device's clock is off by {1e6 * drift:+.0f} ppm (known to ±{sure:.0f})"
        odd = abs(1e6 * drift) > DRIFT_PPM + 2 * sure
        cure = f"is it really at {rate} Hz? give its own --rate" if odd else ""
        yield Check("clock", "warning" if odd else "ok", told, cure)
