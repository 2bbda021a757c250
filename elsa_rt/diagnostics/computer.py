"""Checks of the model's files and of the computer's speed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from elsa_rt import cache
from elsa_rt.config import Config
from elsa_rt.diagnostics.check import Check, State
from elsa_rt.errors import ElsaError
from elsa_rt.files import cache_directory

BUSY, TOO_BUSY = 0.5, 1.0  # share of real time that a step takes
STEPS = 30
SOUND_DEVICES = Path("/dev/snd")
GOVERNORS = "devices/system/cpu/cpu*/cpufreq/scaling_governor"
SYS = Path("/sys")


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
        encoder = AudioEncoder(bundle, config)
    except ElsaError as error:
        yield Check("engine", "failure", str(error))
        return
    stream, features = encoder.streams().lanes[0], IntensityFeatures(bundle.features)
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
        f"{encoder.engine}: a step of {1000 * bundle.step_s:.0f} ms takes {1000 * slow:.1f} ms",
        "" if state == "ok" else "close other programs, or choose a faster computer",
    )


def check_cache() -> Check:
    """Whether what was computed is kept from start to start."""
    place = cache_directory()
    cache.save("trials", "doctor", {"kept": np.ones(1)})
    if cache.load("trials", "doctor") is None:
        return Check(
            "cache",
            "warning",
            f"nothing can be kept in {place}: every start takes seconds longer",
            "set ELSA_RT_CACHE to a directory that this user may write",
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
