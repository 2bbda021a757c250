"""What raw samples are, by their bytes: the highest of sound hardly moves, the lowest is noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from elsa_rt.sources.pcm import PcmLayout

KINDS = {
    "s16": "two bytes a sample",
    "s16be": "two bytes a sample, the high one first",
    "s24": "three packed bytes a sample",
    "s24-in-32": "24 bits in four bytes",
    "s32": "four bytes a sample",
    "f32": "floating point of four bytes",
}

NEEDED_BYTES = 3_600
"""So many tell enough."""

NEAR = 8
"""A highest byte so near to zero is that of sound below -24 dBFS."""

ALIKE = (0.03, 0.12)
"""Shares of bytes near zero, and of those far from it, where all are equally likely (0.066)."""

FLOATS = (1e-9, 8.0)
"""Magnitudes of samples in floating point; of other bytes an eighth would lie there."""


def encoding_doubt(name: str, raw: bytes, layout: PcmLayout) -> str | None:
    """In words, what the samples of ``name`` are in place of what is declared; None if unknown."""
    found = looks_like(raw, layout.encoding)
    if not found:
        return found
    if found == "s24-in-32":
        return (
            f"the samples of {name} fill 24 bits of four bytes, declared {layout.encoding}, "
            f"{KINDS[layout.encoding]}: they are S24_LE of ALSA, then say --sample-format "
            "s24-in-32, or s32 with peaks below -48 dBFS"
        )
    cure = f"say --sample-format {found}"
    if found == "s16be":
        cure = (
            f"let ffmpeg swap them: ffmpeg -f s16be -ar {layout.rate} -ac {layout.channels} -i - "
            "-f wav - | elsa-rt listen -, or see whether a byte is missing at the beginning"
        )
    return (
        f"the samples of {name} are {KINDS[found]} by their bytes, not {layout.encoding}, "
        f"{KINDS[layout.encoding]}: {cure}"
    )


def looks_like(raw: bytes, declared: str) -> str | None:
    """Encoding that ``raw`` bytes of ``declared`` ones have instead: "" if none, None if unknown.

    Known are s16, s16be, s24-in-32, s32 and f32. Of loud sound nothing is said. Sound of s32 whose
    peaks lie below -48 dBFS cannot be told from s24-in-32.
    """
    if len(raw) < NEEDED_BYTES:
        return None
    lanes = np.frombuffer(raw[: len(raw) // 4 * 4], np.uint8).reshape(-1, 4)
    if sum(_moves(lane) for lane in lanes.T) < 2:
        return None  # silence looks like anything
    if _is_float(lanes):
        return "" if declared == "f32" else "f32"
    if declared == "s16":
        return _in_place_of_two_bytes(lanes)
    if _is_two_bytes(lanes):
        return "s16"
    return _of_four_bytes(lanes, declared)


def _in_place_of_two_bytes(lanes: NDArray[np.uint8]) -> str:
    near = [_share_near(lane) for lane in lanes.T]
    if max(near[1], near[3]) < 0.3 and min(near[0], near[2]) > 0.9:
        return "s16be"
    if not _is_noise(lanes[:, 1]):
        return ""
    wide = not lanes[:, 0].any() or _is_noise(lanes[:, 0])
    if _is_filler(lanes[:, 3]) and _is_noise(lanes[:, 0]):
        return "s24-in-32"
    return "s32" if wide and _is_noise(lanes[:, 2]) and near[3] > 0.95 else ""


def _of_four_bytes(lanes: NDArray[np.uint8], declared: str) -> str:
    """Which encoding of four bytes it is, if not ``declared``."""
    if _is_filler(lanes[:, 3]) and not _is_filler(lanes[:, 1]):
        found = "s24-in-32"
    elif _is_noise(lanes[:, 1]) and _is_noise(lanes[:, 2]) and _share_near(lanes[:, 3]) > 0.95:
        found = "s32"
    else:
        return ""
    return "" if found == declared else found


def _is_two_bytes(lanes: NDArray[np.uint8]) -> bool:
    """Whether the second and the fourth byte are the highest of a sample, with its sign."""
    near = [_share_near(lane) for lane in lanes.T]
    signs = all(np.isin((0, 255), lanes[:, lane]).all() for lane in (1, 3))
    return min(near[1], near[3]) > 0.9 and max(near[0], near[2]) < 0.5 and signs


def _moves(lane: NDArray[np.uint8]) -> bool:
    return len(np.unique(lane)) > 8


def _is_filler(lane: NDArray[np.uint8]) -> bool:
    return bool(np.isin(lane, (0, 255)).all())


def _share_near(lane: NDArray[np.uint8]) -> float:
    return float((np.abs(lane.view(np.int8).astype(int)) <= NEAR).mean())


def _is_noise(lane: NDArray[np.uint8]) -> bool:
    """Whether all values are equally likely, as they are in no byte of a coarser one."""
    values = np.abs(lane.view(np.int8).astype(int))
    shares = (values <= NEAR).mean(), (values >= 128 - NEAR).mean()
    return all(ALIKE[0] < share < ALIKE[1] for share in shares)


def _is_float(lanes: NDArray[np.uint8]) -> bool:
    with np.errstate(invalid="ignore"):
        values = np.abs(np.ascontiguousarray(lanes).view("<f4"))
        sound = (values > FLOATS[0]) & (values < FLOATS[1])
    return bool((sound | (values == 0)).mean() > 0.99 and sound.mean() > 0.5)
