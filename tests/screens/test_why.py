"""What came near, as lines and as a drawing over time."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np

from elsa_rt.hearing import Alert, Hearing, NearMiss, Reason
from elsa_rt.screens.why import COLUMNS, WhyLines

EMPTY = Hearing(
    0.0, 0.0, 0.0, 0.0, 1.0, "front", (), (), np.ones(4, np.float32), np.ones(3, np.float32),
    0.0, 0.0, 0.0, -60.0, 0,
)  # fmt: skip


def alert(state: str, time_s: float) -> Alert:
    return Alert(state, "dog-1", "a dog", time_s, 0.9, 90.0, 0.0, "left", rule="dog")  # type: ignore[arg-type]


def told(hearings: list[Hearing], *rules: str) -> str:
    stream = io.StringIO()
    lines = WhyLines(stream, rules, lambda time_s: f"{time_s:.0f} s")
    for hearing in hearings:
        lines.show(hearing)
    lines.draw()
    return stream.getvalue()


def test_alerts_and_near_misses_are_rows_and_marks_over_time() -> None:
    why = Reason("bell", "a bell", "region", 0.8, 0.5, "right sound, 30° outside", -90, 0, "right")
    text = told(
        [
            replace(EMPTY, time_s=10.0, alerts=(alert("start", 10.0),)),
            replace(EMPTY, time_s=20.0, alerts=(alert("end", 20.0),)),
            replace(EMPTY, time_s=59.0, near_misses=(NearMiss(59.0, 50.0, 52.0, 4, why),)),
            replace(EMPTY, time_s=60.0),
        ],
        "dog",
        "bell",
    )
    rows = text.splitlines()
    assert rows[0].split() == ["10", "s", "ALERT", "0.90", "+90°", "left", "dog"]
    assert rows[1].split(None, 6)[2:] == [
        "near",
        "0.80",
        "-90°",
        "right",
        rows[1].split(None, 6)[6],
    ]
    assert rows[1].endswith("right sound, 30° outside")
    drawn = {row.split()[0]: row.split()[1] for row in rows[4:6]}
    assert drawn["dog"] == "·" * 10 + "█" * 11 + "·" * (COLUMNS - 21)
    assert drawn["bell"] == "·" * 50 + "rrr" + "·" * 7
    assert rows[-1].strip() == "█ alert, r region"


def test_silence_is_said() -> None:
    assert told([replace(EMPTY, time_s=5.0)], "dog") == "no rule alerted or came near\n"


def test_rules_that_joined_an_alert_are_named_and_drawn_beside_it() -> None:
    bell = replace(alert("end", 59.5), id="bell-2", rule="bell", prompt="a bell", peak=0.61)
    text = told(
        [
            replace(EMPTY, time_s=0.0, alerts=(alert("start", 0.0),)),
            replace(EMPTY, time_s=60.0, alerts=(replace(alert("end", 59.5), joined=(bell,)),)),
        ],
        "dog",
        "bell",
    )
    rows = text.splitlines()
    assert rows[0].endswith("dog   also a bell 0.61")
    assert rows[-2] == "bell  " + "▒" * COLUMNS
    assert rows[-1].strip() == "█ alert, ▒ joined the alert of another rule"
