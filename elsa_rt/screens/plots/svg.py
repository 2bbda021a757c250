"""A standalone SVG picture in the colours of elsa-rt, dark or light as the reader's system."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

STYLE = """
svg { --back: #fbfbf9; --ink: #14181d; --faint: #59636f; --line: #dfe2e0; --accent: #c9370e; }
@media (prefers-color-scheme: dark) { svg { --back: #0d1014; --ink: #eaeef3; --faint: #97a2b0;
  --line: #29313b; --accent: #ff6f4d; } }
text { font-family: system-ui, "DejaVu Sans", sans-serif; font-size: 13px; fill: var(--faint); }
.back { fill: var(--back); } .ink { fill: var(--ink); } .accent { fill: var(--accent); }
.strong { font-weight: 600; font-size: 16px; } .bold { font-weight: 600; }
 .line { stroke: var(--line); fill: none; }
.curve { stroke: var(--ink); fill: none; stroke-width: 1.5; }
.warn { stroke: var(--accent); fill: none; stroke-width: 1.5; }
.link { stroke: var(--accent); fill: none; opacity: .35; } .area { fill: var(--ink); opacity: .75; }
.dot { fill: var(--ink); fill-opacity: .45; } .bar { fill: var(--faint); }
"""


def picture(width: float, height: float, title: str, parts: Iterable[str]) -> str:
    """The whole file."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n"
        f'<rect class="back" width="{width:g}" height="{height:g}"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    """Words whose baseline begins, has its middle or ends at a point."""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text class="{kind}" {place}>{escape(words)}</text>'


def path(data: str, kind: str) -> str:
    """A path."""
    return f'<path class="{kind}" d="{data}"/>'
