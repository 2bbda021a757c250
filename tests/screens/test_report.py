"""The report of a recording, and the pictures of explain and doctor."""

from __future__ import annotations

import re
import struct
import zlib
from base64 import b64decode
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from elsa_rt.cli import main
from elsa_rt.hearing import Alert, NearMiss, Reason
from elsa_rt.screens.plots.channels import channels_plot
from elsa_rt.screens.report.drawing import TimeAxis, degrees, polar, timeline
from elsa_rt.screens.report.raster import colours, data_url
from elsa_rt.screens.report.tables import MOST_ROWS, best
from tests.support.hearings import alert

Capture = pytest.CaptureFixture[str]


class Outline(HTMLParser):
    """Tags that are open, and the text of table cells."""

    VOID = ("meta", "img", "br", "link")

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.foreign: list[str] = []
        self._cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "td":
            self._cell = True
            self.cells.append("")
        self.foreign += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        self._cell = self._cell and tag != "td"

    def handle_data(self, data: str) -> None:
        if self._cell:
            self.cells[-1] += data


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, bundle: Path, recording: Path) -> str:
    target = tmp_path_factory.mktemp("report") / "scene.html"
    argv = ["report", str(recording), "--prompt", "a hum", "--prompt", "a hiss & <b>", "-o",
            str(target), "--bundle", str(bundle)]  # fmt: skip
    assert main(argv) == 0
    return target.read_text(encoding="utf-8")


def test_the_page_tells_alerts_where_and_when(report: str) -> None:
    page = Outline()
    page.feed(report)
    first, second = [at for at, cell in enumerate(page.cells) if cell == "a hum"][:2]
    assert page.cells[first : first + 4] == ["a hum", "1", page.cells[second + 2], "left"]
    row = page.cells[second - 1 :][:6]
    assert row[:3] == ["0:01", "a hum", next(c for c in page.cells if c.startswith("left ("))]
    assert re.fullmatch(r"left \(\+\d+°\)", row[2])
    assert float(row[3].split()[0]) == pytest.approx(2, abs=0.3)
    for part in (
        "<h2>When</h2>",
        "<h2>Where</h2>",
        "<h2>Prompts</h2>",
        "Near misses",
        "What else was heard",
    ):
        assert part in report


def test_the_page_stands_alone(report: str) -> None:
    page = Outline()
    page.feed(report)
    assert all(source.startswith("data:image/png;base64,") for source in page.foreign)
    assert len(page.foreign) == 1
    assert "<script" not in report
    assert "http" not in report
    assert "a hiss &amp; &lt;b&gt;" in report
    assert "<b>" not in report


def test_the_pictures_are_well_formed_and_say_what_happened(report: str) -> None:
    pictures = [part.split("</svg>")[0] + "</svg>" for part in report.split("<svg ")[1:]]
    timeline, azimuth, polar = (ElementTree.fromstring("<svg " + part) for part in pictures)
    bars = [one for one in timeline.iter("rect")]
    titles = [one.findtext("title") or "" for one in bars]
    assert any(title.startswith("a hum, 0:01, left") for title in titles)
    assert azimuth.get("aria-label") == "azimuth over time"
    dots = [one for one in polar.iter("circle") if one.get("fill")]
    assert len(dots) == len(bars)


def test_what_leads_is_drawn_over_what_is_less_sure() -> None:
    bell = alert("b-1", "end", "bell", prompt="a bell", duration_s=2.0)
    smoke = alert("s-1", "end", "smoke", prompt="a smoke alarm", duration_s=2.0, surer="b-1")
    axis, prompts = TimeAxis(10.0), {"bell": "a bell", "smoke": "a smoke alarm"}
    bars = timeline(axis, prompts, [(bell, bell), (smoke, smoke)], []).split("<rect ")[1:]
    assert ["fill-opacity" in bar for bar in bars] == [False, True]
    assert "<title>also a smoke alarm, 0:00, behind, left</title>" in bars[1]
    dots = polar(np.zeros(1, np.float32), np.zeros(1, np.float32), [(bell, bell), (smoke, smoke)],
                 list(prompts))  # fmt: skip
    assert dots.index("a smoke alarm") < dots.index("a bell")  # one lies on the other


