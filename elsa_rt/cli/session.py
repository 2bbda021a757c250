"""Outputs around a listener, as a rules file asks for them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from elsa_rt.cli.notices import Notices
from elsa_rt.muting import Mutes
from elsa_rt.outputs.api import ApiSettings
from elsa_rt.outputs.base import Output, OutputSettings, Surroundings
from elsa_rt.outputs.clip_shelf import ClipShelf
from elsa_rt.outputs.controls import Controls
from elsa_rt.outputs.group import OutputGroup, open_output
from elsa_rt.version import __version__

if TYPE_CHECKING:
    from elsa_rt.listener import Listener


@contextlib.contextmanager
def outputs_around(
    listener: Listener,
    outputs: Sequence[OutputSettings],
    notices: Notices,
    mutes: Mutes,
    *,
    is_live: bool,
) -> Iterator[tuple[Controls, OutputGroup]]:
    """Open ``outputs`` for what ``listener`` hears, and close them in the end.

    Each hearing goes through `Controls.filter`, and then to `OutputGroup.show`. ``mutes`` is
    shared with the screen.
    """
    controls = Controls(listener, mutes)
    group = OutputGroup(outputs, surroundings(listener, controls, outputs, notices, is_live), _open)
    with group:
        if group.want_sound:
            listener.on_foa = group.hear
        listener.clip_of = ClipShelf(outputs).place
        notices.copy_to(group.notice)
        try:
            yield controls, group
        finally:
            notices.copy_to(None)
            listener.on_foa = listener.clip_of = None


def surroundings(
    listener: Listener,
    controls: Controls,
    outputs: Sequence[OutputSettings],
    notices: Notices,
    is_live: bool,
) -> Surroundings:
    """What ``outputs`` may know of the program."""
    bundle = listener.bundle
    is_speech = None
    if any(output.type in ("clips", "api") for output in outputs):
        from elsa_rt.scoring.speech import speech_detector

        is_speech = speech_detector(bundle)
    return Surroundings(
        on_notice=notices,
        controls=controls,
        model=f"{bundle.name} {bundle.version}",
        version=__version__,
        is_live=is_live,
        rate=bundle.features.rate,
        step_samples=bundle.step_samples,
        is_speech=is_speech,
    )


def _open(settings: OutputSettings, around: Surroundings) -> Output:
    if isinstance(settings, ApiSettings):  # its server is the page's, above the room of outputs
        from elsa_rt.screens.web.api import ApiOutput

        return ApiOutput(settings, around)
    return open_output(settings, around)
