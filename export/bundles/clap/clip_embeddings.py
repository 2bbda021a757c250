"""What a CLAP says of the dry clips of a working directory: what its student learns to say."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray
from tqdm import tqdm

from elsa_rt.errors import UsageError
from elsa_rt.files import replacing
from export.bundles.clap.graph import Clap
from export.settings import EMBEDDING, FEATURES

SHORTEST_S = 0.5
"""A rest of a clip that is shorter than this is left out, unless it is the whole clip."""

SAVE_EVERY = 500  # clips


def embed_clips(clap: Clap, directory: Path, work: Path) -> NDArray[np.float32]:
    """Unit embeddings (clips, 512) of all clips of ``work``, each the mean over its windows.

    Dimensions that the CLAP of ``directory`` lacks are zero, so that cosines stay. They are kept
    in ``work``; a call that was cut off goes on.

    Raises
    ------
    UsageError
        The CLAP has more than 512 dimensions.
    """
    if clap.embedding > EMBEDDING:
        raise UsageError(
            f"distilling {directory}: its space has {clap.embedding} dimensions, that of the "
            f"student {EMBEDDING}: take a ClapModel with a projection_dim of {EMBEDDING} or less"
        )
    path = work / f"clap-{fingerprint(directory)}.npz"
    with np.load(work / "clips.npz") as clips:
        samples, bounds = clips["samples"], clips["bounds"]
    found, done = np.zeros((len(bounds) - 1, EMBEDDING), np.float32), 0
    if path.exists():
        with np.load(path) as stored:
            kept, done = stored["embedding"], int(stored["done"])
        if kept.shape == found.shape:
            found = kept
        else:
            done = 0
    for i in tqdm(range(done, len(found)), "CLAP", unit="clip", initial=done, total=len(found)):
        mono = samples[bounds[i] : bounds[i + 1]].astype(np.float32) / 32767
        found[i, : clap.embedding] = _embed(clap, mono)
        if (i + 1) % SAVE_EVERY == 0 or i + 1 == len(found):
            with replacing(path) as part, part.open("wb") as file:
                np.savez(file, embedding=found, done=i + 1)
    return found


def fingerprint(directory: Path) -> str:
    """Twelve digits that tell the weights of ``directory`` from others."""
    digest = hashlib.sha256()
    for path in sorted(p for p in directory.iterdir() if p.suffix in (".safetensors", ".bin")):
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()[:12]


def _embed(clap: Clap, mono: NDArray[np.float32]) -> NDArray[np.float32]:
    """Unit mean (d,) over the windows of samples (n,) at ``FEATURES.rate``."""
    sound = np.asarray(soxr.resample(mono, FEATURES.rate, clap.rate), np.float32)
    longest = round(clap.longest_s * clap.rate)
    pieces = [sound[start : start + longest] for start in range(0, sound.size, longest)]
    pieces = pieces[:1] + [p for p in pieces[1:] if p.size >= SHORTEST_S * clap.rate]
    mean = np.mean([clap.hear(piece[None])[0] for piece in pieces], axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), np.float32)
