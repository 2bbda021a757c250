"""The report as one HTML page that needs nothing else: no script, no font, no network."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from elsa_rt.encoder.output import SOUNDING
from elsa_rt.rules.rule import Rule
from elsa_rt.screens.report.collect import Collected
from elsa_rt.screens.report.drawing import (
    LEFT,
    RIGHT,
    WIDTH,
    TimeAxis,
    azimuths,
    clock,
    polar,
    timeline,
)
from elsa_rt.screens.report.raster import spectrogram
from elsa_rt.screens.report.tables import alerts_table, heard_table, near_table, prompts_table
from elsa_rt.wording import counted

STYLE = """
:root { color-scheme: light dark; --back: #fbfbf9; --ink: #14181d; --faint: #59636f;
  --line: #dfe2e0; --rest: #9aa4ae; --surface: #fff; }
@media (prefers-color-scheme: dark) { :root { --back: #0d1014; --ink: #eaeef3; --faint: #97a2b0;
  --line: #29313b; --rest: #5d6875; --surface: #14181e; } }
* { box-sizing: border-box; }
body { background: var(--back); color: var(--ink); margin: 0 auto; padding: 2.5rem 1.2rem;
  max-width: 64rem; font: 15px/1.5 system-ui, "DejaVu Sans", sans-serif;
  font-variant-numeric: tabular-nums; }
h1 { font-size: 1.7rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 2.6rem 0 .6rem; }
.faint { color: var(--faint); } p { margin: .3rem 0; }
.figures { display: flex; flex-wrap: wrap; gap: .6rem 2.6rem; margin-top: 1.2rem; }
.figures strong { display: block; font-size: 2rem; line-height: 1.1; font-weight: 600; }
.scroll { overflow-x: auto; } .wide { min-width: 42rem; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: .35rem .8rem .35rem 0; text-align: left; border-bottom: 1px solid var(--line);
  vertical-align: top; } th { font-weight: 600; color: var(--faint); font-size: .85rem; }
td.number, th.number { text-align: right; white-space: nowrap; }
.number + :not(.number) { padding-left: .8rem; }
td:nth-child(2) { min-width: 9em; } td:last-child:not(.number) { min-width: 13em; }
.dot { display: inline-block; width: .7em; height: .7em; border-radius: 50%; margin-right: .5em; }
svg { width: 100%; height: auto; display: block; overflow: visible; }
svg text { fill: var(--faint); font-size: 12px; } .grid { stroke: var(--line); fill: none; }
.ring { stroke: var(--line); fill: none; } .wedge { fill: var(--rest); }
.near { stroke: var(--rest); stroke-width: 2; }
.dots { stroke-width: 4; stroke-linecap: round; fill: none; }
path.dots:not([stroke]) { stroke: var(--rest); opacity: .5; }
.polar { max-width: 22rem; margin: 0 auto; }
.spectrum { background: #fff; border-radius: .3rem; display: block; height: 150px;
  image-rendering: auto; }
@media (prefers-color-scheme: dark) { .spectrum { filter: invert(1) hue-rotate(180deg); } }
footer { margin-top: 3rem; color: var(--faint); font-size: .85rem; }
@media print { .spectrum { filter: none; } .wide { min-width: 0; } .polar { max-width: 11rem; }
  .dot { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  body { padding: 0; max-width: none; font-size: 10pt; } footer { margin-top: 1rem; }
  h2 { break-after: avoid; margin-top: 1.4rem; }
  tr, svg, .spectrum { break-inside: avoid; } }
"""


class About(NamedTuple):
    """What the report is of."""

    recording: str
    length_s: float
    model: str
    version: str
    told_error: float  # share of wrong names among the sounds that are named; NaN if unknown


def page(found: Collected, rules: Sequence[Rule], about: About) -> str:
    """The whole page."""
    prompts = {rule.id: rule.label for rule in rules}
    ids = list(prompts)
    alerts = sorted(found.alerts.values(), key=lambda pair: pair[0].time_s)
    axis = TimeAxis(about.length_s)
    time_s, azimuth_deg, activity = found.steps()
    sounding = float((activity >= SOUNDING).mean()) if len(activity) else 0.0
    left, width = 100 * LEFT / WIDTH, 100 * (WIDTH - LEFT - RIGHT) / WIDTH
    place = f"margin-left:{left:.2f}%;width:{width:.2f}%"
    picture = (
        f'<img class="spectrum" style="{place}" src="{spectrogram(found.picture)}" '
        'alt="spectrogram, coloured by direction">'
    )
    joined = [(one, one) for _, last in alerts for one in last.joined]
    bars = sorted([*alerts, *joined], key=lambda pair: pair[0].onset_s)
    lanes = timeline(axis, prompts, bars, found.near) if prompts else ""
    overview = f"<h2>Prompts</h2>\n{prompts_table(prompts, bars, found.near)}" if prompts else ""
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{escape(about.recording)}: what was heard</title>
<style>{STYLE}</style>
<h1>{escape(about.recording)}</h1>
<p class="faint">{clock(about.length_s)} of sound, {escape(about.model)}</p>
<div class="figures">
{_figure(len(alerts), "alert")}
{_figure(len(found.near), "near miss", "es")}
{_figure(len(found.heard), "known sound")}
<p><strong>{100 * sounding:.0f} %</strong>of the time something sounded</p>
</div>
<h2>When</h2>
<div class="scroll"><div class="wide">
{lanes}
{picture}
</div></div>
<p class="faint">Bars are alerts, faint where another rule was surer of the sound, ticks near
misses. In the spectrogram blue is in front, violet left, amber behind, green right, and grey from
all around.</p>
<h2>Where</h2>
<div class="scroll"><div class="wide">
{azimuths(axis, time_s, azimuth_deg, activity, ids, alerts)}
</div></div>
<div class="polar">{polar(azimuth_deg, activity, alerts, ids)}</div>
<p class="faint">The area of a wedge is the time in which sound came from there.</p>
{overview}
<h2>What else was heard</h2>
{heard_table(found, about.told_error)}
<h2>Alerts</h2>
{alerts_table(alerts, ids)}
<h2>Near misses</h2>
{near_table(found, ids)}
<footer>elsa-rt {escape(about.version)}. Scores are calibrated, 0 to 1; azimuth is left
positive.</footer>
</html>
"""


def _figure(count: int, what: str, plural: str = "s") -> str:
    number, words = counted(count, what, plural).split(" ", 1)
    return f"<p><strong>{number}</strong>{words}</p>"
