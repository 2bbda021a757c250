"""``elsa-rt bench``: speed of this machine, stage by stage."""

from __future__ import annotations

import argparse
import json
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from elsa_rt.cli.notices import Notices
from elsa_rt.cli.options import Commands, add_command, add_settings, settings
from elsa_rt.config import MODEL, Config
from elsa_rt.errors import UsageError

if TYPE_CHECKING:
    from elsa_rt.cli.bench_run import Report
    from elsa_rt.encoder.bundle import ModelBundle

MORE = """\
It runs every stage of a step, and whole steps, in turns; nothing else should run. It ends with 1
where a step's 99th hundredth takes more than half of the time that the step lasts.

  elsa-rt bench
  elsa-rt bench --engine tensorrt --precision fp16 --streams 16
  elsa-rt bench --json figures.jsonl     appends a line to compare machines by
"""

STEPS, PROMPTS = 500, 100


def add(commands: Commands) -> None:
    parser = add_command(commands, "bench", run, "measure how fast this machine is", MORE)
    for name, default, about in (
        ("steps", STEPS, "steps that count"),
        ("prompts", PROMPTS, "sentences to listen for"),
        ("streams", 1, "streams that the encoder hears at once"),
    ):
        parser.add_argument(
            f"--{name}",
            type=int,
            default=default,
            metavar="N",
            help=f"{about} (default: {default})",
        )
    parser.add_argument("--json", type=Path, metavar="FILE", help="append the figures as a line")
    add_settings(parser, MODEL)


def run(arguments: argparse.Namespace) -> int:
    for name in ("steps", "prompts", "streams"):
        if getattr(arguments, name) < 1:
            raise UsageError(f"--{name} {getattr(arguments, name)}: 1 or more is needed")
    config = Config(**settings(arguments))
    from rich.console import Console

    from elsa_rt.cli.bench_run import machine, measure, onset_to_alert
    from elsa_rt.encoder.bundle import ModelBundle

    bundle = ModelBundle.load(config.bundle)
    config = config.changed(engine=cast(Any, _engine(bundle, config)))
    with Console(stderr=True).status("measuring ..."):
        report = measure(bundle, config, arguments.prompts, arguments.steps, arguments.streams)
        delays = onset_to_alert(bundle, config)
    device = machine()
    _print(bundle, report, delays, device)
    if arguments.json:
        line = json.dumps(_line(bundle, config, report, delays, device))
        with arguments.json.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
    return 0 if report.within else 1


def _engine(bundle: ModelBundle, config: Config) -> str:
    """Name of the engine that ``auto`` resolves to."""
    from elsa_rt.encoder.audio import AudioEncoder

    return AudioEncoder(bundle, config, Notices()).engine


def _print(
    bundle: ModelBundle, report: Report, delays: list[float], device: dict[str, Any]
) -> None:
    from elsa_rt.cli.bench_run import BUSIEST, WHOLE, model_hash

    known = [f"{key.replace('_', ' ')} {device[key]}" for key in
             ("governor", "clock_mhz", "power_mode") if device[key]]  # fmt: skip
    versions = [f"{name} {found}" for name, found in device["versions"].items()]
    print(", ".join([device["device"], f"{device['cores']} cores", *known]))
    print(", ".join([f"{bundle.name} {model_hash(bundle)} on {report.engine}", *versions]))
    print(f"\n{'ms a step':32} {'p50':>8} {'p95':>8} {'p99':>8}")
    for name, quantiles in report.stages.items():
        print(f"{name:32} {' '.join(f'{value:8.3f}' for value in quantiles)}")
    print(f"\n{report.real_time:.0f} times real time, {report.capacity} streams on a core or GPU")
    parts = [f"{name} {1000 * seconds:.1f}" for name, seconds in report.latency_s.items()]
    print(f"latency: {' + '.join(parts)} = {1000 * sum(report.latency_s.values()):.0f} ms")
    if delays:
        middle = sorted(delays)[len(delays) // 2]
        print(f"onset to alert in the demo scene: {1000 * middle:.0f} ms (median of {len(delays)})")
    verdict = "WITHIN" if report.within else "EXCEEDS"
    budget = 1000 * BUSIEST * report.step_s
    print(f"{verdict} BUDGET: p99 {report.stages[WHOLE].p99:.2f} ms of at most {budget:.0f} ms")


def _line(
    bundle: ModelBundle,
    config: Config,
    report: Report,
    delays: list[float],
    device: dict[str, Any],
) -> dict[str, Any]:
    from elsa_rt.cli.bench_run import model_hash
    from elsa_rt.version import __version__

    return {
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "elsa_rt": __version__,
        **device,
        "bundle": bundle.name,
        "model": model_hash(bundle),
        "engine": report.engine,
        "precision": config.precision,
        "threads": config.threads,
        "streams": report.streams,
        "step_ms": 1000 * report.step_s,
        "stages_ms": {name: quantiles._asdict() for name, quantiles in report.stages.items()},
        "latency_ms": {name: 1000 * seconds for name, seconds in report.latency_s.items()},
        "onset_to_alert_s": delays,
        "real_time": report.real_time,
        "within": report.within,
    }
