"""``elsa-rt embed-text``: embeddings of sentences, as arrays."""

from __future__ import annotations

import argparse

import numpy as np

from elsa_rt.cli.notices import Notices, say_loading
from elsa_rt.cli.options import Commands, add_command, add_settings, settings
from elsa_rt.config import MODEL, Config
from elsa_rt.files import check_target, save_arrays

MORE = """\
The file holds, for p sentences:

  text       (p,)
  embedding  (p, 512)  unit length

  elsa-rt embed-text "a dog barking" "someone knocking on the left" -o text.npz
"""


def add(commands: Commands) -> None:
    parser = add_command(commands, "embed-text", run, "turn sentences into embeddings", MORE)
    parser.add_argument("texts", nargs="+", metavar="TEXT")
    parser.add_argument("-o", "--output", required=True, metavar="FILE.npz")
    add_settings(parser, MODEL)


def run(arguments: argparse.Namespace) -> int:
    target = check_target(arguments.output)
    config = Config(**settings(arguments))
    say_loading()
    from elsa_rt.encoder.bundle import ModelBundle
    from elsa_rt.prompts.bank import embed_text

    bundle = ModelBundle.load(config.bundle)
    embedding = embed_text(arguments.texts, bundle, config=config, on_notice=Notices())
    save_arrays(target, {"text": np.array(arguments.texts), "embedding": embedding})
    print(f"{target}: {len(embedding)} texts")
    return 0
