"""What every output is and gets: the protocol, its surroundings, and what it may control."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from types import ModuleType
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from elsa_rt.errors import UsageError
from elsa_rt.hearing import Hearing
from elsa_rt.notices import OnNotice
from elsa_rt.outputs.controls import Controls


class Output(Protocol):
    """A place where hearings and alerts go.

    All three are called by the listening thread and return at once; whatever waits, waits on a
    thread of the output (`Worker`). None of them raises because of the counterpart.
    """

    def show(self, hearing: Hearing) -> None:
        """Take one step and the alerts in it."""

    def notice(self, text: str) -> None:
        """Take what the user should know though nothing failed."""

    def close(self) -> None:
        """Deliver what waits, for a few seconds at most, and let go of everything."""


@runtime_checkable
class SoundOutput(Protocol):
    """An output that needs the sound itself."""

    def hear(self, foa: NDArray[np.float32]) -> None:
        """Take the next AmbiX samples (4, n) at the model's rate, before their hearings."""


@dataclass(frozen=True)
class Surroundings:
    """What an output may know of the program that it is a part of."""

    on_notice: OnNotice  # hears of trouble, from any thread
    controls: Controls = field(default_factory=Controls)
    model: str = ""  # name and version of the model
    version: str = ""  # of elsa-rt
    is_live: bool = True  # the time of day means something
    rate: int = 32_000  # of the AmbiX samples that `SoundOutput.hear` gets, in Hz
    step_samples: int = 2_560  # of one step of the model
    is_speech: Callable[[Hearing], bool] | None = None  # None where the model knows no speech


class OutputSettings(Protocol):
    """The settings of one type of output: a frozen dataclass with fields made by `setting`."""

    type: ClassVar[str]
    about: ClassVar[str]
    needs: ClassVar[tuple[str, str] | None]  # a module beyond elsa-rt's own, and the extra with it

    def open(self, surroundings: Surroundings) -> Output:
        """Open the output; a counterpart that is away is no error, it is tried again.

        Raises
        ------
        UsageError
            A package, a secret or a local file is missing: what no waiting would cure.
        """


def is_installed(output: type[OutputSettings]) -> bool:
    """Whether the module that ``output`` needs can be imported."""
    return output.needs is None or find_spec(output.needs[0].partition(".")[0]) is not None


def need(module: str, extra: str) -> ModuleType:
    """Import ``module`` of the optional dependencies ``extra``, or raise a UsageError."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UsageError(
            f"outputs: {module} cannot be imported ({error}): pip install 'elsa-rt[{extra}]'"
        ) from None
