"""What may be wrong with a microphone, a computer and an installation, each with its cure."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.foa import pick_channels
from elsa_rt.audio.health import SignalHealth
from elsa_rt.audio.profiles import all_profiles, profile_of, profiles_for_device
from elsa_rt.audio.source import Source
from elsa_rt.audio.sources import is_path, open_source
from elsa_rt.calibrate.diffuse import format_doubt
from elsa_rt.calibrate.faults import find_faults, levels_dbfs
from elsa_rt.config import Config
from elsa_rt.errors import ElsaError

State = Literal["ok", "warning", "failure"]

QUIET_DBFS = -75.0  # a room is louder, as a rule
DRIFT_PPM = 300.0  # quartz is better than 100
CLOCK_ERROR_S = 0.001  # of what is read of the device's clock
BUSY, TOO_BUSY = 0.5, 1.0  # share of real time that a step takes
STEPS = 30
SOUND_DEVICES = Path("/dev/snd")
GOVERNORS = "devices/system/cpu/cpu*/cpufreq/scaling_governor"
SYS = Path("/sys")


class Check(NamedTuple):
    """One thing that was looked at."""

    name: str
    state: State
    found: str
    cure: str = ""


def examine(
    source: str | None, config: Config, listen_s: float, doing: Callable[[str], None]
) -> Iterator[Check]:
    """Every check, one after the other; ``doing`` is told what is looked at.

    Parameters
    ----------
    source : a microphone, a file, or None for the default microphone
    listen_s : seconds to listen for, 0 for not at all
    """
    doing("the model")
    yield from check_model(config)
    yield check_cache()
    yield check_governor()
    live = source is None or not is_path(source)
    if live:
        yield check_permissions()
    try:
        profile = profile_of(config)
    except ElsaError as error:
        yield Check("profile", "failure", str(error))
        return
    yield Check("profile", "ok", f"{profile.title}, {profile.format}")
    if live:
        doing("the devices")
        found = list(check_device(source, config))
        yield from found
        if any(check.state == "failure" for check in found):
            return
    if listen_s:
        doing(f"the sound, for {listen_s:g} s")
        yield from check_sound(source, config, listen_s)


def check_device(source: str | None, config: Config) -> Iterator[Check]:
    """Whether there is such a microphone, and what it can do."""
    from elsa_rt.audio.devices import accepts, find_device, supported

    try:
        device = find_device(None if source == "mic" else source)
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


def check_sound(source: str | None, config: Config, listen_s: float) -> Iterator[Check]:
    """What comes in: health of the channels, plausibility of the format, loss and clock."""
    said: list[str] = []
    try:
        with open_source(source, config, lambda _: None) as opened:
            heard = _listen(opened, config, listen_s, said)
    except ElsaError as error:
        yield Check("sound", "failure", str(error))
        return
    samples, rate, dropped, drift = heard
    if samples.shape[1] < rate / 10:
        yield Check("sound", "failure", "hardly any sound came", "is the microphone muted?")
        return
    profile = profile_of(config)
    numbers = profile.channels or (1, 2, 3, 4)
    levels = levels_dbfs(samples)
    quiet = float(levels.max()) < QUIET_DBFS
    yield Check(
        "level",
        "warning" if quiet else "ok",
        ", ".join(f"{level:.0f}" for level in levels) + " dBFS",
        "turn the gain up, all four alike; is phantom power on?" if quiet else "",
    )
    faults = find_faults(samples, rate, numbers, profile.silent)
    for fault in faults:
        yield Check("signal", "failure" if fault.fatal else "warning", fault.text)
    for notice in said:
        if not faults:
            yield Check("signal", "warning", notice)
    if not faults and not said:
        yield Check("signal", "ok", "four channels, alive and different from each other")
    doubt = None if quiet else format_doubt(samples, rate, profile.format)
    if doubt:
        yield Check("format", "warning", doubt, "elsa-rt calibrate microphone finds out")
    else:
        unsure = " (too quiet to tell)" if quiet else ""
        yield Check("format", "ok", f"nothing contradicts {profile.format}{unsure}")
    if opened.live:
        yield from _check_clock(dropped, drift, rate, samples.shape[1] / rate)


def check_model(config: Config) -> Iterator[Check]:
    """Whether the bundle is whole, the engine runs it, and fast enough."""
    from elsa_rt.encoder.audio import AudioEncoder
    from elsa_rt.encoder.bundle import AUDIO_ENCODER, ModelBundle
    from elsa_rt.features.intensity import IntensityFeatures

    try:
        bundle = ModelBundle.load(config.bundle)
    except ElsaError as error:
        yield Check("model", "failure", str(error))
        return
    digest = bundle.files[AUDIO_ENCODER][:12]
    yield Check("model", "ok", f"{bundle.name} {bundle.version}, sha256 {digest}.. as it should be")
    try:
        import onnxruntime

        encoder = AudioEncoder(bundle, config)
    except ElsaError as error:
        yield Check("engine", "failure", str(error))
        return
    stream, features = encoder.stream(), IntensityFeatures(bundle.features)
    foa = np.zeros((4, bundle.step_samples), np.float32)
    spent = []
    for _ in range(STEPS):
        begun = time.perf_counter()
        stream.step(features.step(foa), foa)
        spent.append(time.perf_counter() - begun)
    slow = float(np.quantile(spent, 0.95))
    share = slow / bundle.step_s
    state: State = "ok" if share < BUSY else "warning" if share < TOO_BUSY else "failure"
    yield Check(
        "engine",
        state,
        f"{encoder.engine} (onnxruntime {onnxruntime.__version__}): a step of "
        f"{1000 * bundle.step_s:.0f} ms takes {1000 * slow:.1f} ms",
        "" if state == "ok" else "close other programs, or choose a faster computer",
    )


def check_cache() -> Check:
    """Whether compiled kernels are kept from start to start."""
    from elsa_rt.features.kernels import analyse

    place = getattr(getattr(analyse, "stats", None), "cache_path", None)
    if not place:
        return Check(
            "cache",
            "warning",
            "there is no directory for compiled code: every start takes seconds longer",
            "set NUMBA_CACHE_DIR to a directory that this user may write",
        )
    return Check("cache", "ok", str(place))


def check_permissions(directory: Path = SOUND_DEVICES) -> Check:
    """Whether this user may record from the sound cards."""
    devices = sorted(directory.glob("pcmC*D*c"))
    if not devices:
        return Check("permissions", "ok", f"no sound card in {directory}, so none that is denied")
    denied = [path.name for path in devices if not os.access(path, os.R_OK | os.W_OK)]
    if denied:
        return Check(
            "permissions",
            "failure",
            f"this user may not record from {', '.join(denied)}",
            "sudo usermod -aG audio $USER, then log in again",
        )
    return Check("permissions", "ok", f"{len(devices)} sound cards may be recorded from")


def check_governor(root: Path = SYS) -> Check:
    """Whether the processor may run at its full speed."""
    governors = set()
    for path in root.glob(GOVERNORS):
        try:
            governors.add(path.read_text(encoding="ascii").strip())
        except OSError:
            continue
    if not governors:
        return Check("processor", "ok", f"{os.cpu_count()} cores, speed not told")
    told = f"{os.cpu_count()} cores, governor {', '.join(sorted(governors))}"
    if "powersave" in governors:
        return Check(
            "processor",
            "warning",
            told,
            "if sound is lost: sudo cpupower frequency-set -g performance",
        )
    return Check("processor", "ok", told)


class _Heard(NamedTuple):
    samples: NDArray[np.float32]  # (4, n)
    rate: int
    dropped: int
    drift: float | None  # seconds a second by which the device's clock is slow


def _listen(source: Source, config: Config, listen_s: float, said: list[str]) -> _Heard:
    """Take ``listen_s`` of sound; what its health is goes to ``said``."""
    profile = profile_of(config)
    chosen = np.array(pick_channels(config, source.channels, source.name)) - 1
    health = SignalHealth(profile.channels, profile.silent)
    pieces: list[NDArray[np.float32]] = []
    lags: dict[int, tuple[float, float]] = {}  # of each half second the last
    count = dropped = 0
    for block in source:
        said += [notice for notice in health.step(block) if not notice.startswith("lost ")]
        pieces.append(block.samples[chosen])
        count += block.samples.shape[1]
        dropped += block.dropped
        if block.captured is not None:
            at = block.start / block.rate
            lags[int(2 * at)] = (at, block.captured - at)
        if count >= listen_s * source.rate:
            break
    drift = None
    if len(lags) > 4:
        times, lag = np.array([lags[key] for key in sorted(lags)][1:]).T
        drift = float(np.polyfit(times, lag, 1)[0])
    samples = np.concatenate([np.empty((4, 0), np.float32), *pieces], axis=1)
    return _Heard(samples, source.rate, dropped, drift)


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
