"""Containers on pipes, headers that lie, layouts that are declared: the same sound every time."""

from __future__ import annotations

import io
import os
import re
import struct
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import decode_matrix
from elsa_rt.config import Config
from elsa_rt.errors import UsageError
from elsa_rt.sources import pipe
from elsa_rt.sources.files import FileSource
from elsa_rt.sources.open import open_source
from elsa_rt.sources.pcm import decode_pcm
from elsa_rt.sources.pipe import PipeSource

RATE = 16_000
Samples = NDArray[np.float32]


@pytest.fixture(scope="module")
def sound() -> Samples:
    """Four channels (4, n) that differ, rounded to 16 bits."""
    wave = np.random.default_rng(0).normal(0, 0.1, (4, RATE))
    return (np.round(wave * 2**15) / 2**15).astype(np.float32)


def through_a_pipe(data: bytes, config: Config, notices: list[str]) -> Samples:
    """What a source hears of ``data`` that another thread writes into a pipe."""
    out, into = os.pipe()

    def feed() -> None:
        with open(into, "wb") as file:
            file.write(data)

    threading.Thread(target=feed, daemon=True).start()
    with open(out, "rb") as stream, PipeSource(stream, config, notices.append) as source:
        assert source.rate == RATE
        return np.concatenate([block.samples for block in source], axis=1)


def heard(path: Path, notices: list[str], **settings: object) -> Samples:
    config = Config(**settings)  # type: ignore[arg-type]
    with FileSource(path, config, notices.append) as source:
        return np.concatenate([block.samples for block in source], axis=1)


def wav(data: bytes, promised: int | None = None, subtype: bytes = b"", tail: bytes = b"") -> bytes:
    size = len(data) if promised is None else promised
    if subtype:
        extra = struct.pack("<HHI", 22, 16, 0) + struct.pack("<H", 1) + subtype
        fmt = struct.pack("<HHIIHH", 0xFFFE, 4, RATE, RATE * 8, 8, 16) + extra
    else:
        fmt = struct.pack("<HHIIHH", 1, 4, RATE, RATE * 8, 8, 16)
    head = b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt + b"data" + struct.pack("<I", size)
    return b"RIFF" + struct.pack("<I", min(len(head) + size, 2**32 - 1)) + head + data + tail


def pcm(sound: Samples) -> bytes:
    return np.round(sound.T * 2**15).astype("<i2").tobytes()


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize(
    ("container", "subtype"),
    [
        ("WAV", "PCM_16"), ("WAV", "PCM_24"), ("WAV", "PCM_32"), ("WAV", "FLOAT"),
        ("WAV", "DOUBLE"), ("WAVEX", "PCM_16"), ("RF64", "PCM_16"), ("W64", "PCM_24"),
        ("AIFF", "PCM_16"), ("AIFF", "PCM_24"), ("AIFF", "FLOAT"), ("AU", "PCM_16"),
        ("AU", "FLOAT"), ("CAF", "PCM_16"), ("CAF", "FLOAT"), ("FLAC", "PCM_24"),
    ],
)  # fmt: skip
def test_a_container_on_a_pipe_is_read_by_its_header(
    sound: Samples, container: str, subtype: str, declared: bool
) -> None:
    file = io.BytesIO()
    soundfile.write(file, sound.T, RATE, subtype, format=container)
    config = Config(rate=RATE, input_channels=4) if declared else Config()
    notices: list[str] = []
    got = through_a_pipe(file.getvalue(), config, notices)
    np.testing.assert_allclose(got, sound, atol=1e-7)
    assert "says itself what it holds" in notices[0]


def flac(sound: Samples, *, streamed: bool = False) -> bytes:
    """FLAC; ``streamed`` as a program makes it that does not know yet how long it will be."""
    file = io.BytesIO()
    soundfile.write(file, sound.T, RATE, "PCM_24", format="FLAC")
    data = bytearray(file.getvalue())
    if streamed:
        data[21] &= 0xF0  # the number of samples, 36 bits of STREAMINFO
        data[22:26] = bytes(4)
    return bytes(data)


def test_flac_without_a_length_ends_where_it_ends(sound: Samples) -> None:
    notices: list[str] = []
    got = through_a_pipe(flac(sound, streamed=True), Config(), notices)
    np.testing.assert_allclose(got, sound, atol=1e-6)
    (told,) = notices
    assert "says itself what it holds" in told


