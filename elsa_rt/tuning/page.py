"""The trade-off of every rule as one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from elsa_rt.tuning.drawing import curve, score_strip
from elsa_rt.tuning.gate import Floats
from elsa_rt.tuning.labels import Label
from elsa_rt.tuning.tradeoff import SLACK_S, Result, Tradeoff

STYLE = """
:root { color-scheme: light dark; --back: #fff; --ink: #1b1f24; --faint: #667; --line: #d6dae0;
  --sound: #2e9e6b; --score: #2a6fdb; --now: #c2410c; --proposed: #7a3fd1; }
@media (prefers-color-scheme: dark) { :root { --back: #14171b; --ink: #e7eaee; --faint: #99a3b0;
  --line: #343a42; --sound: #4cc38a; --score: #6ea8fe; --now: #ff9a5c; --proposed: #b794f6; } }
body { background: var(--back); color: var(--ink); font: 15px/1.5 system-ui, sans-serif;
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2.5rem; }
.faint, figcaption { color: var(--faint); } figure { margin: 1rem 0; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; }
th, td { padding: .25rem .7rem; text-align: right; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; } .now { color: var(--now); }
.proposed { color: var(--proposed); } .sound { color: var(--sound); }
svg { width: 100%; height: auto; display: block; } svg text { fill: var(--faint); font-size: 11px; }
.axis, .grid { stroke: var(--line); fill: none; } .curve { stroke: var(--score); fill: none;
  stroke-width: 2; } .bar { fill: var(--score); } .label { fill: var(--sound); opacity: .3; }
.rule-now { stroke: var(--now); stroke-dasharray: 4 3; } .dot-now { fill: var(--now); }
.rule-proposed { stroke: var(--proposed); } .dot-proposed { fill: var(--proposed); }
"""


class Tuned(NamedTuple):
    """Content of the page for one rule."""

    tradeoff: Tradeoff
    proposal: Result | None
    asked_per_hour: float
    score: Floats  # (n,)
    labels: tuple[Label, ...]  # its own


def page(recording: str, rules_file: str, time_s: Floats, rules: Sequence[Tuned]) -> str:
    """The page for ``rules`` over the steps that end at ``time_s`` (n,)."""
    length = f"{time_s[-1] / 60:.1f} min" if len(time_s) else "nothing"
    rows = "".join(_row(one) for one in rules)
    sections = "".join(_section(one, time_s) for one in rules)
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Trade-off: {escape(recording)}</title>
<style>{STYLE}</style>
<h1>Misses against false alarms</h1>
<p>{escape(recording)}, {length}, with the rules of {escape(rules_file)}. An alert belongs to a
labelled sound if it is open during it or up to {SLACK_S:g} s later; every other one that starts
is a false alarm. Rates are for the time without labelled sounds.</p>
<div class="scroll"><table>
<tr><th>rule<th>sounds<th class="now">score now<th class="now">missed<th class="now">false/h
<th class="proposed">proposed<th class="proposed">missed<th class="proposed">false/h
<th class="proposed">at most*</tr>
{rows}</table></div>
<p class="faint">* with a confidence of 95 %: a short recording says little about rare false
alarms. None in one hour still allows 3 an hour.</p>
{sections}
</html>
"""


def _row(one: Tuned) -> str:
    tradeoff, proposal = one.tradeoff, one.proposal
    cells = [escape(tradeoff.rule), str(tradeoff.sounds)]
    for result, name in ((tradeoff.now, "now"), (proposal, "proposed")):
        figures = ["-"] * 3 if result is None else _figures(tradeoff, result)
        cells += [f'<span class="{name}">{figure}</span>' for figure in figures]
    cells.append("-" if proposal is None else rate(tradeoff.at_most(proposal)))
    return f"<tr>{''.join(f'<td>{cell}' for cell in cells)}</tr>\n"


def _figures(tradeoff: Tradeoff, result: Result) -> list[str]:
    missed = f"{result.missed} of {tradeoff.sounds}" if tradeoff.sounds else "-"
    return [f"{result.threshold:g}", missed, rate(tradeoff.per_hour(result))]


def _section(one: Tuned, time_s: Floats) -> str:
    tradeoff = one.tradeoff
    name = escape(tradeoff.rule)
    if not tradeoff.sounds:
        return f"<h2>{name}</h2><p>No sound of it is labelled: there is nothing to weigh.</p>"
    starts = {"now": tradeoff.now.threshold}
    if one.proposal is not None:
        starts["proposed"] = one.proposal.threshold
    return f"""<h2>{name}</h2>
<p>{escape(sentence(one))}</p>
<figure>{curve(tradeoff, one.proposal)}
<figcaption>Each step of the line is a threshold. <span class="now">Now</span>,
<span class="proposed">proposed</span>.</figcaption></figure>
<figure>{score_strip(time_s, one.score, one.labels, starts)}
<figcaption>Its score over the recording; <span class="sound">labelled sounds</span> are
shaded.</figcaption></figure>
"""


def sentence(one: Tuned) -> str:
    """Proposal for a rule, with its reason."""
    tradeoff, proposal = one.tradeoff, one.proposal
    asked = f"{one.asked_per_hour:g} false alarms an hour"
    if not tradeoff.sounds:
        return "no sound of it is labelled: nothing is proposed"
    if proposal is None:
        return f"no threshold keeps {asked}: nothing is proposed"
    return (
        f"alert_start {proposal.threshold:g} misses {proposal.missed} of {tradeoff.sounds} with "
        f"{rate(tradeoff.per_hour(proposal))} false alarms an hour ({one.asked_per_hour:g} are "
        f"allowed; 95 % sure of {rate(tradeoff.at_most(proposal))} or fewer)"
    )


def rate(per_hour: float) -> str:
    """False alarms an hour in as many digits as say something."""
    return f"{per_hour:.0f}" if per_hour >= 100 else f"{per_hour:.3g}"
