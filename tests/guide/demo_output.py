"""What the built-in scene comes to, as the README and the quickstart print it.

    python -m tests.guide.demo_output --write

runs the demo with the bundled model and puts the starts of its alerts between their marks; a test
holds the pages to them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

from tests.guide.reference import PAGES

ROOT = PAGES.parents[1]
FILES = (ROOT / "README.md", PAGES / "quickstart.md")
BEGIN, END = "<!-- demo: python -m tests.guide.demo_output --write -->\n", "<!-- /demo -->\n"

COMMAND = r"""$ elsa-rt listen --demo --alert-group --alerts-only | jq -r '
    select(.state == "start") | ([.joined[]? | ", also \(.prompt) \(.score)"] | add // "") as $on |
    "\(.time_s) s  \(.prompt), \(.words) (\(.azimuth_deg | round)°), score \(.score)\($on)"'
"""


def starts() -> list[str]:
    """The lines that `COMMAND` prints."""
    command = [sys.executable, "-m", "elsa_rt", "listen", "--demo", "--alert-group",
               "--alerts-only"]  # fmt: skip
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    alerts = [one for one in map(json.loads, said.splitlines()) if one["state"] == "start"]
    return [
        f"{one['time_s']:g} s  {one['prompt']}, {one['words']} ({round(one['azimuth_deg'])}°), "
        f"score {one['score']:g}"
        + "".join(f", also {each['prompt']} {each['score']:g}" for each in one.get("joined", []))
        for one in alerts
    ]


def shown(page: str) -> list[str]:
    """The lines that a page prints."""
    block = page.split(BEGIN, 1)[1].split(END, 1)[0]
    return block.removeprefix("```\n" + COMMAND).removesuffix("```\n").splitlines()


def with_output(page: str, lines: list[str]) -> str:
    """``page`` with ``lines`` between the marks."""
    before, rest = page.split(BEGIN, 1)
    block = "```\n" + COMMAND + "\n".join(lines) + "\n```\n"
    return before + BEGIN + block + END + rest.split(END, 1)[1]


def write() -> None:
    """Put the output into every page."""
    lines = starts()
    for file in FILES:
        page = file.read_text(encoding="utf-8")
        file.write_text(with_output(page, lines), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", required=True)
    parser.parse_args()
    write()
    sys.exit(0)
