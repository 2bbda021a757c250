"""Raw samples of another kind than declared are named; what is right is left alone."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from elsa_rt.config import Config
from elsa_rt.demo import demo_path
from elsa_rt.sources.files import FileSource
from elsa_rt.sources.pcm import PcmLayout
from elsa_rt.sources.pipe import PipeSource
from elsa_rt.sources.sample_bytes import NEEDED_BYTES, encoding_doubt, looks_like

RATE = 16_000
DECLARABLE = ("s16", "s24", "s24-in-32", "s32", "f32")


def encoded(samples: NDArray[np.float64], kind: str) -> bytes:
    """Samples (4, n) of -1..1 as bytes."""
    flat = np.clip(samples.T.reshape(-1), -1, 1 - 2**-15)
    if kind in ("s16", "s16be"):
        return np.round(flat * 2**15).astype("<i2" if kind == "s16" else ">i2").tobytes()
    if kind == "f32":
        return flat.astype("<f4").tobytes()
    whole = np.round(flat * 2.0**23).astype("<i4")
    if kind == "s24":
        return whole.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    if kind == "s24-in-32":
        return whole.tobytes()
    if kind == "s32 of 24":
        return (whole << 8).tobytes()
    return np.round(flat * 2.0**31).astype("<i4").tobytes()


def sound(level: float, seed: int = 0) -> NDArray[np.float64]:
    """Noise of four channels as a wave from one side has it."""
    generator = np.random.default_rng(seed)
    wave = np.outer([1, 0.8, 0.3, 0.5], generator.normal(0, level, 2400))
    return np.asarray(wave + generator.normal(0, level / 30, wave.shape))


@pytest.mark.parametrize("level", [0.0005, 0.01, 0.04])
@pytest.mark.parametrize("kind", [*DECLARABLE, "s16be", "s32 of 24"])
@pytest.mark.parametrize("declared", DECLARABLE)
def test_every_kind_declared_as_every_other(level: float, kind: str, declared: str) -> None:
    found = looks_like(encoded(sound(level), kind), declared)
    of_four = kind.startswith("s32") and level < 0.001  # the bytes are those of s24-in-32, too
    right = "s24-in-32" if of_four and declared != "s24-in-32" else kind.partition(" ")[0]
    if declared == right:
        assert found == ""
    elif kind == "s24":
        assert found == ""  # three bytes a sample are not looked for
    elif kind == "s16be":
        assert found == ("s16be" if declared == "s16" and level > 0.001 else "")
    elif level < 0.001 and (kind == "s16" or declared == "s16"):
        assert found in (right, "")  # too quiet to tell
    elif of_four and declared == "s24-in-32":
        assert found == ""
    else:
        assert found == right


@pytest.mark.parametrize("kind", DECLARABLE)
@pytest.mark.parametrize("level", [1e-5, 0.001, 0.03, 0.3, 3.0])
@pytest.mark.parametrize("gains", [(1, 1, 1, 1), (1, 0, 1, 0), (1, 0.01, 1, 0.01), (0, 1, 0, 0)])
def test_what_is_right_is_left_alone(kind: str, level: float, gains: tuple[float, ...]) -> None:
    samples = np.array(gains)[:, None] * sound(level) + 2e-5 * sound(1.0, seed=1)
    found = looks_like(encoded(samples, kind), kind)
    quiet = kind == "s32" and np.abs(samples).max() < 2**-8
    assert not found or (quiet and found == "s24-in-32")


@pytest.mark.parametrize("kind", DECLARABLE)
def test_no_moment_of_the_scene_is_taken_for_another_kind(kind: str) -> None:
    scene, _ = soundfile.read(demo_path(), always_2d=True)
    for begin in range(0, len(scene) - 1600, 800):
        for gain in (1.0, 8.0):
            samples = gain * scene[begin : begin + 1600].T
            found = looks_like(encoded(samples, kind), kind)
            quiet = kind == "s32" and np.abs(samples).max() < 2**-8
            assert not found or (quiet and found == "s24-in-32"), begin


def test_silence_and_little_tell_nothing() -> None:
    assert looks_like(bytes(2 * NEEDED_BYTES), "s16") is None
    assert looks_like(encoded(sound(0.01), "s32")[: NEEDED_BYTES - 4], "s16") is None


def test_the_notice_has_the_cure() -> None:
    layout = PcmLayout("s24", 48_000, 4)
    assert encoding_doubt("standard input", encoded(sound(0.01), "s24-in-32"), layout) == (
        "the samples of standard input fill 24 bits of four bytes, declared s24, three packed "
        "bytes a sample: they are S24_LE of ALSA, then say --sample-format s24-in-32, or s32 with "
        "peaks below -48 dBFS"
    )
    assert encoding_doubt("x.raw", encoded(sound(0.04), "s32 of 24"), layout) == (
        "the samples of x.raw are four bytes a sample by their bytes, not s24, three packed bytes "
        "a sample: say --sample-format s32"
    )
    swapped = encoding_doubt(
        "x.raw", encoded(sound(0.01), "s16be"), layout._replace(encoding="s16")
    )
    assert swapped is not None
    assert "ffmpeg -f s16be -ar 48000 -ac 4 -i - -f wav - | elsa-rt listen -" in swapped


class Pipe(io.BytesIO):
    """Standard input that is no terminal."""

    def isatty(self) -> bool:
        return False


def test_a_pipe_and_a_file_say_it_once(tmp_path: Path) -> None:
    config = Config(rate=RATE, input_channels=4, sample_format="s16")
    quiet = bytes(4 * NEEDED_BYTES)
    raw = quiet + encoded(sound(0.01), "f32") * 3
    said: list[str] = []
    with PipeSource(Pipe(raw), config, said.append) as source:
        assert list(source)
    path = tmp_path / "sound.raw"
    path.write_bytes(raw)
    with FileSource(path, config, said.append) as source:
        assert sum(block.samples.shape[1] for block in source) == len(raw) // 8
    assert [text.partition(" are ")[0] for text in said] == [
        "the samples of standard input", f"the samples of {path}",
    ]  # fmt: skip
    assert all(text.endswith("say --sample-format f32") for text in said)
