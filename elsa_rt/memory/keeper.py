"""What a listener keeps of its streams, if its settings name a store."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from elsa_rt.config import Config
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.hearing import Hearing
from elsa_rt.notices import OnNotice
from elsa_rt.sources.base import Source

if TYPE_CHECKING:
    from elsa_rt.memory.recorder import ClipOf, Recorder

PUSHED = "pushed"
"""Name of the source of blocks that are pushed."""


class Keeper:
    """Keeps hearings in the store of `Config.remember`, a run of rows for each stream.

    Without a store it does nothing. Any thread may call it.

    Parameters
    ----------
    config : Config
    bundle : ModelBundle
    on_notice : callable
    began_s : float, optional
        Unix time at which a recording began.

    Attributes
    ----------
    source : Source or None
        What is heard; None where blocks are pushed.
    name : str or None
        What rows call their source; by default its own name.
    clip_of : callable or None
        Tells where the clip of an alert is kept, see `elsa_rt.memory.recorder.Recorder`.

    Raises
    ------
    UsageError
        The store is no directory.
    """

    def __init__(
        self, config: Config, bundle: ModelBundle, on_notice: OnNotice, began_s: float | None
    ) -> None:
        self._config, self._bundle, self._say = config, bundle, on_notice
        self._began_s = began_s
        self._recorder: Recorder | None = None
        self._lock = threading.Lock()
        self.source: Source | None = None
        self._told: object = None
        self.name: str | None = None
        self.clip_of: ClipOf | None = None
        if config.remember is not None:
            from elsa_rt.memory.store import check_directory

            check_directory(config.remember)

    def told(self, source: object) -> None:
        """The blocks that are pushed may be those of ``source``."""
        if source is not self._told:  # looking at a protocol takes longer than many a stage
            self._told = source
            self.source = source if isinstance(source, Source) else None

    def keep(self, hearings: list[Hearing]) -> list[Hearing]:
        """Take the next ``hearings`` of a stream; returns them."""
        if self._config.remember is not None and hearings:
            with self._lock:
                self._recorder = self._recorder or self._open(self._config.remember)
                for hearing in hearings:
                    self._recorder.show(hearing)
        return hearings

    def end(self) -> None:
        """The stream is over: write what is left, for a few seconds at most."""
        with self._lock:
            recorder, self._recorder = self._recorder, None
            if recorder is not None:
                recorder.close()

    def _open(self, store: str) -> Recorder:
        from elsa_rt.memory.forgetting import Retention
        from elsa_rt.memory.labels import namer_of
        from elsa_rt.memory.recorder import Recorder

        source = self.source
        live = self._began_s is None if source is None else source.live
        name = self.name or (PUSHED if source is None else source.name)
        return Recorder(
            store,
            self._bundle,
            name if live else Path(name).name,
            live=live,
            retention=Retention(self._config.remember_days, self._config.remember_max_mb),
            on_notice=self._say,
            namer=namer_of(self._bundle),
            began_s=self._began_s,
            clip_of=self.clip_of,
        )
