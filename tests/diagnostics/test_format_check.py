"""The format check: what each layout looks like under the name of another."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import decode_matrix, direction_from_angles, plane_wave
from elsa_rt.audio.block import Block
from elsa_rt.config import Config
from elsa_rt.diagnostics.first_look import FirstLook
from elsa_rt.diagnostics.format_check import format_doubt
from elsa_rt.diagnostics.monitor import HealthMonitor
from elsa_rt.microphones.library import profile_of

RATE = 48_000


def wave(azimuth: float, level: float = 0.1) -> NDArray[np.float64]:
    """AmbiX (4, n): bursts from one direction over the noise of the capsules."""
    rng = np.random.default_rng(1)
    count = 5 * RATE
    burst = rng.standard_normal(count) * (np.arange(count) / RATE % 1.0 < 0.5)
    gains = plane_wave(direction_from_angles(azimuth, 20))
    return level * (gains[:, None] * burst + 0.01 * rng.standard_normal((4, count)))


@pytest.mark.parametrize("azimuth", [0, 60, -135])
@pytest.mark.parametrize("form", ["ambix", "fuma", "n3d"])
def test_the_declared_format_is_not_doubted(form: str, azimuth: float) -> None:
    samples = np.linalg.inv(decode_matrix(form)) @ wave(azimuth)  # type: ignore[arg-type]
    assert format_doubt(samples, RATE, form) is None


@pytest.mark.parametrize("azimuth", [0, 60, -135])
@pytest.mark.parametrize(
    ("form", "declared", "cure"),
    [
        ("n3d", "ambix", "--format n3d"),
        ("n3d", "fuma", "--format n3d"),
        ("ambix", "n3d", "--format ambix"),
        ("fuma", "ambix", "--format fuma"),
        ("ambix", "fuma", "--format ambix"),
    ],
)
def test_another_format_is_named(form: str, declared: str, cure: str, azimuth: float) -> None:
    samples = np.linalg.inv(decode_matrix(form)) @ wave(azimuth)  # type: ignore[arg-type]
    assert cure in (format_doubt(samples, RATE, declared) or "")


def sides(spread: float = 1.0) -> NDArray[np.float64]:
    """AmbiX (4, n) of bursts from eight directions at a time, and noise of the capsules."""
    rng = np.random.default_rng(2)
    places = [(0, 0), (90, 10), (180, -20), (-90, 30), (45, 60), (-135, -45), (20, 5), (120, 0)]
    gains = np.stack([plane_wave(direction_from_angles(*place)) for place in places], axis=1)
    strengths = np.array([1.0, *[spread] * 7])[:, None]
    return 0.05 * gains @ (strengths * rng.standard_normal((8, 4 * RATE)))


@pytest.mark.parametrize("declared", ["ambix", "fuma"])
def test_n3d_is_named_where_sound_comes_from_several_directions(declared: str) -> None:
    samples = sides(0.5) + 1e-4 * np.random.default_rng(3).standard_normal((4, 4 * RATE))
    n3d = np.linalg.inv(decode_matrix("n3d")) @ samples
    assert "--format n3d" in (format_doubt(n3d, RATE, declared) or "")
    right = np.linalg.inv(decode_matrix(declared)) @ samples  # type: ignore[arg-type]
    assert format_doubt(right, RATE, declared) is None


@pytest.mark.parametrize("level", [0.0, 0.1, 0.3, 0.6])
def test_noise_of_the_channels_is_not_taken_for_n3d(level: float) -> None:
    noise = 0.01 * np.random.default_rng(4).standard_normal((4, 4 * RATE))
    samples = noise + level * 0.01 * sides(0.3) / sides(0.3)[0].std()
    assert "n3d" not in (format_doubt(samples, RATE, "ambix") or "")


def test_the_order_that_aac_makes_is_told() -> None:
    doubt = format_doubt(wave(60)[[1, 2, 0, 3]], RATE, "ambix") or ""
    assert "channel 3" in doubt
    assert "--channels 3,1,2,4" in doubt


def test_a_doubt_is_said_once_while_listening() -> None:
    look = FirstLook("ambix")
    said: list[str] = []
    samples = (np.linalg.inv(decode_matrix("fuma")) @ wave(60)).astype(np.float32)
    for at in range(1, 10):
        said += filter(None, look.step(samples, RATE, 5.0 * at))
    assert len(said) == 1
    assert "--format fuma" in said[0]


def notices(sound: NDArray[np.floating], block: int) -> list[str]:
    """What a health monitor says of the format of ``sound`` that comes in blocks."""
    monitor = HealthMonitor(profile_of(Config()))
    said = []
    for at in range(0, sound.shape[1], block):
        said += monitor.step(Block(sound[:, at : at + block].astype(np.float32), RATE, at))
    return [text for text in [*said, *monitor.finish()] if "--format" in text]


@pytest.mark.parametrize("block", [63, 481, 3_840, RATE, 2 * RATE])
def test_a_look_is_at_the_same_sound_however_long_it_takes(block: int) -> None:
    """It goes on while other sound comes, which is in AmbiX as declared."""
    fuma = np.linalg.inv(decode_matrix("fuma")) @ wave(60)[:, : 4 * RATE + 4_800]
    length = -(-4 * RATE // block) * block  # the look begins here
    (alone,) = notices(fuma[:, : 4 * RATE], 4 * RATE)
    (said,) = notices(np.concatenate([fuma[:, :length], wave(-60)[:, : 3 * RATE]], axis=1), block)
    assert "--format fuma" in said
    if length == 4 * RATE:
        assert said == alone


@pytest.mark.parametrize(("level", "told"), [(0.1, False), (1e-4, True)])
def test_a_quiet_microphone_is_told(level: float, told: bool) -> None:
    look = FirstLook("ambix")
    said = [*filter(None, look.step(wave(60, level).astype(np.float32), RATE, 12.0))]
    assert any("the microphone is quiet" in text for text in said) == told


def on_capsules(azimuth: float, elevation: float = 0.0, seed: int = 0) -> NDArray[np.float64]:
    """A-format (4, n) of noise from one direction."""
    rng = np.random.default_rng(seed)
    capsules = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3)
    gains = 0.5 + 0.5 * capsules @ direction_from_angles(azimuth, elevation)
    return np.outer(gains, rng.normal(0, 0.1, 4 * RATE)) + rng.normal(0, 1e-4, (4, 4 * RATE))


@pytest.mark.parametrize(("azimuth", "elevation", "guess"), [(-30, 20, "fuma"), (120, 0, "n3d")])
def test_one_wave_on_capsules_that_looks_like_another_format(
    azimuth: float, elevation: float, guess: str
) -> None:
    """Of one wave all channels are alike in any format: the advice names A-format, too."""
    doubt = format_doubt(on_capsules(azimuth, elevation), RATE, "ambix")
    assert doubt is not None
    assert doubt.endswith(f"try --format {guess}, or is it A-format?")


def test_the_format_is_looked_at_until_sound_comes_from_several_directions() -> None:
    look = FirstLook("ambix")
    assert not any(look.step(on_capsules(60).astype(np.float32), RATE, 4.0))
    assert not look.done
    around = [(0, 0), (90, 0), (180, 0), (-90, 0), (0, 80), (0, -80)]
    many = sum(on_capsules(*towards, seed) for seed, towards in enumerate(around))
    (told,) = filter(None, look.step(np.asarray(many, np.float32), RATE, 8.0))
    assert "it looks like A-format, try --format a-format" in told


def test_one_wave_for_a_minute_is_enough() -> None:
    look = FirstLook("ambix")
    for position_s in (4.0, 8.0, 60.0):
        assert not any(look.step(wave(60)[:, : 4 * RATE].astype(np.float32), RATE, position_s))
        assert look.done is (position_s == 60.0)
