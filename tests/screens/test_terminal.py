"""The live view on a terminal: pictures of all sizes, what is written, keys."""

from __future__ import annotations

import io
import os
import pty
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from rich.console import Console

from elsa_rt.errors import UsageError
from elsa_rt.hearing import Alert, Hearing, Label, NearMiss, Reason, Score, Track
from elsa_rt.hearing import State as Life
from elsa_rt.muting import Mutes
from elsa_rt.screens.plain import PlainLines, clock
from elsa_rt.screens.terminal import TerminalView
from elsa_rt.screens.terminal.compass import Mark, compass
from elsa_rt.screens.terminal.keys import Keys, split
from elsa_rt.screens.terminal.painter import Painter
from elsa_rt.screens.terminal.picture import Picture
from elsa_rt.screens.terminal.signs import ASCII, UNICODE, Signs, signs_for
from elsa_rt.screens.terminal.state import State
from elsa_rt.screens.terminal.style import Span, codes, encode, fit, plain, width_of

SNAPSHOTS = Path(__file__).with_name("snapshots")
PROMPTS = ("a glass breaking", "a smoke alarm", "a dog barking")
THRESHOLDS = (0.7, 0.8, 0.6)


def hearing(time_s: float, azimuth_deg: float = 120.0, alerts: tuple[Alert, ...] = ()) -> Hearing:
    return Hearing(
        time_s=time_s,
        activity=0.9,
        azimuth_deg=azimuth_deg,
        elevation_deg=0.0,
        distance_m=1.5,
        words="behind, left",
        scores=tuple(
            Score(p, 0.3, 0.9 - 0.4 * i, 1.0, f"rule-{i}", THRESHOLDS[i])
            for i, p in enumerate(PROMPTS)
        ),
        alerts=alerts,
        embedding=np.zeros(512, np.float32),
        direction=np.zeros(3, np.float32),
        flow_azimuth_deg=-90.0,
        flow_elevation_deg=0.0,
        diffuseness=0.2,
        level_dbfs=-20.0,
        dropped=960,
        labels=(Label("glass breaking", 0.82), Label("wood impact", 0.11), Label("rain", 0.02)),
    )


def alert(state: Life, time_s: float, **more: Any) -> Alert:
    return Alert(
        state, "g-1", PROMPTS[0], time_s, 0.9, 120.0, 0.0, "behind, left", rule="rule-0", **more
    )


def track(
    time_s: float, last_s: float, azimuth_deg: float, speed_deg_s: float = 0.0, name: str = "1"
) -> Track:
    return Track(
        "update", f"track-{name}", time_s, azimuth_deg, 0.0, 8.4, speed_deg_s, 1.5, 1.0, last_s,
        "behind, left" if azimuth_deg > 90 else "front",
    )  # fmt: skip


def drawn(state: State, width: int, height: int, signs: Signs = UNICODE, **of: Any) -> str:
    picture = Picture(state, signs)
    for name, value in of.items():
        setattr(picture, name, value)
    lines = picture.lines(width, height)
    assert len(lines) <= height
    assert all(width_of(line) == width for line in lines)
    return "\n".join(plain(line).rstrip() for line in lines)


REASON = Reason(
    "rule-1", PROMPTS[1], "region", 0.85, 0.8, "right sound, 62° outside of its region",
    120.0, 0.0, "behind, left",
)  # fmt: skip


def miss(time_s: float) -> NearMiss:
    return NearMiss(time_s + 1, time_s, time_s + 0.5, 6, REASON)


def whole_scene() -> State:
    """A glass that breaks beside a second sound, a near miss before, a moment of trail."""
    state = State("hw:1 Zylia", "elsa-rt-small 0.1.0", told_from=0.5)
    state.log._told_from = 0.5
    state.take(replace(hearing(59.0), near_misses=(miss(58.0),)))
    for step in range(4):
        now = 60.9 + 0.08 * step
        moved = track(now, now, 100.0 + 10 * step, 31.0)
        other = track(now, now - 0.5, 20.0, name="2")
        alerts = (alert("start", now, track="track-1", uncertainty_deg=8.4),) if step == 1 else ()
        heard = hearing(now, 100.0 + 10 * step, alerts)
        state.take(replace(heard, tracks=(moved, other), reasons=(REASON,)))
    state.load.load = 0.036
    state.names["track-2"] = "man speaking"
    return state


