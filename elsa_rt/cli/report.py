"""``elsa-rt report``: one HTML page of a recording, to be kept, sent and printed."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from elsa_rt.cli.notices import Notices, say_loading
from elsa_rt.cli.options import Commands, add_command, add_settings, writable
from elsa_rt.cli.rules import load_config, refuse_prompts
from elsa_rt.cli.sound import add_prompts, asked_prompts
from elsa_rt.config import ALERTS, MODEL, SIGNAL
from elsa_rt.errors import UsageError
from elsa_rt.sources.open import is_path
from elsa_rt.wording import counted

MORE = """\
It hears the recording and writes one HTML file: when and where each prompt alerted, what came near
and why it did not alert, directions over time, a spectrogram coloured by direction, and which known
sounds were heard besides. The page needs no network and no script, and prints well.

  elsa-rt report day.flac --prompt "a dog barking" --prompt "glass breaking" -o day.html
  elsa-rt report day.wav --config home.yaml
  elsa-rt report day.wav
"""

LABELS = 3


def add(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(commands, "report", run, "make a page of a recording", MORE)
    parser.add_argument("recording", metavar="RECORDING", help="a sound file")
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="where the page goes (default: the recording's name with .html, here)",
    )
    parser.add_argument(
        "--jobs",
        type=int,
        default=0,
        metavar="N",
        help="processes that hear a long recording (default: 0, one a core)",
    )
    add_prompts(parser)
    add_settings(parser, SIGNAL, MODEL, ALERTS, without=("realtime",))


def run(arguments: argparse.Namespace) -> int:
    """Hear the recording and write the page."""
    refuse_prompts(arguments)
    if not is_path(arguments.recording):
        raise UsageError(f"report {arguments.recording!r}: name a sound file, e.g. day.wav")
    if arguments.jobs < 0:
        raise UsageError(f"--jobs {arguments.jobs}: a number of processes, or 0 for one a core")
    target = Path(arguments.output or Path(arguments.recording).with_suffix(".html").name)
    writable(str(target))
    config, file = load_config(arguments)
    known = LABELS if config.known_sounds is None else config.known_sounds
    config = config.changed(known_sounds=known, why=True, realtime=False)
    prompts = asked_prompts(arguments)
    notices = Notices()
    say_loading()
    from elsa_rt.files import replacing
    from elsa_rt.recordings.pieces import read_header
    from elsa_rt.screens.report.collect import Collected
    from elsa_rt.screens.report.hear import StepListener, hear_parted, hear_whole, is_parted
    from elsa_rt.screens.report.page import About, page
    from elsa_rt.sources.files import FileSource, shown
    from elsa_rt.sources.open import open_source
    from elsa_rt.version import __version__

    path = Path(arguments.recording)
    with open_source(path, config, notices) as source:
        if not isinstance(source, FileSource):
            raise UsageError(f"report {shown(path)}: a file is needed, and this is a pipe")
        listener = StepListener(None if file else prompts or None, config=config, on_notice=notices)
        bundle, told = listener.bundle, listener.known
        recording = read_header(path, config)
        length_s = recording.seconds
        found = Collected.start(
            bundle.features,
            bundle.step_frames,
            1.0 if told is None else told.told_from,
            round(length_s / bundle.step_s),
        )
        with _progress(length_s) as on_progress:
            if is_parted(recording):
                hear_parted(listener, recording, found, on_progress, arguments.jobs)
            else:
                hear_whole(listener, source, found, on_progress)
        found.finish()
    about = About(
        recording=shown(path.name),
        length_s=length_s,
        model=f"{bundle.name} {bundle.version}",
        version=__version__,
        told_error=float("nan") if told is None else told.told_error,
    )
    with replacing(target, private=True) as part:
        part.write_text(page(found, listener.config.rules, about), encoding="utf-8")
    print(
        f"{target}: {counted(len(found.alerts), 'alert')}, "
        f"{counted(len(found.near), 'near miss', 'es')}, "
        f"{counted(len(found.heard), 'known sound')}"
    )
    return 0


@contextlib.contextmanager
def _progress(length_s: float) -> Iterator[Callable[[float], None]]:
    """Takes seconds that are done; shows a bar on standard error if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = ("hearing", BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task("", total=length_s)
        yield lambda seconds: progress.advance(task, seconds)