def test_a_day_full_of_alerts_stays_a_page_that_can_be_read() -> None:
    def raised(number: int) -> tuple[Alert, Alert]:
        time_s = 10.0 * number
        start = Alert("start", f"a{number}", "a hum", time_s, 0.6, 90.0, 0.0, "left", rule="hum",
                      onset_s=time_s)  # fmt: skip
        score = 0.5 + number / 20_000
        return start, replace(start, state="end", duration_s=5.0, score=score)

    alerts = [raised(number) for number in range(8_640)]
    drawn = ElementTree.fromstring(timeline(TimeAxis(86_400), {"hum": "a hum"}, alerts, []))
    titles = [one.findtext("title") or "" for one in drawn.iter("rect")]
    assert 1 <= len(titles) < 800
    counts = [
        int(match[1]) if (match := re.search(r"(\d+) times", title)) else 1 for title in titles
    ]
    assert sum(counts) == len(alerts)
    ends = [one.text for one in drawn.findall(".//*[@text-anchor='end']")]
    assert ends == ["24:00:00", "a hum"]  # the last time has no room around the edge
    shown = best(alerts, lambda pair: pair[1].score, lambda pair: pair[0].rule)
    assert shown == alerts[-MOST_ROWS:]


def test_a_full_lane_shows_when_another_rule_was_surer() -> None:
    def raised(time_s: float) -> Alert:
        surer = None if time_s > 43_200 else "other"
        return alert("a", "end", "hum", prompt="a hum", onset_s=time_s, duration_s=5.0, surer=surer)

    alerts = [(one, one) for one in map(raised, np.arange(0.0, 86_400, 10.0).tolist())]
    drawn = ElementTree.fromstring(timeline(TimeAxis(86_400), {"hum": "a hum"}, alerts, []))
    bars = [
        (float(one.get("x", "")), float(one.get("width", "")), "fill-opacity" in one.attrib)
        for one in drawn.iter("rect")
    ]
    assert all(3 <= width < 12 for _, width, _ in bars)
    assert all(two - one - wide < 4 for (one, wide, _), (two, _, _) in pairwise(bars))
    assert {faint for x, _, faint in bars if x < 560} == {True}
    assert {faint for x, _, faint in bars if x > 575} == {False}


def test_a_day_full_of_near_misses_draws_each_place_once() -> None:
    reason = Reason("hum", "a hum", "score", 0.4, 0.5, "<too low>", 90.0, 0.0, "left")
    near = [NearMiss(at + 1.0, at, at, 1, reason) for at in np.arange(0.0, 86_400, 4.0).tolist()]
    other = NearMiss(3.0, 2.0, 2.0, 1, replace(reason, rule="hiss"))
    drawn = timeline(TimeAxis(86_400.0), {"hum": "a hum", "hiss": "a hiss"}, (), [*near, other])
    ticks = re.findall(r'class="near" d="M([\d.]+) ([\d.]+)v10"><title>([^<]*)<', drawn)
    hum = [float(x) for x, y, _ in ticks if y == ticks[0][1]]
    assert len(hum) + 1 == len(ticks) < 500
    assert min(np.diff(hum)) >= 1.9
    assert hum[-1] > 945
    counts = [int(title.split()[1]) for _, _, title in ticks if "times" in title]
    assert sum(counts) == len(near)
    (alone,) = [title for _, y, title in ticks if y != ticks[0][1]]
    assert alone == "near: &lt;too low&gt;"


def test_every_prompt_has_its_surest_alerts_in_the_table() -> None:
    events = [("often", 0.9 + number / 10_000) for number in range(900)]
    events += [("seldom", 0.5), ("seldom", 0.6)]
    shown = best(events, lambda event: event[1], lambda event: event[0])
    assert shown == [*events[900 - MOST_ROWS + 2 : 900], ("seldom", 0.5), ("seldom", 0.6)]


