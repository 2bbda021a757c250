"""Background of one place (a site), learned once and kept in a small file.

It holds what the matcher needs of each active step, the embedding in 64 numbers of 8 bits, its
direction and activity; no sound, and no words can be made of it.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from elsa_rt.encoder.bundle import AUDIO_ENCODER, ModelBundle
from elsa_rt.errors import UsageError
from elsa_rt.files import data_directory, expanded, load_arrays
from elsa_rt.scoring.statistics import COARSE, Background, Statistics

SCHEMA = 1


MOST_HOURS = 1e6
"""No site was listened to for longer."""


def load_site(name: str, bundle: ModelBundle, statistics: Statistics) -> Background:
    """The site called ``name``, or in the file of that path.

    Raises
    ------
    UsageError
        There is none, it is damaged, or was learned with another model.
    """
    path = site_path(name)
    cure = "learn it with elsa-rt calibrate site"
    if not path.is_file():
        raise UsageError(f"the site {name!r}: there is no {path}: {cure}")
    try:
        stored = load_arrays(path)
        schema, fits = int(stored["schema"]), str(stored["fits"])
        found = Background.of_arrays(stored)
        pieces, steps = found.pieces, len(found.sounds)
        whole = (
            schema == SCHEMA
            and 0 < found.hours < MOST_HOURS
            and (found.sounds.dtype.kind, found.sounds.ndim) in (("i", 2), ("u", 2), ("f", 2))
            and all(
                one.dtype.kind in "biuf"
                for one in (found.activity, found.direction, found.distance, found.piece_s)
            )
            and pieces.ndim == 1
            and pieces.dtype.kind in "iu"
            and (np.diff(pieces) >= 0).all()
            and len(found.activity) == len(found.direction) == len(found.distance) == steps
            and found.piece_s.shape == (len(pieces), 2)
            and (not pieces.size or (0 == pieces[0] and pieces[-1] < steps))
        )
    except Exception as error:  # zip, pickle, key and value errors alike mean a bad file
        raise UsageError(f"the site {path}: it is damaged ({error}): {cure} again") from None
    if not whole:
        raise UsageError(f"the site {path}: it is damaged or of another elsa-rt: {cure} again")
    components, known = len(statistics.scale), found.sounds.shape[-1]
    if fits != fits_of(bundle, statistics) or known not in (components, min(COARSE, components)):
        raise UsageError(
            f"the site {path}: it was learned with another model than {bundle.name} "
            f"{bundle.version} of {bundle.path}: {cure} again"
        )
    return replace(found, sounds=np.pad(found.sounds, ((0, 0), (0, components - known))))


def site_path(name: str) -> Path:
    """Path of the site ``name``; a name with a slash or .npz is taken as a path."""
    if name.endswith(".npz") or os.sep in name:
        return expanded(name)
    return data_directory() / "sites" / f"{name}.npz"


def fits_of(bundle: ModelBundle, statistics: Statistics) -> str:
    """Hash of the model that a site or a mark comes from: audio encoder, mean, coarse part."""
    found: str = statistics.memo.get("fits", lambda: _fits_of(bundle, statistics))
    return found


def _fits_of(bundle: ModelBundle, statistics: Statistics) -> str:
    digest = hashlib.sha256(bundle.files[AUDIO_ENCODER].encode())
    for values in (statistics.basis[:COARSE], statistics.mean, statistics.scale[:COARSE]):
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()
