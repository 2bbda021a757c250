"""The lines that other programs read."""

from __future__ import annotations

import io
import json
import math
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from elsa_rt.hearing import Alert, Angles, Hearing, Score, Track
from elsa_rt.outputs.jsonl import JsonLines

HEARING_FIELDS = {
    "type", "time_s", "activity", "azimuth_deg", "elevation_deg", "distance_m", "scores"
}  # fmt: skip
ALERT_FIELDS = {
    "type", "state", "id", "prompt", "time_s", "score", "azimuth_deg", "elevation_deg", "words"
}  # fmt: skip

ALERT = Alert("start", "a-dog-000001", "a dog", 1.5, 0.91, 135.04, -3.0, "behind, left")
TRACK = Track(
    "update", "track-000001", 1.5, 135.04, -3.0, 7.66, 12.3, 2.345, 0.5, 1.5, "behind, left"
)
HEARING = Hearing(
    time_s=1.5,
    activity=0.9,
    azimuth_deg=134.96,
    elevation_deg=-2.0,
    distance_m=2.345,
    words="behind, left, far",
    scores=(Score("a dog", 0.4, 0.91, 0.123456, "dog", 0.35), Score("ein Hündchen", -0.1, 0.02)),
    alerts=(ALERT,),
    embedding=np.zeros(512, np.float32),
    direction=np.array([-0.7, 0.7, 0], np.float32),
    flow_azimuth_deg=130.0,
    flow_elevation_deg=1.0,
    diffuseness=0.25,
    level_dbfs=-30.0,
    dropped=480,
    tracks=(TRACK,),
)


def lines(hearing: Hearing, **options: Any) -> list[dict[str, Any]]:
    stream = io.StringIO()
    JsonLines(stream, **options).show(hearing)
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_hearing_and_its_alert_keep_the_contract() -> None:
    hearing, alert = lines(HEARING)
    assert hearing.keys() >= HEARING_FIELDS
    assert hearing["type"] == "hearing"
    assert (hearing["time_s"], hearing["azimuth_deg"], hearing["distance_m"]) == (1.5, 135.0, 2.35)
    assert hearing["scores"] == [
        {
            "prompt": "a dog",
            "similarity": 0.4,
            "score": 0.91,
            "false_alarms_per_hour": 0.123,
            "rule": "dog",
            "threshold": 0.35,
        },
        {
            "prompt": "ein Hündchen",
            "similarity": -0.1,
            "score": 0.02,
            "false_alarms_per_hour": None,
            "rule": "",
            "threshold": None,
        },
    ]
    assert hearing["dropped"] == 480
    assert alert.keys() >= ALERT_FIELDS
    assert (alert["type"], alert["state"], alert["id"]) == ("alert", "start", "a-dog-000001")
    assert (alert["prompt"], alert["score"], alert["words"]) == ("a dog", 0.91, "behind, left")


def test_what_is_known_of_an_alert_is_told() -> None:
    more = replace(
        ALERT, rule="dog", event="event-000001", track="track-000001", uncertainty_deg=7.66,
        speed_deg_s=0.04, distance_m=2.0, peak=0.95, mean=0.9, onset_s=1.2, latency_s=0.316,
        world=Angles(-45.0, -3.0),
    )  # fmt: skip
    _, alert = lines(replace(HEARING, alerts=(more,)))
    want = {
        "rule": "dog", "event": "event-000001", "track": "track-000001", "uncertainty_deg": 7.7,
        "speed_deg_s": 0.0, "distance_m": 2.0, "peak": 0.95, "mean": 0.9, "onset_s": 1.2,
        "latency_s": 0.316, "world_azimuth_deg": -45.0,
    }  # fmt: skip
    assert {name: alert[name] for name in want} == want
    assert "duration_s" not in alert
    _, end = lines(replace(HEARING, alerts=(replace(more, state="end", duration_s=0.88),)))
    assert (end["state"], end["duration_s"]) == ("end", 0.88)


def test_a_hearing_has_its_tracks() -> None:
    hearing, _ = lines(HEARING)
    assert hearing["tracks"] == [{
        "state": "update", "id": "track-000001", "azimuth_deg": 135.0, "elevation_deg": -3.0,
        "uncertainty_deg": 7.7, "speed_deg_s": 12.3, "distance_m": 2.35, "first_s": 0.5,
        "last_s": 1.5, "words": "behind, left",
    }]  # fmt: skip


def test_a_number_that_does_not_exist_is_null() -> None:
    hearing, _ = lines(replace(HEARING, level_dbfs=-math.inf, distance_m=math.nan))
    assert hearing["level_dbfs"] is None
    assert hearing["distance_m"] is None


def test_numpy_numbers_are_numbers() -> None:
    hearing, _ = lines(replace(HEARING, activity=np.float32(0.5)))
    assert hearing["activity"] == 0.5


def test_alerts_alone() -> None:
    assert [line["type"] for line in lines(HEARING, alerts_only=True)] == ["alert"]


def test_common_fields_and_the_time_of_day_are_on_every_line() -> None:
    before = datetime.now(timezone.utc)
    for line in lines(HEARING, common={"model": "tiny 1"}, clock=True):
        assert line["model"] == "tiny 1"
        at = datetime.fromisoformat(line["at"].replace("Z", "+00:00"))
        assert abs((at - before).total_seconds()) < 60
    assert "at" not in lines(HEARING)[0]


def test_every_line_is_flushed() -> None:
    class Flushed(io.StringIO):
        flushed = 0

        def flush(self) -> None:
            self.flushed += 1

    stream = Flushed()
    JsonLines(stream).show(HEARING)
    assert stream.flushed == 2


def test_times_of_a_recording_across_a_change_of_the_clocks() -> None:
    began = datetime(2026, 3, 29, 1, 59, 58, tzinfo=ZoneInfo("Europe/Berlin"))
    stream = io.StringIO()
    JsonLines(stream, began=began).show(replace(HEARING, time_s=4.0, alerts=()))
    assert json.loads(stream.getvalue())["at"] == "2026-03-29T03:00:02.000+02:00"


def test_lines_say_what_as_dict_says() -> None:
    """Scores have a writer of their own: number for number it says the same."""
    rng = np.random.default_rng(4)
    scores = tuple(
        Score(f'"a" \\ rule\t{n}', float(one), float(other), float(rate), f"r{n}")
        for n, (one, other, rate) in enumerate(
            zip(*rng.normal(size=(2, 50)), np.logspace(-4, 4), strict=True)
        )
    )
    odd = Score("odd", -1e-9, 0.99995, math.inf, "x", math.nan)
    hearing = replace(HEARING, scores=(*scores, odd, Score("one", math.nan, 1.0)))
    for _ in range(2):  # the second time from what is kept
        assert lines(hearing, common={"at": "here"})[0] == {
            **json.loads(json.dumps(hearing.as_dict())), "at": "here"
        }  # fmt: skip
    assert lines(replace(HEARING, scores=()))[0]["scores"] == []
