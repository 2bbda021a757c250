"""``elsa-rt embed``: embeddings, directions and activity of a recording, as arrays."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elsa_rt.cli.notices import Notices, say_loading
from elsa_rt.cli.options import Commands, add_command, add_settings, settings
from elsa_rt.cli.stop import GracefulStop, run_until_stopped
from elsa_rt.config import MODEL, SIGNAL, Config
from elsa_rt.errors import ElsaError
from elsa_rt.files import check_target, save_arrays
from elsa_rt.hearing import Hearing

MORE = """\
The file holds, for n steps of the model (80 ms in the bundled model):

  time_s      (n,)      seconds at the end of the step
  embedding   (n, 512)  unit length; its dot product with embed-text is the similarity
  direction   (n, 3)    unit vector: x forward, y left, z up
  activity    (n,)      0..1
  distance_m  (n,)      NaN from a model that cannot tell

  elsa-rt embed room.wav -o room.npz

However it ends, by Ctrl-C or a microphone unplugged, what was heard until then is kept.
"""


def add(commands: Commands) -> None:
    parser = add_command(commands, "embed", run, "turn a recording into embeddings", MORE)
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="a file, - for raw samples on standard input, or a microphone",
    )
    parser.add_argument("-o", "--output", required=True, metavar="FILE.npz")
    add_settings(parser, SIGNAL, MODEL)


def run(arguments: argparse.Namespace) -> int:
    target = check_target(arguments.output)
    config = Config(**settings(arguments))
    heard: list[Hearing] = []
    try:
        with GracefulStop(loading=True) as stop:
            _hear(arguments.source, config, heard, stop)
    finally:  # a microphone may be unplugged after hours
        if heard:
            save_arrays(target, _arrays(heard), private=True)
            print(f"{target}: {len(heard)} steps, {heard[-1].time_s:.1f} s")
    if not heard:
        raise ElsaError(f"embedding {arguments.source}: nothing was heard, {target} is not written")
    return stop.exit_code


def _hear(source: str, config: Config, heard: list[Hearing], stop: GracefulStop) -> None:
    say_loading()
    from rich.console import Console

    from elsa_rt.encoder.audio import AudioEncoder
    from elsa_rt.encoder.bundle import ModelBundle
    from elsa_rt.listener import Listener
    from elsa_rt.prompts.bank import PromptBank
    from elsa_rt.screens.plain import clock
    from elsa_rt.sources.open import open_source

    notices = Notices()
    encoder = AudioEncoder(ModelBundle.load(config.bundle), config, notices)
    nothing = PromptBank.empty(encoder.bundle)
    listener = Listener(nothing, config=config, encoder=encoder, on_notice=notices)
    stop.loaded()
    with (
        open_source(source, config, notices) as opened,
        Console(stderr=True).status("waiting for sound ...") as status,
    ):

        def keep(hearing: Hearing) -> None:
            if hearing.state != "FAILED":  # that step is no sound, it carries the news
                heard.append(hearing)
            status.update(f"heard {clock(hearing.time_s)}")

        run_until_stopped(listener, opened, keep, stop)


def _arrays(heard: list[Hearing]) -> dict[str, NDArray[Any]]:
    return {
        "time_s": np.array([hearing.time_s for hearing in heard]),
        "embedding": np.stack([hearing.embedding for hearing in heard]),
        "direction": np.stack([hearing.direction for hearing in heard]),
        "activity": np.array([hearing.activity for hearing in heard], np.float32),
        "distance_m": np.array([hearing.distance_m for hearing in heard], np.float32),
    }
