"""Sound that nothing here decodes: what it is, and the command that makes a WAV of it."""

from __future__ import annotations

import shlex
from pathlib import Path

from elsa_rt.sources.containers import container_of
from elsa_rt.sources.mp4 import holds_aac, read_ambisonics

AAC_ORDER = "3,1,2,4"
"""Channels of W, Y, Z, X that AAC was given by number: it takes the first for the centre, and
decoders put left and right before that."""


def conversion(path: bytes, name: str, head: bytes) -> str:
    """The command for a file called ``name``; .wav, as FLAC ends at 8 tracks."""
    given, new = map(_no_option, (name, f"{Path(name).stem}-converted.wav"))
    note = _note(path, head, new)
    told = f" ({note})" if note else ""
    return f"convert it, e.g. ffmpeg -i {shlex.quote(given)} {shlex.quote(new)}{told}"


def _no_option(name: str) -> str:
    """A name that no program takes for an option."""
    return f"./{name}" if name.startswith("-") else name


def _note(path: bytes, head: bytes, new: str) -> str:
    """What the conversion does not carry along, or does to the order of channels."""
    declared = read_ambisonics(path)
    if declared is not None and declared.kind == "IAMF":
        return "ffmpeg 7.1 or later reads IAMF; its ambisonics are AmbiX"
    if declared is not None and not declared.channels:
        return "it declares ambisonics, SA3D, in an order that is unknown here"
    if declared is not None and declared.channels != (1, 2, 3, 4):
        numbers = ",".join(map(str, declared.channels))
        return f"it declares AmbiX, SA3D, in another order: then listen with --channels {numbers}"
    notes = ["it declares AmbiX, SA3D"] if declared is not None else []
    if _may_be_aac(path, head):
        notes.append(
            f"AAC that was made of W, Y, Z, X without names puts W third: if elsa-rt doctor "
            f"{shlex.quote(new)} says so, listen with --channels {AAC_ORDER}"
        )
    return "; ".join(notes)


def _may_be_aac(path: bytes, head: bytes) -> bool:
    kind = container_of(head)
    if kind == "MP4":
        return holds_aac(path)
    return kind in ("AAC", "MPEG-TS") or (kind == "Matroska" and b"A_AAC" in head)
