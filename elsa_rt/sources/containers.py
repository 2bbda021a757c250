"""Headers of uncompressed containers: WAV, RF64, BW64, W64, AIFF, AU and CAF, from their bytes.

They are read here, and not by libsndfile alone, because a header may lie: of a file that is still
being written, that lost power, or that passed 4 GiB, all there is can be heard nevertheless.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from elsa_rt.sources.pcm import ENCODINGS, PcmLayout

HEAD_BYTES = 1 << 20
"""So far at most a header is looked for; they are some hundred bytes, as a rule."""

MOST_CHANNELS, MOST_RATE = 1_024, 10_000_000
"""Beyond them a header is damaged."""

AMBISONIC_GUID = bytes.fromhex("2107d3118644c8c1ca000000")
"""Tail of the WAV subtype of ``.amb`` files (Dobson, 2000): B-format, FuMa."""

_MAGIC = {
    b"RIFF": "WAV", b"RIFX": "WAV", b"RF64": "RF64", b"BW64": "BW64", b"riff": "W64",
    b"FORM": "AIFF", b".snd": "AU", b"caff": "CAF", b"fLaC": "FLAC", b"OggS": "Ogg",
    b"\x1aE\xdf\xa3": "Matroska", b"ID3\x02": "MP3", b"ID3\x03": "MP3", b"ID3\x04": "MP3",
    b"wvpk": "WavPack", b"TTA1": "True Audio", b"\x7f\xfe\x80\x01": "DTS", b"0&\xb2u": "WMA",
}  # fmt: skip
PLAIN = ("WAV", "RF64", "BW64", "W64", "AIFF", "AU", "CAF")
"""Containers of samples as they are, unless they say otherwise."""

DECODED = ("FLAC", "Ogg")
"""Compressed containers that libsndfile decodes from a pipe."""

FRAMES = 4
"""So many in a row are looked at where a container has no header, only frames."""

TS_SYNC, TS_BYTES = b"\x47", 188  # ISO 13818-1, of each packet
FRAMED_BYTES = FRAMES * 8_192
"""Within which that many frames lie (ISO 14496-3, 1.A.2: 8,191 bytes are the longest)."""

_CAF_FORMS = {107: "fuma", 190: "ambix", 191: "n3d"}  # layout tags, by their upper half


def container_of(head: bytes) -> str:
    """Which container begins with ``head``, or "" where nothing tells.

    Some hundred bytes tell all of them; fewer than `FRAMED_BYTES` not AAC and MPEG-TS.
    """
    if head[4:8] == b"ftyp":
        return "MP4"
    if head[:4] in _MAGIC:
        return _MAGIC[head[:4]]
    return _framed(head) if may_be_framed(head) else ""


def may_be_framed(head: bytes) -> bool:
    """Whether ``head`` begins as AAC in frames of its own (ADTS), or MPEG-TS."""
    return head[:1] == TS_SYNC or (head[:1] == b"\xff" and len(head) > 1 and head[1] & 0xF6 == 0xF0)


def _framed(head: bytes) -> str:
    """AAC or MPEG-TS, if as many frames follow one another as no samples do by chance."""
    if all(head[at : at + 1] == TS_SYNC for at in range(0, FRAMES * TS_BYTES, TS_BYTES)):
        return "MPEG-TS"
    at = 0
    for _ in range(FRAMES):
        frame = head[at : at + 6]
        if len(frame) < 6 or not may_be_framed(frame) or frame[:1] == TS_SYNC:
            return ""
        length = (frame[3] & 3) << 11 | frame[4] << 3 | frame[5] >> 5
        if length < 7:
            return ""
        at += length
    return "AAC"


def read_layout(head: bytes) -> PcmLayout | None:
    """The layout that the header at the beginning of ``head`` tells.

    None where there is none, where it is not whole yet, or its samples are compressed.
    """
    readers = {
        b"RIFF": _wav, b"RF64": _wav, b"BW64": _wav, b"riff": _w64, b"FORM": _aiff, b".snd": _au,
        b"caff": _caf,
    }  # fmt: skip
    if head[:4] not in readers:
        return None
    try:
        layout = readers[head[:4]](head)
    except (struct.error, KeyError, IndexError, ValueError, OverflowError, ZeroDivisionError):
        return None
    if layout is None or not (
        layout.encoding and 0 < layout.channels <= MOST_CHANNELS and 0 < layout.rate <= MOST_RATE
    ):
        return None
    return layout


def ogg_form(head: bytes) -> str:
    """The ambisonic format that an Opus stream declares (RFC 8486), or ""."""
    at = head.find(b"OpusHead")
    return "ambix" if at >= 0 and head[at + 18 : at + 19] in (b"\x02", b"\x03") else ""


def honest_end(data: bytes, sizes: str = "<I") -> bool:
    """Whether ``data``, what follows the samples, is nothing or chunks that fill it to the end."""
    at = 0
    while at < len(data):
        if len(data) - at < 8:
            return not any(data[at:]) and len(data) - at < 2
        name = data[at : at + 4]
        (size,) = struct.unpack_from(sizes, data, at + 4)
        if not all(0x20 <= byte < 0x7F for byte in name) or at + 8 + size > len(data) + 1:
            return False
        at += 8 + size + size % 2
    return True


def _chunks(head: bytes, at: int, kind: str) -> Iterator[tuple[bytes, int, int]]:
    """Name, offset of the contents, and size of each chunk."""
    while True:
        name = head[at : at + 4]
        (size,) = struct.unpack_from(kind, head, at + 4)
        width = struct.calcsize(kind)
        yield name, at + 4 + width, size
        if size < 0:
            raise ValueError("a chunk of negative length")
        at += 4 + width + size + (size % 2 if kind != ">q" else 0)


def _wav(head: bytes) -> PcmLayout | None:
    long = None
    encoding, channels, rate, form = "", 0, 0, ""
    for name, at, size in _chunks(head, 12, "<I"):
        if name == b"ds64":
            (long,) = struct.unpack_from("<Q", head, at + 8)
        elif name == b"fmt ":
            encoding, channels, rate, form = _wav_format(head[at : at + size])
        elif name == b"data":
            promised: int | None = size
            if size == 0xFFFFFFFF:
                promised = long
            return PcmLayout(encoding, rate, channels, at, promised, form, _MAGIC[head[:4]])
    return None


def _wav_format(fmt: bytes) -> tuple[str, int, int, str]:
    tag, channels, rate, _, block, bits = struct.unpack_from("<HHIIHH", fmt)
    form = ""
    if tag == 0xFFFE:
        (tag,) = struct.unpack_from("<H", fmt, 24)
        form = "fuma" if fmt[28:40] == AMBISONIC_GUID else ""
    container = 8 * block // max(1, channels)
    integers = {8: "u8", 16: "s16", 24: "s24", 32: "s32"}
    if tag == 1 and bits <= container:
        return integers[container], channels, rate, form
    return {(3, 32): "f32", (3, 64): "f64"}[tag, bits], channels, rate, form


def _w64(head: bytes) -> PcmLayout | None:
    at = 40
    encoding, channels, rate, form = "", 0, 0, ""
    while at + 24 <= len(head):
        name, (size,) = head[at : at + 4], struct.unpack_from("<Q", head, at + 16)
        if name == b"fmt ":
            encoding, channels, rate, form = _wav_format(head[at + 24 : at + size])
        elif name == b"data":
            return PcmLayout(encoding, rate, channels, at + 24, max(0, size - 24), form, "W64")
        if size < 24:
            return None
        at += (size + 7) // 8 * 8
    return None


def _aiff(head: bytes) -> PcmLayout | None:
    encoding, channels, rate = "", 0, 0
    for name, at, size in _chunks(head, 12, ">I"):
        if name == b"COMM":
            channels, _, bits = struct.unpack_from(">hIh", head, at)
            rate = _extended(head[at + 8 : at + 18])
            kind = head[at + 18 : at + 22] if head[8:12] == b"AIFC" else b"NONE"
            encoding = {
                (b"NONE", 8): "s8", (b"NONE", 16): "s16be", (b"NONE", 24): "s24be",
                (b"NONE", 32): "s32be", (b"sowt", 16): "s16", (b"fl32", 32): "f32be",
                (b"FL32", 32): "f32be", (b"fl64", 64): "f64be",
            }[kind, bits]  # fmt: skip
        elif name == b"SSND":
            (skipped,) = struct.unpack_from(">I", head, at)
            start = at + 8 + skipped
            return PcmLayout(encoding, rate, channels, start, max(0, size - 8), "", "AIFF")
    return None


def _extended(raw: bytes) -> int:
    """80-bit float of AIFF as a whole number."""
    exponent, mantissa = struct.unpack(">HQ", raw)
    return round(mantissa * 2.0 ** ((exponent & 0x7FFF) - 16_383 - 63))


def _au(head: bytes) -> PcmLayout | None:
    offset, size, kind, rate, channels = struct.unpack_from(">5I", head, 4)
    encoding = {2: "s8", 3: "s16be", 4: "s24be", 5: "s32be", 6: "f32be", 7: "f64be"}[kind]
    promised = None if size == 0xFFFFFFFF else size
    return PcmLayout(encoding, rate, channels, offset, promised, "", "AU")


def _caf(head: bytes) -> PcmLayout | None:
    form = encoding = ""
    channels, rate = 0, 0.0
    for name, at, size in _chunks(head, 8, ">q"):
        if name == b"desc":
            rate, kind, flags, _, _, channels, bits = struct.unpack_from(">d4s5I", head, at)
            little = "" if flags & 2 else "be"
            encoding = f"{'f' if flags & 1 else 's'}{bits}{little if bits > 8 else ''}"
            if kind != b"lpcm" or encoding not in ("s8", "s24", "s24be", *ENCODINGS):
                return None
        elif name == b"chan":
            (tag,) = struct.unpack_from(">I", head, at)
            form = _CAF_FORMS.get(tag >> 16, "")
        elif name == b"data":
            promised = None if size < 0 else max(0, size - 4)
            return PcmLayout(encoding, round(rate), channels, at + 4, promised, form, "CAF")
    return None
