"""The live view, drawn into memory."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest
from rich.console import Console

from elsa_rt.hearing import Alert, Hearing, Score, Track
from elsa_rt.hearing import State as Life
from elsa_rt.screens.compass import Mark, compass
from elsa_rt.screens.picture import State, picture
from elsa_rt.screens.plain import PlainLines, clock
from elsa_rt.screens.terminal import TerminalView

PROMPTS = ("a glass breaking", "a smoke alarm", "a dog barking")


def hearing(time_s: float, azimuth_deg: float = 120.0, alerts: tuple[Alert, ...] = ()) -> Hearing:
    return Hearing(
        time_s=time_s,
        activity=0.9,
        azimuth_deg=azimuth_deg,
        elevation_deg=0.0,
        distance_m=1.5,
        words="behind, left",
        scores=tuple(Score(p, 0.3, 0.9 - 0.4 * i) for i, p in enumerate(PROMPTS)),
        alerts=alerts,
        embedding=np.zeros(512, np.float32),
        direction=np.zeros(3, np.float32),
        flow_azimuth_deg=-90.0,
        flow_elevation_deg=0.0,
        diffuseness=0.2,
        level_dbfs=-20.0,
        dropped=960,
    )


def alert(state: Life, time_s: float, **more: Any) -> Alert:
    return Alert(state, "g-1", PROMPTS[0], time_s, 0.9, 120.0, 0.0, "behind, left", **more)


def track(time_s: float, last_s: float, azimuth_deg: float, speed_deg_s: float = 0.0) -> Track:
    return Track(
        "update", "track-1", time_s, azimuth_deg, 0.0, 8.4, speed_deg_s, 1.5, 1.0, last_s, ""
    )


def drawn(state: State, width: int, height: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, record=True)
    console.print(picture(state, width, height), height=height)
    return console.export_text().splitlines()


@pytest.mark.parametrize(
    ("azimuth_deg", "elevation_deg", "row", "column"),
    [(0, 0, 0, 9.5), (90, 0, 4.5, 0), (-90, 0, 4.5, 19), (180, 0, 9, 9.5), (33, 90, 4.5, 9.5)],
)
def test_the_compass_has_front_up_and_left_on_the_left(
    azimuth_deg: float, elevation_deg: float, row: float, column: float
) -> None:
    lines = compass(10, [Mark(azimuth_deg, elevation_deg, "X", "bold")]).plain.split("\n")
    assert [len(line) for line in lines] == [20] * 10
    ((at_row, at_column),) = [(r, line.index("X")) for r, line in enumerate(lines) if "X" in line]
    assert abs(at_row - row) <= 0.5
    assert abs(at_column - column) <= 0.5


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (60, 20), (40, 12), (20, 5)])
def test_the_picture_fits_the_terminal(width: int, height: int) -> None:
    state = State("microphone", "tiny 1", PROMPTS)
    before = drawn(state, width, height)
    assert len(before) <= height
    assert "0.00" in "\n".join(before)  # the prompts are there before anything is heard
    state.take(hearing(61.0, alerts=(alert("start", 60.9),)))
    lines = drawn(state, width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width


def test_the_picture_shows_what_is_heard_and_where() -> None:
    state = State("hw:1 Zylia", "tiny 1", PROMPTS, load=0.05)
    state.take(hearing(61.0, alerts=(alert("start", 60.9),)))
    state.notice = "clipping on channel 2"
    text = "\n".join(drawn(state, 80, 24))
    for part in (
        "hw:1 Zylia", "tiny 1", "1:01.0", "behind, left", "az +120°", "az  -90°", "1.5 m", "●", "○",
        "0.90 a glass breaking", "0.10 a dog barking", "-20 dBFS", "lost 960 samples",
        "real-time factor 0.05", "clipping on channel 2", " now ",
    ):  # fmt: skip
        assert part in text


def test_an_alert_that_ended_says_how_long_it_was() -> None:
    state = State("microphone", "tiny 1", PROMPTS)
    state.take(hearing(61.0, alerts=(alert("start", 60.9),)))
    state.take(hearing(62.0, alerts=(alert("update", 62.0, uncertainty_deg=7.6),)))
    text = "\n".join(drawn(state, 80, 24))
    assert "behind, left ±8°" in text
    assert " now " in text
    state.take(hearing(63.0, alerts=(alert("end", 63.2, duration_s=2.3),)))
    text = "\n".join(drawn(state, 80, 24))
    assert "2.3 s" in text
    assert " now " not in text


def test_sounds_that_are_followed_are_on_the_compass() -> None:
    state = State("microphone", "tiny 1", PROMPTS)
    state.take(replace(hearing(5.0), tracks=(track(5.0, 4.0, 20.0), track(5.0, 5.0, 121.0, 31.0))))
    text = "\n".join(drawn(state, 80, 24))
    assert "behind, left  ±8°, turning 31°/s" in text
    assert text.count("◇") == 1  # the other one is the dot
    state.take(replace(hearing(6.0), tracks=(track(6.0, 6.0, 20.0, 5.0),)))
    text = "\n".join(drawn(state, 80, 24))
    assert "±8°" in text
    assert "turning" not in text


def test_bars_are_in_the_order_of_what_is_heard_best() -> None:
    state = State("microphone", "tiny 1", PROMPTS)
    state.take(hearing(0.1))
    text = "\n".join(drawn(state, 80, 24))
    assert text.index(PROMPTS[0]) < text.index(PROMPTS[1]) < text.index(PROMPTS[2])


def test_alerts_of_months_do_not_pile_up() -> None:
    state = State("microphone", "tiny 1", PROMPTS)
    for number in range(1_000):
        for kind in get_args(Life):
            one = Alert(kind, f"x-{number}", "x", number, 0.9, 0.0, 0.0, "front")
            state.take(hearing(number, alerts=(one,)))
    late = Alert("end", "x-0", "x", 1_000.0, 0.9, 0.0, 0.0, "front")  # its start is forgotten
    state.take(hearing(1_000.0, alerts=(late,)))
    assert list(state.alerts) == [f"x-{number}" for number in range(800, 1_000)]


def test_the_view_leaves_alerts_and_notices_on_the_terminal() -> None:
    out = io.StringIO()
    console = Console(file=out, width=80, height=24, force_terminal=True)
    with TerminalView(console, source="microphone", model="tiny 1", prompts=PROMPTS) as view:
        view.show(hearing(1.0, alerts=(alert("start", 1.0),)))
        view.notice("clipping on channel 2")
    on_screen, left = out.getvalue().split("\x1b[?1049l")  # the end of the alternate screen
    assert "waiting for sound" in on_screen
    assert "a glass breaking" in left
    assert "0:01.0  clipping on channel 2" in left
    assert "no alert" not in left


def test_without_alerts_the_view_leaves_what_came_closest() -> None:
    out = io.StringIO()
    console = Console(file=out, width=80, height=24, force_terminal=True)
    with TerminalView(console, source="microphone", model="tiny 1", prompts=PROMPTS) as view:
        view.show(hearing(1.0))
    left = out.getvalue().split("\x1b[?1049l")[1]
    assert f"no alert; the highest score was 0.90: {PROMPTS[0]}" in re.sub(
        r"\x1b\[[\d;]*m", "", left
    )


def test_the_screen_is_drawn_ten_times_a_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("elsa_rt.screens.terminal.time.monotonic", lambda: now[0])
    out = io.StringIO()
    view = TerminalView(
        Console(file=out, width=80, height=24, force_terminal=True),
        source="",
        model="",
        prompts=PROMPTS,
    )
    with view:
        written = []
        for step in range(4):
            now[0] += 0.06
            view.show(hearing(0.1 * step))
            written.append(out.tell())
    first, second, third, fourth = written
    assert first < second == third < fourth


def test_a_plain_terminal_gets_lines() -> None:
    out = io.StringIO()
    PlainLines(out).show(hearing(61.0, alerts=(alert("start", 60.9),)))
    assert out.getvalue() == "1:00.9  start   a glass breaking  (behind, left)  0.90\n"


@pytest.mark.parametrize(
    ("time_s", "text"), [(0, "0:00.0"), (59.96, "1:00.0"), (3723.4, "1:02:03.4")]
)
def test_stream_time(time_s: float, text: str) -> None:
    assert clock(time_s) == text
