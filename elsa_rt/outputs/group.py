"""Several outputs as one: opened together, closed together, and none can stop the listening."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from elsa_rt.hearing import Hearing
from elsa_rt.outputs.base import Output, OutputSettings, SoundOutput, Surroundings

Opener = Callable[[OutputSettings, Surroundings], Output]


def open_output(settings: OutputSettings, surroundings: Surroundings) -> Output:
    """Open one output."""
    return settings.open(surroundings)


class OutputGroup:
    """The outputs of a program; entered, they are open.

        with OutputGroup([MqttSettings(host="broker")], Surroundings(print)) as outputs:
            for hearing in listener:
                outputs.show(hearing)

    Parameters
    ----------
    settings : iterable of OutputSettings
    surroundings : Surroundings
    opener : callable
        Opens an output; by default its settings do.

    Raises
    ------
    UsageError
        On entering: an output cannot be opened for a reason that waiting would not cure.
    """

    def __init__(
        self,
        settings: Iterable[OutputSettings],
        surroundings: Surroundings,
        opener: Opener = open_output,
    ) -> None:
        self._settings, self._surroundings = tuple(settings), surroundings
        self._opener = opener
        self._outputs: list[tuple[str, Output]] = []
        self._sound: list[tuple[str, SoundOutput]] = []
        self._faulty: set[str] = set()

    def __enter__(self) -> OutputGroup:
        try:
            for number, settings in enumerate(self._settings, 1):
                output = self._opener(settings, self._surroundings)
                name = f"output {number}, {settings.type}"
                self._outputs.append((name, output))
                if isinstance(output, SoundOutput):
                    self._sound.append((name, output))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Close all at once: each may take seconds to deliver what waits."""
        threads = [
            threading.Thread(target=self._guarded, args=(name, output.close))
            for name, output in self._outputs
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._outputs.clear()
        self._sound.clear()

    @property
    def want_sound(self) -> bool:
        """Whether an output needs `hear`."""
        return bool(self._sound)

    def show(self, hearing: Hearing) -> None:
        """Give one step to all outputs; returns at once."""
        for name, output in self._outputs:
            self._guarded(name, output.show, hearing)

    def hear(self, foa: NDArray[np.float32]) -> None:
        """Give AmbiX samples (4, n) at the model's rate to the outputs that need them."""
        for name, output in self._sound:
            self._guarded(name, output.hear, foa)

    def notice(self, text: str) -> None:
        """Give a notice to all outputs."""
        for name, output in self._outputs:
            self._guarded(name, output.notice, text)

    def _guarded(self, name: str, call: Callable[..., None], *values: object) -> None:
        """A fault of one output is reported once, and neither listening nor others end by it."""
        try:
            call(*values)
        except Exception as error:
            if name not in self._faulty:
                self._faulty.add(name)
                self._surroundings.on_notice(
                    f"{name}: internal error, {type(error).__name__}: {error}: it may lack messages"
                )
