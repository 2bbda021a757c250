"""Results of a listener: `Hearing` for every step, with its scores, tracks and alerts.

All of them compare by value (NaN equals NaN), hash, pickle, and turn into the objects of the JSON
contract by ``as_dict()`` (`elsa_rt.outputs.jsonl`).

by_value, json_values    what they have in common
score, track, alert      `Score` and `Label`; `Track`; `Alert`
each_rule                `EachRule`: alerts as each rule's own, where they are grouped
reason                   `Reason`, `NearMiss`: why a rule did not alert; `RuleStatistics`
hearing                  `Hearing`, and `HeardSound` for each sound of its step
"""

from elsa_rt.hearing.alert import Alert
from elsa_rt.hearing.each_rule import EachRule
from elsa_rt.hearing.hearing import HeardSound, Hearing
from elsa_rt.hearing.reason import Cause, NearMiss, Reason, RuleStatistics
from elsa_rt.hearing.score import Label, Score
from elsa_rt.hearing.track import Angles, State, Track

__all__ = [
    "Alert",
    "Angles",
    "Cause",
    "EachRule",
    "HeardSound",
    "Hearing",
    "Label",
    "NearMiss",
    "Reason",
    "RuleStatistics",
    "Score",
    "State",
    "Track",
]