@pytest.mark.parametrize(
    ("name", "width", "height", "signs"),
    [
        ("small", 60, 16, UNICODE),
        ("usual", 80, 24, UNICODE),
        ("large", 200, 60, UNICODE),
        ("ascii", 80, 24, ASCII),
    ],
)
def test_snapshots(name: str, width: int, height: int, signs: Signs) -> None:
    text = drawn(whole_scene(), width, height, signs, keys=True) + "\n"
    assert text.isascii() == (signs is ASCII)
    path = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("ELSA_RT_SNAPSHOTS"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), "make them again: ELSA_RT_SNAPSHOTS=1 pytest"


@pytest.mark.parametrize(
    ("azimuth_deg", "elevation_deg", "row", "column"),
    [(0, 0, 0, 9), (90, 0, 5, 0), (-90, 0, 5, 18), (180, 0, 9, 9), (33, 90, 5, 9)],
)
@pytest.mark.parametrize("signs", [UNICODE, ASCII])
def test_the_compass_has_front_up_and_left_on_the_left(
    azimuth_deg: float, elevation_deg: float, row: int, column: int, signs: Signs
) -> None:
    marks = [Mark(azimuth_deg, elevation_deg, "X", "bold")]
    lines = [plain(line) for line in compass(10, marks, signs)]
    assert [len(line) for line in lines] == [19] * 10
    ((at_row, at_column),) = [(r, line.index("X")) for r, line in enumerate(lines) if "X" in line]
    assert (at_row, at_column) == (row, column)


@pytest.mark.parametrize(
    ("width", "height"), [(80, 24), (120, 40), (60, 20), (40, 12), (20, 5), (300, 9), (41, 80)]
)
def test_the_picture_fits_the_terminal(width: int, height: int) -> None:
    state = State("microphone", "tiny 1", expected=tuple((p, p) for p in PROMPTS))
    assert "0.00" in drawn(state, width, height)  # the prompts are there before anything is heard
    state.take(hearing(61.0, alerts=(alert("start", 60.9),)))
    drawn(state, width, height)
    state.notice = "a notice that is far too long for any line " * 10
    drawn(state, width, height, typed="a prompt " * 40)


def test_the_picture_shows_what_is_heard_where_and_why() -> None:
    state = whole_scene()
    state.notice = "clipping on channel 2"
    text = drawn(state, 100, 30)
    for part in (
        "hw:1 Zylia", "elsa-rt-small 0.1.0", "1:01.1", "healthy", "a glass breaking",
        "behind, left ±8°, turning 31°/s", "az +130°", "1.5 m", "●", "∙", "•",
        "sounds like glass breaking 82%, wood impact 11%", "beside it man speaking front",
        "0.90 a glass breaking", "0.10 a dog barking", "┃", "-20 dBFS", "lost 960", "load 3.6%",
        "clipping on channel 2", "now  a glass breaking", "near a smoke alarm",
        "right sound, 62° outside of its region",
    ):  # fmt: skip
        assert part in text, part


def test_the_threshold_is_marked_where_it_is() -> None:
    state = State("microphone", "tiny 1")
    state.take(hearing(1.0))
    bars = [line for line in drawn(state, 80, 24).splitlines() if "┃" in line]
    for line, threshold in zip(bars, THRESHOLDS, strict=True):
        bar = re.search("[━─┃]{8,}", line)
        assert bar is not None
        assert bar[0].index("┃") == int(threshold * len(bar[0]))


def test_an_alert_that_ended_says_how_long_it_was() -> None:
    state = State("microphone", "tiny 1")
    state.take(hearing(61.0, alerts=(alert("start", 60.9),)))
    state.take(hearing(62.0, alerts=(alert("update", 62.0, uncertainty_deg=7.6),)))
    text = drawn(state, 80, 24)
    assert "behind, left ±8°" in text
    assert "now  a glass breaking" in text
    state.take(hearing(63.0, alerts=(alert("end", 63.2, duration_s=2.3),)))
    text = drawn(state, 80, 24)
    assert "2.3 s" in text
    assert "now  " not in text


def test_without_rules_known_sounds_are_the_events() -> None:
    state = State("microphone", "tiny 1", told_from=0.5)
    state.log._told_from = 0.5
    for step in range(6):
        state.take(replace(hearing(0.1 * step), scores=()))
    text = drawn(state, 80, 24, keys=True)
    assert "No prompt: known sounds are named as they come." in text
    assert "press a and type one" in text
    assert "now  glass breaking" in text


