"""``elsa-rt remember``: index recordings in a store."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from elsa_rt.cli.notices import Notices, say_loading
from elsa_rt.cli.options import Commands, add_command, add_settings, settings
from elsa_rt.cli.recall import add_store, store_of
from elsa_rt.config import MODEL, SIGNAL, Config
from elsa_rt.errors import UsageError
from elsa_rt.screens.plain import clock
from elsa_rt.wording import counted

if TYPE_CHECKING:
    from elsa_rt.memory.job import Report

MORE = """\
Each recording is heard once, whatever its name and place: run it again and it goes on where it was
interrupted, and takes what is new. Folders are searched. It keeps a row for each sound and each
minute, no sound; elsa-rt recall asks for them. --began tells when recordings began: by a time, by
their name (20260131_220000.wav), or by the time at which the file was last changed (mtime).

  elsa-rt remember night.flac --store past --began 2026-01-31T22:00
  elsa-rt remember recordings/ --store past --began name
  elsa-rt remember recordings/ --store s3://bucket/past.lance --ray auto
  elsa-rt remember --again --store past          rows by another model, made anew

--ray and Lance datasets need: pip install 'elsa-rt[archive]'
"""


def add(commands: Commands) -> None:
    parser = add_command(
        commands, "remember", run, "keep what recordings hold, to ask for it", MORE
    )
    parser.add_argument("paths", nargs="*", metavar="FILE_OR_FOLDER")
    add_store(parser)
    parser.add_argument(
        "--began",
        default="unknown",
        metavar="TIME",
        help="when recordings began: a time, name, mtime, or unknown (default: unknown)",
    )
    parser.add_argument("--time-zone", metavar="ZONE", help="of that time: Europe/Berlin")
    parser.add_argument(
        "--again", action="store_true", help="make rows anew that another model made"
    )
    parser.add_argument(
        "--jobs", type=int, default=0, metavar="N", help="processes (default: one a core)"
    )
    parser.add_argument(
        "--ray",
        metavar="ADDRESS",
        help="hear on a Ray cluster, into a Lance dataset: auto, local, or HOST:6379",
    )
    add_settings(parser, SIGNAL, MODEL, without=("realtime", "rate", "sample_format"))


def run(arguments: argparse.Namespace) -> int:
    path = store_of(arguments)
    if arguments.again == bool(arguments.paths):
        raise UsageError(
            "name recordings or folders, or --again for those of the store: one of the two"
        )
    if arguments.jobs < 0:
        raise UsageError(f"--jobs {arguments.jobs}: a number of processes, or 0 for one a core")
    config = Config(**settings(arguments))
    from elsa_rt.memory.job import Job
    from elsa_rt.memory.remember import remember, remember_again
    from elsa_rt.memory.store import is_archive
    from elsa_rt.rules.schedule import time_zone

    job = Job(config, arguments.jobs, arguments.began, time_zone(arguments.time_zone))
    notices = Notices()
    say_loading()
    with _progress() as (on_total, on_progress):
        if is_archive(path) or arguments.ray is not None:
            from elsa_rt.memory.archive.remember import remember_archive

            report = remember_archive(
                arguments.paths, path, job, arguments.ray, again=arguments.again,
                on_notice=notices, on_total=on_total, on_progress=on_progress,
            )  # fmt: skip
        elif arguments.again:
            report = remember_again(
                path, job, on_notice=notices, on_total=on_total, on_progress=on_progress
            )
        else:
            report = remember(
                arguments.paths, path, job,
                on_notice=notices, on_total=on_total, on_progress=on_progress,
            )  # fmt: skip
    print(summary(report, path))
    return 1 if report.failed else 0


def summary(report: Report, path: str) -> str:
    """What was done, in a line."""
    if not (report.recordings or report.rows or report.already or report.failed):
        return f"{path}: nothing was to be heard"
    files = counted(report.recordings, "recording")
    text = f"{path}: {files}, {clock(report.seconds)} of sound, {report.rows:,} rows"
    if report.already:
        text += f"; {report.already} were there already"
    if report.failed:
        text += f"; {len(report.failed)} could not be heard whole: {', '.join(report.failed[:5])}"
    return text


@contextlib.contextmanager
def _progress() -> Iterator[tuple[Callable[[float], None], Callable[[float], None]]]:
    """A bar on the terminal: hours of sound, how fast, how long still."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(file=sys.stderr)
    bar = Progress(
        TextColumn("{task.fields[done]} of {task.fields[whole]}"),
        BarColumn(),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        refresh_per_second=2,
    )
    with bar:
        task = bar.add_task("", total=None, done="0:00", whole="?", speed="")

        def on_total(seconds: float) -> None:
            bar.update(task, total=seconds, whole=clock(seconds))

        def on_progress(seconds: float) -> None:
            bar.advance(task, seconds)
            one = bar.tasks[task]
            fast = one.completed / max(one.elapsed or 0.0, 1e-3)
            bar.update(task, done=clock(one.completed), speed=f"{fast:.0f} x real time")

        yield on_total, on_progress
