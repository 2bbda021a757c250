"""Every check of ``elsa-rt doctor``, in order, each with its cure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from elsa_rt.config import Config
from elsa_rt.diagnostics.check import Check
from elsa_rt.diagnostics.computer import check_cache, check_governor, check_model, check_permissions
from elsa_rt.diagnostics.engines import check_engines
from elsa_rt.diagnostics.microphone import OnRecording, check_device, check_sound
from elsa_rt.errors import ElsaError
from elsa_rt.microphones.library import profile_of
from elsa_rt.sources.open import is_path


def examine(
    source: str | None,
    config: Config,
    listen_s: float,
    doing: Callable[[str], None],
    on_recording: OnRecording = lambda recording: None,
) -> Iterator[Check]:
    """Every check, one after the other; ``doing`` is told what is looked at.

    Parameters
    ----------
    source : a microphone, a file, or None for the default microphone
    listen_s : seconds to listen for, 0 for not at all
    """
    yield from examine_computer(config, doing)
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
        yield from check_sound(source, config, listen_s, on_recording)


def examine_computer(
    config: Config, doing: Callable[[str], None] = lambda what: None
) -> Iterator[Check]:
    """The checks that need no sound: model, engines and computer."""
    doing("the model")
    yield from check_model(config)
    doing("the engines")
    yield from check_engines(config)
    yield check_cache()
    yield check_governor()
