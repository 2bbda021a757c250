"""``elsa-rt warmup``: fill the caches, so that the first start is as quick as later ones."""

from __future__ import annotations

import argparse
import time

from elsa_rt import cache
from elsa_rt.cli.notices import Notices
from elsa_rt.cli.options import Commands, add_command, add_settings, settings
from elsa_rt.config import MODEL, Config
from elsa_rt.errors import ElsaError

MORE = """\
Compiles what a start would compile and keeps it, keeps the text encoder as it is rewritten for this
processor and the program of the audio encoder (34 MB of cache), and builds a plan if a TensorRT is
asked for by name. Run it after an installation or update, as the user who will listen.

  elsa-rt warmup
  elsa-rt warmup --engine tensorrt
"""


def add(commands: Commands) -> None:
    parser = add_command(commands, "warmup", run, "make the first start a quick one", MORE)
    add_settings(parser, MODEL)


def run(arguments: argparse.Namespace) -> int:
    config = Config(**settings(arguments))
    begun = time.perf_counter()
    _compile(config)
    from elsa_rt.demo import demo_path, demo_prompts
    from elsa_rt.encoder.text import warm_up
    from elsa_rt.listener import Listener

    listener = Listener(demo_prompts(), demo_path(), config, on_notice=Notices())
    warm_up(listener.bundle)
    for hearing in listener:
        print(f"first hearing after {time.perf_counter() - begun:.1f} s: {hearing.words}")
        break
    if why := cache.failure():
        raise ElsaError(why)
    return 0


def _compile(config: Config) -> None:
    """Make the machine code of the engine `compiled`, which no start waits for."""
    if config.engine in ("auto", "compiled"):
        from elsa_rt.encoder.compiled.model import RUN

        if not RUN.is_ready:
            print("compiling the audio encoder for this processor, once: that takes minutes")
            RUN.prepare()
