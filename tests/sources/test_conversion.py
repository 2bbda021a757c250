"""Sound that is decoded elsewhere: refused by its name, with commands that were pasted and run."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from elsa_rt.config import Config
from elsa_rt.errors import SourceError
from elsa_rt.sources.containers import container_of
from elsa_rt.sources.files import FileSource
from elsa_rt.sources.open import open_source
from elsa_rt.sources.pipe import PipeSource

RATE = 48_000
Samples = NDArray[np.float32]

needs_ffmpeg = pytest.mark.skipif(
    shutil.which("ffmpeg") is None, reason="needs ffmpeg (apt-get install ffmpeg)"
)


def adts(lengths: tuple[int, ...]) -> bytes:
    """AAC frames of these lengths, four channels at 48 kHz, filled with noise."""
    noise = np.random.default_rng(0)
    frames = b""
    for length in lengths:
        head = 0xFFF1 << 40 | 1 << 38 | 3 << 34 | 4 << 30 | length << 13 | 0x7FF << 2
        frames += head.to_bytes(7, "big") + noise.bytes(length - 7)
    return frames


def packets(count: int) -> bytes:
    """MPEG-TS."""
    return b"".join(b"\x47" + np.random.default_rng(i).bytes(187) for i in range(count))


def piped(data: bytes, config: Config) -> Samples:
    """What is heard of ``data`` through a pipe."""
    out, into = os.pipe()

    def feed() -> None:
        with contextlib.suppress(BrokenPipeError), open(into, "wb") as file:
            file.write(data)

    writer = threading.Thread(target=feed, daemon=True)
    writer.start()
    try:
        with open(out, "rb") as stream, PipeSource(stream, config, print) as source:
            return np.concatenate([block.samples for block in source], axis=1)
    finally:
        writer.join(10)


CODED = {
    "AAC": adts((700, 300, 8_191, 500, 90)),
    "MPEG-TS": packets(20),
    "MP4": b"\0\0\0\x18ftypM4A " + bytes(5_000),
    "Matroska": b"\x1aE\xdf\xa3" + bytes(5_000),
    "WavPack": b"wvpk" + bytes(5_000),
    "DTS": b"\x7f\xfe\x80\x01" + bytes(5_000),
}


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("kind", CODED)
def test_a_coded_stream_is_never_heard_as_samples(kind: str, declared: bool) -> None:
    config = Config(rate=RATE, input_channels=4) if declared else Config()
    with pytest.raises(SourceError, match=f"is {kind} that cannot be read from a pipe: send PCM"):
        piped(CODED[kind], config)


@pytest.mark.parametrize("first", [b"\xff\xf1", b"\xff\xf9\x50\x80\x02\x1f\xfc", b"\x47\x00\x11"])
@pytest.mark.parametrize("count", [3, 40, 9_000])
def test_samples_that_begin_as_a_frame_are_samples(first: bytes, count: int) -> None:
    noise = np.random.default_rng(1).bytes(8 * count)
    raw = first + noise[len(first) :]
    heard = piped(raw, Config(rate=RATE, input_channels=4))
    expected = np.frombuffer(raw, "<i2").reshape(-1, 4).T / np.float32(2**15)
    np.testing.assert_array_equal(heard, expected)


def test_frames_are_told_by_several_in_a_row() -> None:
    assert container_of(adts((700, 300, 800, 400))) == "AAC"
    assert container_of(adts((700, 300, 800))) == ""
    assert container_of(packets(4)) == "MPEG-TS"
    assert container_of(packets(3)) == ""


@pytest.mark.parametrize(
    "make",
    [lambda name: name + "-x.mp4", lambda name: name + "; rm x.wav", lambda name: "-o " + name],
)
def test_a_printed_conversion_can_be_pasted(make: Callable[[str], str], tmp_path: Path) -> None:
    path = tmp_path / make("a b'c")
    path.write_bytes(b"\0\0\0\x18ftypM4A " + bytes(64))
    words = shlex.split(command_of(path))
    assert words[:2] == ["ffmpeg", "-i"]
    assert words[2] == str(path)
    assert words[3].endswith("-converted.wav")


def command_of(path: Path) -> str:
    """The command of the refusal, without what is said beside it."""
    with pytest.raises(SourceError, match="convert it") as failure:
        FileSource(path, Config(), print)
    text = str(failure.value)
    return text[text.index("ffmpeg") :].partition(" (")[0]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a second of four channels of noise that differ."""
    path = tmp_path_factory.mktemp("recording") / "wave.wav"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, (RATE // 2, 4)), RATE)
    return path


def ffmpeg(*words: str | Path) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, words)], check=True, timeout=60)


def order_of(found: Path, recording: Path) -> list[int]:
    """The channels of ``found`` that carry those of ``recording``, counted from 1."""
    sent, got = (np.fft.rfft(soundfile.read(p)[0][: RATE // 2], RATE, axis=0) for p in
                 (recording, found))  # fmt: skip
    alike = [[np.abs(np.fft.irfft(a * b.conj())).max() for b in got.T] for a in sent.T]
    return [int(row.argmax()) + 1 for row in np.array(alike)]


@needs_ffmpeg
@pytest.mark.parametrize(
    ("name", "coding"),
    [
        ("my rec.m4a", "aac"),
        ("a.aac", "aac"),
        ("a.mka", "aac"),
        ("a.ts", "aac"),
        ("a.mp4", "alac"),
        ("a.mov", "pcm_s16le"),
        ("a.webm", "libopus -mapping_family 255"),
        ("-b.mka", "flac"),
    ],
)
def test_conversions_keep_the_channels(
    name: str, coding: str, recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ffmpeg("-i", recording, "-c:a", *coding.split(), f"./{name}")
    words = shlex.split(command_of(Path(name)))
    ffmpeg(*words[1:])
    assert order_of(tmp_path / words[-1], recording) == [1, 2, 3, 4]


@needs_ffmpeg
@pytest.mark.parametrize("name", ["a.aac", "a.m4a", "a.mka", "a.ts"])
def test_aac_of_channels_without_names_is_told_with_their_order(
    name: str, recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    # an encoder that is given four channels by number takes them for C, L, R, Cs
    by_number = "pan=4.0|FC=c0|FL=c1|FR=c2|BC=c3"
    ffmpeg("-i", recording, "-af", by_number, "-c:a", "aac", name)
    with pytest.raises(SourceError, match="listen with --channels 3,1,2,4"):
        FileSource(name, Config(), print)
    words = shlex.split(command_of(Path(name)))
    ffmpeg(*words[1:])
    assert order_of(tmp_path / words[-1], recording) == [3, 1, 2, 4]


@needs_ffmpeg
@pytest.mark.parametrize("tracks", [1, 2])
def test_tracks_are_joined_as_told(
    tracks: int, recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    samples, _ = soundfile.read(recording)
    for number in range(4 // tracks):
        part = samples[:, number * tracks : (number + 1) * tracks]
        soundfile.write(f"{number + 1}.wav", part, RATE)
    with pytest.raises(SourceError, match="are joined by ffmpeg") as failure:
        open_source("1.wav", Config())
    ffmpeg(*shlex.split(str(failure.value).partition("ffmpeg ")[2]))
    np.testing.assert_array_equal(soundfile.read("four.wav")[0], soundfile.read(recording)[0])
