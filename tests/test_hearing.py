"""What a listener gives: compared by value, hashed, pickled, shown, and turned into strict JSON."""

from __future__ import annotations

import inspect
import json
import math
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, field, fields, make_dataclass, replace
from typing import Any

import numpy as np
import pytest

from elsa_rt import Alert, Hearing, Score, Track
from elsa_rt.hearing import Angles, HeardSound, NearMiss, Reason

NAN = float("nan")
TRACK = Track("start", "track-000001", 0.5, 90, 0, 4, 0, NAN, 0.1, 0.5, "left", Angles(80, 0))
ALERT = Alert("end", "hum-000001", "a hum", 2.5, 0.8, 90, 0, "left", rule="hum", duration_s=1.2)


def hearing() -> Hearing:
    """A hearing with all that is hard to compare: arrays, NaN, and results in results."""
    return Hearing(
        time_s=0.5,
        activity=0.93,
        azimuth_deg=90.0,
        elevation_deg=-1.0,
        distance_m=NAN,
        words="left",
        scores=(Score("a hum", 0.5, 0.25, NAN, "hum"), Score("a hiss", 0.1, 0.75)),
        alerts=(ALERT,),
        embedding=np.linspace(0, 1, 512, dtype=np.float32),
        direction=np.array([0, 1, 0], np.float32),
        flow_azimuth_deg=91.0,
        flow_elevation_deg=0.0,
        diffuseness=0.25,
        level_dbfs=-math.inf,
        dropped=0,
        tracks=(TRACK,),
    )


@pytest.mark.parametrize("make", [hearing, lambda: TRACK, lambda: ALERT, lambda: Score("a", 0, 0)])
def test_equal_values_are_equal_after_pickling_too(make: Callable[[], Any]) -> None:
    one, other = make(), pickle.loads(pickle.dumps(make()))
    assert one == other
    assert (one != other) is False
    assert {one: "found"}[other] == "found"
    assert one != "something else"


@pytest.mark.parametrize("name", [field.name for field in fields(Hearing)])
def test_every_field_of_a_hearing_counts(name: str) -> None:
    whole = hearing()
    others: dict[str, Any] = {
        "embedding": np.zeros(512, np.float32),
        "direction": np.array([1, 0, 0], np.float32),
        "scores": (Score("a hum", 0.5, 0.25, 1.0, "hum"), Score("a hiss", 0.1, 0.75)),
        "alerts": (replace(ALERT, score=0.81),),
    }
    changed: dict[str, Any] = {name: others.get(name, "another")}
    assert replace(whole, **changed) != whole


@pytest.mark.parametrize("kind", [Alert, Hearing, HeardSound, NearMiss, Reason, Track])
def test_results_are_made_as_other_frozen_dataclasses(kind: Any) -> None:
    """Their constructor is one of their own: it takes, leaves out and refuses the same."""
    again = make_dataclass(
        "Again", [(one.name, Any, field(default=one.default)) for one in fields(kind)], frozen=True
    )
    taken, wanted = inspect.signature(kind).parameters, inspect.signature(again).parameters
    assert [(one.name, one.default) for one in taken.values()] == [
        (one.name, one.default) for one in wanted.values()
    ]
    needed = [name for name, one in taken.items() if one.default is one.empty]
    made, by_name = kind(*needed), kind(**dict(zip(needed, needed, strict=True)))
    assert vars(made) == vars(again(*needed)) == vars(by_name)
    with pytest.raises(FrozenInstanceError):
        setattr(made, needed[0], "another")
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        kind(*needed[1:])
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        kind(*needed, colour="red")


def test_results_become_strict_json() -> None:
    found = json.loads(json.dumps(hearing().as_dict(), allow_nan=False))
    assert found["type"] == "hearing"
    assert found["level_dbfs"] is None
    assert found["distance_m"] is None
    assert found["scores"][0] == {
        "prompt": "a hum", "similarity": 0.5, "score": 0.25, "false_alarms_per_hour": None,
        "rule": "hum", "threshold": None,
    }  # fmt: skip
    assert found["tracks"] == [TRACK.as_dict()]
    assert found["tracks"][0]["world_azimuth_deg"] == 80.0
    alert = json.loads(json.dumps(ALERT.as_dict(), allow_nan=False))
    assert (alert["type"], alert["state"], alert["duration_s"]) == ("alert", "end", 1.2)
    assert "duration_s" not in replace(ALERT, state="start", duration_s=None).as_dict()


def test_numbers_of_numpy_become_plain_ones() -> None:
    alert = replace(ALERT, score=np.float32(0.5), time_s=np.float64(1))
    assert json.loads(json.dumps(alert.as_dict()))["score"] == 0.5


def test_what_is_shown_fits_a_line() -> None:
    assert repr(hearing()) == (
        "<Hearing 0.50 s, activity 0.93, left (+90, -1 deg), 'a hiss' 0.75, 1 alerts, 1 tracks>"
    )
    assert repr(ALERT) == "<Alert end hum-000001 'a hum', 2.50 s, score 0.80, left (+90, +0 deg)>"
    assert repr(TRACK) == "<Track start track-000001, 0.50 s, left (+90, +0 deg)>"
