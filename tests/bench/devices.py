"""Table of devices in the guide's page *speed*, made of lines of ``elsa-rt bench --json`` alone.

    elsa-rt bench --json tests/bench/devices.jsonl
    python -m tests.bench.devices [--write]

The newest line of each device, engine, precision and number of streams makes a row. ``--write``
puts the table between its marks on that page.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from elsa_rt.cli.bench_run import WHOLE

ROOT = Path(__file__).parents[2]
LINES = Path(__file__).with_name("devices.jsonl")
PAGE = ROOT / "elsa_rt" / "guide" / "speed.md"
BEGIN, END = "<!-- devices: python -m tests.bench.devices --write -->\n", "<!-- /devices -->\n"


def newest(lines: Iterable[str]) -> list[dict[str, Any]]:
    """What each line says, without those that a later one of the same kind replaces."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for text in lines:
        line = json.loads(text)
        key = tuple(line[name] for name in ("device", "cores", "engine", "precision", "streams"))
        found.pop(key, None)
        found[key] = line
    return list(found.values())


def table(lines: list[dict[str, Any]]) -> Iterator[str]:
    """Markdown lines."""
    if not lines:
        yield "No device was measured yet: `make bench-device` does it."
        return
    yield (
        "| device | engine | model | ms a step p50 / p95 / p99 | times real time "
        "| onset to alert | verdict |"
    )
    yield "|---|---|---|--:|--:|--:|---|"
    for line in lines:
        whole, delays = line["stages_ms"][WHOLE], sorted(line["onset_to_alert_s"])
        delay = f"{1000 * delays[len(delays) // 2]:.0f} ms" if delays else "none"
        streams = f", {line['streams']} streams" if line["streams"] > 1 else ""
        mode = f", {line['power_mode']}" if line["power_mode"] else ""
        package = "onnxruntime" if line["engine"] == "onnx" else line["engine"]
        version = line["elsa_rt"] if package == "compiled" else line["versions"].get(package, "")
        yield (
            f"| {line['device']}, {line['cores']} cores{mode} "
            f"| {line['engine']} {version} {line['precision']}{streams} "
            f"| {line['bundle']} {line['model'][:8]} "
            f"| {whole['p50']:.2f} / {whole['p95']:.2f} / {whole['p99']:.2f} "
            f"| {line['real_time']:.0f} | {delay} "
            f"| {'WITHIN' if line['within'] else 'EXCEEDS'} |"
        )


def in_page(page: str, rows: Iterable[str]) -> str:
    """``page`` with ``rows`` between its marks."""
    before, _, rest = page.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise SystemExit(f"error: {PAGE} lacks {BEGIN.strip()} ... {END.strip()}")
    return before + BEGIN + "".join(f"{row}\n" for row in rows) + END + after


def main() -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.devices", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("lines", nargs="?", type=Path, default=LINES, help="(default: %(default)s)")
    parser.add_argument("--write", action="store_true", help="put it into the guide")
    options = parser.parse_args()
    rows = list(table(newest(options.lines.read_text("utf-8").splitlines())))
    print(*rows, sep="\n")
    if options.write:
        PAGE.write_text(in_page(PAGE.read_text("utf-8"), rows), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
