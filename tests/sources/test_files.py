"""Files: every container, every way to be broken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from numpy.typing import NDArray

from elsa_rt.audio.block import Block
from elsa_rt.config import Config
from elsa_rt.errors import SourceError, UsageError
from elsa_rt.sources.open import open_source

RATE = 48_000


def noise(channels: int = 4, count: int = RATE) -> NDArray[np.float32]:
    return np.random.default_rng(1).uniform(-0.5, 0.5, (channels, count)).astype(np.float32)


def play(path: Path | str, config: Config | None = None) -> tuple[list[Block], list[str]]:
    said: list[str] = []
    with open_source(path, config or Config(), said.append) as source:
        assert source.rate == RATE
        assert not source.live
        return list(source), said


def together(blocks: list[Block]) -> NDArray[np.float32]:
    starts = np.cumsum([0, *(block.samples.shape[1] for block in blocks)])[:-1]
    assert [block.start for block in blocks] == starts.tolist()
    assert not any(block.dropped for block in blocks)
    return np.concatenate([block.samples for block in blocks], axis=1)


@pytest.mark.parametrize(
    ("name", "options", "tolerance"),
    [
        ("a.wav", {"subtype": "FLOAT"}, 0),
        ("a.wav", {"subtype": "PCM_24"}, 2**-23),
        ("a.flac", {}, 2**-15),
        ("a.caf", {}, 2**-15),
        ("a.w64", {}, 2**-15),
    ],
)
def test_containers(tmp_path: Path, name: str, options: dict[str, str], tolerance: float) -> None:
    sent = noise()
    sf.write(tmp_path / name, sent.T, RATE, **options)
    blocks, said = play(str(tmp_path / name))
    assert said == []
    assert np.abs(together(blocks) - sent).max() <= tolerance
    assert {block.samples.shape[1] for block in blocks} == {4800}
    assert all(b.samples.dtype == np.float32 and b.samples.flags.c_contiguous for b in blocks)


@pytest.mark.parametrize("subtype", ["OPUS", "VORBIS"])
def test_lossy_ogg(tmp_path: Path, subtype: str) -> None:
    time_s = np.arange(RATE) / RATE
    sent = np.stack([0.3 * np.sin(2 * np.pi * hz * time_s) for hz in (300, 500, 700, 900)])
    sf.write(tmp_path / "a.ogg", sent.T, RATE, format="OGG", subtype=subtype)
    blocks, said = play(tmp_path / "a.ogg")
    assert said == []
    got = together(blocks)
    assert got.shape == sent.shape
    assert np.sqrt(np.mean((got - sent) ** 2)) < 0.03


def test_more_channels_come_whole(tmp_path: Path) -> None:
    sf.write(tmp_path / "a.wav", noise(6).T, RATE, subtype="FLOAT")
    blocks, _ = play(tmp_path / "a.wav", Config(channels=(6, 5, 4, 3)))
    np.testing.assert_array_equal(together(blocks), noise(6))
    with pytest.raises(UsageError, match=r"channels 1,2,3,7 of .*a\.wav has only 6 channels"):
        play(tmp_path / "a.wav", Config(channels=(1, 2, 3, 7)))


def test_realtime_keeps_the_pace_of_a_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s, slept_s = 100.0, [0.0]
    monkeypatch.setattr("elsa_rt.sources.files.time.sleep", slept_s.append)
    monkeypatch.setattr("elsa_rt.sources.files.time.monotonic", lambda: now_s + sum(slept_s))
    sf.write(tmp_path / "a.wav", noise(4, RATE // 2).T, RATE)
    blocks, _ = play(tmp_path / "a.wav", Config(realtime=True))
    assert sum(slept_s) == pytest.approx(sum(b.samples.shape[1] for b in blocks) / RATE, abs=0.11)
    assert max(slept_s) <= 0.11


def test_two_channels(tmp_path: Path) -> None:
    sf.write(tmp_path / "a.wav", noise(2).T, RATE)
    with pytest.raises(SourceError, match=r"a\.wav has 2 channels, four are needed"):
        play(tmp_path / "a.wav")


@pytest.mark.parametrize("name", ["gone.wav", "no/such/place"])
def test_missing(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"cannot open .*: No such file or directory"):
        play(str(tmp_path / name))


def test_bare_missing_name_with_suffix_is_a_file() -> None:
    with pytest.raises(UsageError, match=r"cannot open missing\.flac"):
        play("missing.flac")


def test_directory(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="it is a directory"):
        play(tmp_path)


def test_empty(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    with pytest.raises(SourceError, match=r"a\.wav is empty \(0 bytes\)"):
        play(tmp_path / "a.wav")
    sf.write(tmp_path / "b.wav", noise()[:, :0].T, RATE)
    with pytest.raises(SourceError, match=r"b\.wav holds no samples"):
        play(tmp_path / "b.wav")


def test_no_sound_at_all(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("this is a letter\n" * 100)
    with pytest.raises(SourceError, match=r"cannot read .*a\.wav as sound .*ffmpeg -i"):
        play(tmp_path / "a.wav")


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.w64", "a.aiff", "a.ogg"])
def test_truncated_plays_what_is_there_and_says_so(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    sf.write(path, noise().T, RATE)
    whole, said = play(path)
    assert said == []
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    blocks, said = play(path)
    got = together(blocks)
    assert 0.25 * RATE < got.shape[1] < 0.6 * RATE
    if name != "a.ogg":
        np.testing.assert_array_equal(got, together(whole)[:, : got.shape[1]])
    assert len(said) == 1
    assert f"{name} is cut short after 0." in said[0]


def test_header_of_unknown_length_is_no_truncation(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    sf.write(path, noise().T, RATE)
    raw = bytearray(path.read_bytes())
    at = raw.index(b"data") + 4
    raw[4:8] = raw[at : at + 4] = b"\xff\xff\xff\x7f"  # as arecord and ffmpeg write to a pipe
    path.write_bytes(raw)
    blocks, said = play(path)
    assert said == []
    assert together(blocks).shape == (4, RATE)