def test_alerts_of_months_do_not_pile_up() -> None:
    state = State("microphone", "tiny 1")
    for number in range(1_000):
        for kind in get_args(Life):
            one = Alert(kind, f"x-{number}", "x", number, 0.9, 0.0, 0.0, "front")
            state.take(replace(hearing(number, alerts=(one,)), scores=()))
    late = Alert("end", "x-0", "x", 1_000.0, 0.9, 0.0, 0.0, "front")  # its start is forgotten
    state.take(replace(hearing(1_000.0, alerts=(late,)), scores=()))
    assert list(state.events) == [f"x-{number}" for number in range(800, 1_000)]


def test_only_changed_lines_are_written() -> None:
    out = io.StringIO()
    painter = Painter(out, codes("256"))
    lines = [[Span(f"line {number}")] for number in range(20)]
    painter.paint(lines, (80, 20))
    first = painter.written
    painter.paint(lines, (80, 20))
    assert painter.written == first
    lines[7] = [Span("another", "alert")]
    painter.paint(lines, (80, 20))
    written = out.getvalue()[first:]
    assert written.startswith("\x1b[8;1H")
    assert written.count("\x1b[K") == 1
    painter.paint(lines, (81, 20))  # a resized terminal is painted anew
    assert painter.written > 2 * first


def test_colours_by_what_the_terminal_can_do() -> None:
    line = [Span("now", "alert")]
    assert "38;5;209" in encode(line, codes("256"))
    assert encode(line, codes("standard")) == "\x1b[1;31mnow\x1b[0m"
    assert encode(line, codes(None)) == "\x1b[1;7mnow\x1b[0m"  # no colour, yet it stands out
    assert set(codes("truecolor")) == set(codes("standard")) == set(codes(None))


@pytest.mark.parametrize(("encoding", "signs"), [("utf-8", UNICODE), ("ascii", ASCII),
                                                 ("latin-1", ASCII), ("none", ASCII)])  # fmt: skip
def test_characters_by_what_the_terminal_can_show(encoding: str, signs: Signs) -> None:
    assert signs_for(encoding) == signs


def test_a_line_is_cut_by_columns_not_by_characters() -> None:
    assert plain(fit([Span("犬が吠える")], 7)) == "犬が吠…"
    assert width_of(fit([Span("犬が吠える")], 6)) == 6


def view_in(out: Any, **more: Any) -> TerminalView:
    console = Console(file=out, width=80, height=24, force_terminal=True)
    return TerminalView(console, source="microphone", model="tiny 1", **more)


