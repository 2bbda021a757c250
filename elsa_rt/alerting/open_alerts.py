"""Open alerts: which of those of one sound is the surest, and which join it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from elsa_rt.hearing import Alert, State, Track


@dataclass
class OpenAlert:
    """State of one open alert beside its evidence."""

    id: str
    event: str
    track: str  # id of that on which it began
    latency_s: float
    place: Track  # where it was heard last
    told: Track  # where it was when it was told of
    told_s: float
    state: State | None = None  # that of its last message
    surer: str = ""  # id of the surest other alert on its track, if that is surer
    told_surer: str = ""  # the same when it was told of
    joins: bool = False  # whether it is told within the messages of that one
    over: list[Alert] = field(default_factory=list)  # ends of those that joined this one
    told_joined: set[tuple[str, bool]] = field(default_factory=set)  # ids told with it; over or not
    other: str = ""  # id of another track that it holds on
    other_steps: int = 0  # how often it did


def compare(
    alerts: Mapping[int, OpenAlert],
    likeness: Callable[[int], tuple[float, float]],
    held: Collection[int],
) -> None:
    """Set which alert of each track is the surest, by its ``likeness`` up to now.

    A score says how rare an alert of its rule is. Of two rules on one sound it tells the right one
    little better than chance, the similarity in four of five cases.

    An alert that is not heard in this step, of a rule not in ``held``, does not become the surest:
    it may be about to end, as the one did that was.
    """
    surest: dict[str, int] = {}  # of each track
    for rule, alert in alerts.items():
        track = alert.place.id
        if track and (track not in surest or likeness(rule) > likeness(surest[track])):
            surest[track] = rule
    for rule, alert in alerts.items():
        other = surest.get(alert.place.id, rule)
        if other != rule:
            alert.surer = alerts[other].id
        elif rule in held:
            alert.surer = ""


def newly_told(alerts: Mapping[int, OpenAlert], held: Collection[int], grouped: bool) -> list[int]:
    """The rules whose alerts begin now, or are told by themselves from now on.

    Where alerts are ``grouped``, those that begin join the surest of their track.
    """
    begun = [rule for rule, alert in alerts.items() if alert.state is None]
    if not grouped:
        return begun
    for rule in begun:
        alerts[rule].joins = bool(alerts[rule].surer)
    for leads in (True, False):  # first the surest, then what is led by none that is told
        told = {alert.id for alert in alerts.values() if not alert.joins}
        for rule, alert in alerts.items():
            free = not alert.surer if leads else alert.surer not in told
            if alert.joins and free and rule in held:
                alert.joins = False
                begun.append(rule)
    return begun


def led_by(alerts: Mapping[int, OpenAlert], leader: OpenAlert) -> list[int]:
    """The rules whose open alerts have joined that of ``leader``."""
    return [rule for rule, one in alerts.items() if one.joins and one.surer == leader.id]
