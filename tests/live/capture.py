"""Captures with `MicrophoneSource`: ``python -m tests.live.capture DEVICE SAMPLES OUT.npz``."""

from __future__ import annotations

import sys

import numpy as np

from elsa_rt.config import Config
from elsa_rt.sources.open import open_source


def main(device: str, count: str, out: str) -> None:
    """Stop once sample ``count`` has been passed; it says when it runs."""
    blocks = []
    with open_source(device, Config(), print) as source:
        for block in source:
            blocks.append(block)
            if len(blocks) == 20:
                print("running", flush=True)
            if block.start + block.samples.shape[1] >= int(count):
                break
    np.savez(
        out,
        samples=np.concatenate([block.samples for block in blocks], axis=1),
        start=[block.start for block in blocks],
        size=[block.samples.shape[1] for block in blocks],
        dropped=[block.dropped for block in blocks],
        captured=np.array([block.captured_s for block in blocks], float),
        rate=source.rate,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