def test_the_view_leaves_alerts_and_notices_on_the_terminal() -> None:
    out = io.StringIO()
    with view_in(out) as view:
        view.show(hearing(1.0, alerts=(alert("start", 1.0),)))
        view.notice("clipping on channel 2")
    on_screen, left = out.getvalue().split("\x1b[?1049l")  # the end of the alternate screen
    assert "waiting for sound" in on_screen or "a glass breaking" in on_screen
    assert "a glass breaking" in left
    assert "clipping on channel 2" in left
    assert "no alert" not in left


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_no_color_is_heard(no_color: str, coloured: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the variable NO_COLOR: https://no-color.org."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", no_color)
    out = io.StringIO()
    with view_in(out) as view:
        view.show(hearing(1.0, alerts=(alert("start", 1.0),)))
    assert bool(re.search(r"\x1b\[[\d;]*(?:3[0-7]|38)[;m]", out.getvalue())) is coloured
    assert "\x1b[1" in out.getvalue()  # bold is no colour


def test_without_alerts_the_view_leaves_what_came_closest() -> None:
    out = io.StringIO()
    with view_in(out) as view:
        view.show(hearing(1.0))
    left = re.sub(r"\x1b\[[\d;]*m", "", out.getvalue().split("\x1b[?1049l")[1])
    assert f"no alert; the highest score was 0.90: {PROMPTS[0]}" in left
    assert "lost 960 samples" in left


class Book:
    """What keys of the view change, noted down."""

    file = None

    def __init__(self) -> None:
        self.done: list[Any] = []
        self.mutes = Mutes()
        self.rules = ()

    def add(self, prompt: str) -> Any:
        self.done.append(("add", prompt))
        return type("Rule", (), {"label": prompt})

    def find(self, rule: str) -> str:
        return rule

    def rate_of(self, rule: str) -> float:
        return 1.0

    def change(self, rule: str, changes: Any) -> Any:
        self.done.append((rule, changes))
        return type("Rule", (), {"label": rule})

    def mute(self, rule: str, muted: bool) -> None:
        self.mutes.mute(rule, muted)

    def save(self, path: Path) -> None:
        raise UsageError(f"writing {path}: it exists")


def test_keys_add_select_mute_change_judge_save_and_quit() -> None:
    book, judged, quits = Book(), list[Any](), list[str]()
    view = view_in(
        io.StringIO(),
        book=book,
        judge=lambda *verdict: judged.append(verdict),
        on_quit=lambda: quits.append("q"),
    )
    view.press("f")
    assert view.state.notice == "there is no alert yet to judge"
    view.state.take(hearing(1.0, alerts=(alert("start", 1.0),)))
    for key in ("a", *"a catt", "backspace", "enter", "down", "down", "+", "-", "m", "f", "q"):
        view.press(key)
    assert book.mutes.rules == {"rule-1"}
    view.press("M")
    assert book.mutes.all
    assert book.done == [
        ("add", "a cat"),
        ("rule-1", {"false_alarms_per_hour": 0.562}),
        ("rule-1", {"false_alarms_per_hour": 1.78}),
    ]
    assert judged == [("g-1", "false")]
    assert quits == ["q"]
    view.press("s")
    assert view.state.notice == "writing rules.yaml: it exists"
    view.press("a")
    view.press("escape")
    assert view.picture.typed is None


def test_keys_come_apart() -> None:
    assert split("a\x1b[A\x1b[B\x7f\r\x1b") == ["a", "up", "down", "backspace", "enter", "escape"]
    assert split("\x1b[5~ü\x1bOH1") == ["ü", "1"]


def test_keys_of_a_real_terminal_arrive_and_it_is_restored() -> None:
    import termios

    leader, follower = pty.openpty()
    got: list[str] = []
    with os.fdopen(follower, "r") as stream:
        before = termios.tcgetattr(follower)
        with Keys(got.append, stream) as keys:
            assert keys.available
            os.write(leader, b"aq\x1b[A")
            deadline = time.monotonic() + 5
            while len(got) < 3 and time.monotonic() < deadline:
                time.sleep(0.01)
        assert termios.tcgetattr(follower) == before
    os.close(leader)
    assert got == ["a", "q", "up"]


def test_a_plain_terminal_gets_lines() -> None:
    out = io.StringIO()
    PlainLines(out).show(hearing(61.0, alerts=(alert("start", 60.9),)))
    assert out.getvalue() == "1:00.9  start   a glass breaking  (behind, left)  0.90\n"


def test_of_one_sound_the_surest_alert_leads() -> None:
    surest = alert("start", 60.9)
    less = replace(surest, id="bang-2", rule="bang", prompt="a bang", peak=0.61)
    beside, grouped = replace(less, surer=surest.id), replace(surest, joined=(less,))
    out = io.StringIO()
    PlainLines(out).show(hearing(61.0, alerts=(surest, beside, grouped)))
    assert [line[16:] for line in out.getvalue().splitlines()] == [
        "a glass breaking  (behind, left)  0.90",
        "also a bang  (behind, left)  0.90",
        "a glass breaking, also a bang 0.61  (behind, left)  0.90",
    ]
    state = State("microphone", "tiny 1")
    state.take(hearing(61.0, alerts=(surest, beside)))
    assert [event.what for event in state.alerts] == ["also a bang", "a glass breaking"]
    assert "a bang" not in drawn(state, 80, 24).splitlines()[2]  # what sounds now


def test_a_rule_that_joined_the_alert_of_another_one_alerts_as_well() -> None:
    less = replace(alert("start", 60.9), id="bang-2", rule="bang", prompt="a bang")
    state = State("microphone", "tiny 1")
    state.take(hearing(61.0, alerts=(replace(alert("start", 60.9), joined=(less,)),)))
    assert set(state.open) == {"rule-0", "bang"}
    over = replace(less, state="end")
    state.take(hearing(62.0, alerts=(replace(alert("end", 62.0), joined=(over,)),)))
    assert not state.open


@pytest.mark.parametrize(
    ("time_s", "text"), [(0, "0:00.0"), (59.96, "1:00.0"), (3723.4, "1:02:03.4")]
)
def test_stream_time(time_s: float, text: str) -> None:
    assert clock(time_s) == text