def test_flac_that_breaks_off_is_said_to_be_cut_short(sound: Samples) -> None:
    notices: list[str] = []
    data = flac(sound)
    got = through_a_pipe(data[: len(data) // 2], Config(), notices)
    assert 0 < got.shape[1] < sound.shape[1]
    assert f"its header promises {sound.shape[1] / RATE:.2f} s" in notices[1]


def test_ogg_on_a_pipe(sound: Samples) -> None:
    file = io.BytesIO()
    soundfile.write(file, sound.T, RATE, "VORBIS", format="OGG")
    got = through_a_pipe(file.getvalue(), Config(), [])
    assert got.shape == sound.shape


def test_raw_samples_on_a_pipe_stay_what_they_are(sound: Samples) -> None:
    notices: list[str] = []
    got = through_a_pipe(pcm(sound), Config(rate=RATE, input_channels=4), notices)
    np.testing.assert_array_equal(got, sound)
    assert notices == []


def test_a_header_that_contradicts_the_settings_is_said(sound: Samples) -> None:
    notices: list[str] = []
    through_a_pipe(wav(pcm(sound)), Config(rate=RATE, input_channels=6), notices)
    assert "--channels 6 is given and 4 hold" in notices[0]


@pytest.mark.parametrize("promised", [0, 8, 8 * RATE // 4, 8 * RATE - 8])
def test_all_is_heard_whatever_the_header_promises(
    sound: Samples, promised: int, tmp_path: Path
) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav(pcm(sound), promised))
    notices: list[str] = []
    np.testing.assert_array_equal(heard(path, notices), sound)
    assert f"promises {promised:,} bytes" in notices[0]


@pytest.mark.parametrize(
    "tail",
    [b"", b"LIST\x04\0\0\0INFO", b"bext\x03\0\0\0abc\0"],
)
def test_honest_headers_get_no_word(sound: Samples, tail: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav(pcm(sound), tail=tail))
    notices: list[str] = []
    np.testing.assert_array_equal(heard(path, notices), sound)
    assert notices == []


def test_a_length_that_passed_4_gib_is_heard_from_its_start(sound: Samples, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    data = pcm(sound)
    path.write_bytes(wav(data, len(data)))
    with path.open("r+b") as file:
        file.truncate(2**32 + 44 + len(data))  # sparse: 4 GiB more than the length that wrapped
    notices: list[str] = []
    with FileSource(path, Config(), notices.append) as source:
        assert source._file.frames == (2**32 + len(data)) // 8
        first = next(iter(source)).samples
    np.testing.assert_array_equal(first, sound[:, : first.shape[1]])
    assert "passed 4 GiB" in notices[0]


AMB = bytes.fromhex("00002107d3118644c8c1ca000000")


def test_an_amb_file_is_fuma(sound: Samples, tmp_path: Path) -> None:
    path = tmp_path / "a.amb"
    path.write_bytes(wav(pcm(sound), subtype=AMB))
    notices: list[str] = []
    np.testing.assert_allclose(heard(path, notices), decode_matrix("fuma") @ sound, atol=1e-6)
    assert "declares fuma" in notices[0]
    notices.clear()
    np.testing.assert_array_equal(heard(path, notices, format="ambix"), sound)
    assert "--format ambix is given" in notices[0]
    notices.clear()
    np.testing.assert_array_equal(heard(path, notices, format="fuma"), sound)
    assert notices == []


@pytest.mark.parametrize(
    ("tag", "form"), [(107 << 16 | 4, "fuma"), (190 << 16 | 4, "ambix"), (191 << 16 | 4, "n3d")]
)
def test_a_caf_file_says_its_layout(sound: Samples, tag: int, form: str, tmp_path: Path) -> None:
    path = tmp_path / "a.caf"
    desc = struct.pack(">d4s5I", RATE, b"lpcm", 2, 8, 1, 4, 16)
    chan = struct.pack(">III", tag, 0, 0)
    body = b"".join(
        name + struct.pack(">q", len(data)) + data
        for name, data in ((b"desc", desc), (b"chan", chan), (b"data", b"\0\0\0\0" + pcm(sound)))
    )
    path.write_bytes(b"caff\0\x01\0\0" + body)
    want = decode_matrix(form) @ sound  # type: ignore[arg-type]
    np.testing.assert_allclose(heard(path, []), want, atol=1e-6)


@pytest.mark.parametrize("suffix", [".raw", ".RAW", ".pcm"])
def test_raw_files(sound: Samples, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(pcm(sound))
    with pytest.raises(UsageError, match="--rate 48000 --channels 4"):
        heard(path, [])
    np.testing.assert_array_equal(heard(path, [], rate=RATE, input_channels=4), sound)


def test_a_name_of_any_bytes(sound: Samples, tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/caf\xe9 \xff.wav"
    with open(path, "wb") as file:
        file.write(wav(pcm(sound)))
    with open_source(os.fsdecode(path), Config()) as source:
        got = np.concatenate([block.samples for block in source], axis=1)
        source.name.encode()
    np.testing.assert_array_equal(got, sound)


def test_24_bits_in_32_are_told_and_read(sound: Samples) -> None:
    words = np.round(sound.T.astype(float) * 2**23).astype("<i4").tobytes()
    notices: list[str] = []
    through_a_pipe(words, Config(rate=RATE, input_channels=4, sample_format="s24"), notices)
    assert any("s24-in-32" in text for text in notices)
    got = decode_pcm(words, "s24-in-32").reshape(-1, 4).T
    np.testing.assert_allclose(got, sound, atol=1e-7)
    three = b"".join(words[at : at + 3] for at in range(0, len(words), 4))
    notices.clear()
    config = Config(rate=RATE, input_channels=4, sample_format="s24")
    np.testing.assert_allclose(through_a_pipe(three, config, notices), sound, atol=1e-7)
    assert notices == []


def test_a_fifo_waits_for_its_writer_and_tells_of_it(sound: Samples, tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    notices: list[str] = []
    config = Config(rate=RATE, input_channels=4)
    with open_source(str(path), config, notices.append) as source:
        blocks = iter(source)
        first = next(blocks)
        assert first.samples.shape == (4, 0)
        assert first.status is not None
        assert first.status.silent_s > 0
        with path.open("wb") as writer:
            writer.write(wav(pcm(sound))[:4_000])
        got = np.concatenate([block.samples for block in blocks], axis=1)
    np.testing.assert_array_equal(got, sound[:, : got.shape[1]])
    assert got.shape[1] == (4_000 - 44) // 8


def test_a_pipe_without_a_header_yet_is_waited_for_aloud(
    sound: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipe, "SAY_AFTER_S", 0.05)
    out, into = os.pipe()
    told = threading.Event()
    notices: list[str] = []

    def hear(notice: str) -> None:
        notices.append(notice)
        told.set()

    def write() -> None:
        told.wait(10)
        with open(into, "wb") as writer:
            writer.write(wav(pcm(sound)))

    threading.Thread(target=write).start()
    with open(out, "rb") as stream:
        source = PipeSource(stream, Config(), hear)
        got = np.concatenate([block.samples for block in source], axis=1)
    assert "nothing has come for" in notices[0]
    assert "is WAV and says itself what it holds" in notices[1]
    np.testing.assert_array_equal(got, sound)


def test_listening_that_stood_still_is_told_once(
    sound: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after SIGSTOP: what a microphone before the pipe lost meanwhile is in no count."""
    monkeypatch.setattr(pipe, "HELD_UP_S", 0.1 - pipe.HEARTBEAT_S)
    notices: list[str] = []
    source = PipeSource(io.BytesIO(pcm(sound)), Config(rate=RATE, input_channels=4), notices.append)
    for _ in source:
        time.sleep(0.15)
    (told,) = notices
    assert re.search(r"listening stood still for \d+\.\d s", told)
    assert "a microphone has lost sound that is not counted here" in told


def test_a_pipe_that_stalls_is_told_within_five_seconds(sound: Samples) -> None:
    out, into = os.pipe()
    os.write(into, pcm(sound)[:8_000])
    notices: list[str] = []
    with open(out, "rb") as stream:
        source = PipeSource(stream, Config(rate=RATE, input_channels=4), notices.append)
        silent = [b.status.silent_s for b, _ in zip(source, range(9), strict=False) if b.status]
    os.close(into)
    assert max(silent) >= 2
    assert any("no sound has come for 2 s" in notice for notice in notices)


@pytest.mark.parametrize("address", ["rtsp://camera/audio", "https://example.org/a b.m4a"])
def test_an_address_gets_a_cure(address: str) -> None:
    with pytest.raises(UsageError, match=r"ffmpeg -i .* \| elsa-rt listen -"):
        open_source(address, Config())
