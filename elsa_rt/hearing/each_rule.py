"""Messages of alerts as each rule's own, also where one joined the alert of another rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from elsa_rt.hearing.alert import Alert


class EachRule:
    """Takes the alerts that are told and gives those of every rule, each start and end once.

    For what shows the state of each rule: where alerts are grouped, a rule that joined the alert of
    another one alerts as well.
    """

    def __init__(self) -> None:
        self._open: set[str] = set()

    def __call__(self, alert: Alert) -> Iterator[Alert]:
        """``alert`` and those that joined it, as far as there is news of them."""
        for one in (alert, *alert.joined):
            known = one.id in self._open
            if one.state == "end":
                self._open.discard(one.id)
                if known or one is alert:
                    yield one
                continue
            self._open.add(one.id)
            state = "update" if known else "start" if one is not alert else one.state
            yield one if state == one.state else replace(one, state=state)
