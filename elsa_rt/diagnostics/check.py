"""Check: the result of looking at one thing, with its cure."""

from __future__ import annotations

from typing import Literal, NamedTuple

State = Literal["ok", "warning", "failure"]


class Check(NamedTuple):
    """One thing that was looked at."""

    name: str
    state: State
    found: str
    cure: str = ""
