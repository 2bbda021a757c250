"""Memory of ``elsa-rt listen --remember DIR``."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from elsa_rt.hearing import Hearing
from elsa_rt.notices import OnNotice

if TYPE_CHECKING:
    from elsa_rt.listener import Listener
    from elsa_rt.sources.base import Source


@contextlib.contextmanager
def remembering(
    listener: Listener, source: Source, on_notice: OnNotice
) -> Iterator[Callable[[Hearing], None]]:
    """Keep what ``listener`` hears, if its settings name a store; gives what takes hearings."""
    config = listener.config
    if config.remember is None:
        yield lambda hearing: None
        return
    from elsa_rt.memory.forgetting import Retention
    from elsa_rt.memory.labels import namer_of
    from elsa_rt.memory.recorder import Recorder

    recorder = Recorder(
        config.remember,
        listener.bundle,
        source.name if source.live else Path(source.name).name,
        live=source.live,
        retention=Retention(config.remember_days, config.remember_max_mb),
        on_notice=on_notice,
        namer=namer_of(listener.bundle),
    )
    with contextlib.closing(recorder):
        yield recorder.show