@pytest.mark.parametrize(
    ("angle", "text"), [(174.2, "+174°"), (-0.3, "0°"), (-90, "\N{MINUS SIGN}90°")]
)
def test_azimuths_in_words(angle: float, text: str) -> None:
    assert degrees(angle) == text


def test_png_files_are_what_a_decoder_expects() -> None:
    data = np.zeros((3, 2, 3), np.uint8)
    data[1, 0] = 255, 191, 255  # loud, from +90 degrees, direct: low band of column 1
    rgba = colours(data)
    assert rgba.shape == (2, 3, 4)
    assert rgba[1, 1, 3] == 255
    red, green, blue = rgba[1, 1, :3].astype(int)
    assert green < red  # violet is left
    assert green < blue
    assert rgba[0].max(axis=0)[3] == 0
    png = b64decode(data_url(rgba).split(",")[1])
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", png[16:24]) == (3, 2)
    length = struct.unpack(">I", png[33:37])[0]
    rows = np.frombuffer(zlib.decompress(png[41 : 41 + length]), np.uint8).reshape(2, 13)
    np.testing.assert_array_equal(rows[:, 1:].reshape(2, 3, 4), rgba)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["nothing.wav"], "nothing.wav"),
        (["hw:1"], "name a sound file"),
        (["RECORDING", "-o", "/no/where/x.html"], "there is no directory /no/where"),
    ],
)
def test_bad_input(
    argv: list[str], said: str, recording: Path, bundle: Path, capsys: Capture
) -> None:
    argv = [str(recording) if word == "RECORDING" else word for word in argv]
    assert main(["report", *argv, "--bundle", str(bundle)]) == 2
    assert said in capsys.readouterr().err


def test_explain_draws_prompts_among_known_sounds(
    bundle: Path, tmp_path: Path, capsys: Capture
) -> None:
    target = tmp_path / "map.svg"
    argv = ["explain", "a hum", "what hisses", "--bundle", str(bundle), "--plot", str(target)]
    assert main(argv) == 0
    drawn = ElementTree.parse(target).getroot()
    words = [one.text for one in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert {"a hum", "what hisses", "hum", "hiss"} <= set(words)
    assert main(["explain", "a hum", "--plot", "/no/where.svg"]) == 2
    assert "there is no directory /no" in capsys.readouterr().err


def test_doctor_draws_the_channels(bundle: Path, recording: Path, tmp_path: Path) -> None:
    target = tmp_path / "channels.svg"
    where = ["--bundle", str(bundle), "--plot", str(target)]
    main(["doctor", str(recording), "--listen-s", "2", *where])
    drawn = ElementTree.parse(target).getroot()
    words = [one.text or "" for one in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert [word for word in words if word.startswith("channel ")] == [
        f"channel {number}" for number in (1, 2, 3, 4)
    ]


def test_the_spectrum_of_a_tone_peaks_at_the_tone() -> None:
    time_s = np.arange(48_000) / 48_000
    tone = np.sin(2 * np.pi * 1_000 * time_s).astype(np.float32)
    samples = np.stack([tone, 0.1 * tone, 0 * tone, -tone])
    drawn = ElementTree.fromstring(channels_plot(samples, 48_000, (1, 2, 3, 4)))
    curves = [
        [tuple(map(float, point.split())) for point in (one.get("d") or "M")[1:].split("L")]
        for one in drawn.iter("{http://www.w3.org/2000/svg}path")
        if one.get("class") == "curve"
    ]
    x, _ = min(curves[0], key=lambda point: point[1])
    share = (x - 600) / 320
    assert 50 * (24_000 / 50) ** share == pytest.approx(1_000, rel=0.06)
    words = " ".join(one.text or "" for one in drawn.iter("{http://www.w3.org/2000/svg}text"))
    assert "1-4 -1.00" in words
    assert "-3 dBFS" in words
    assert "-23 dBFS" in words
