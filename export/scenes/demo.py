"""Render the scene that ``elsa-rt listen --demo`` plays.

    python -m export demo [-o elsa_rt/demo/scene.flac]

Six sounds follow each other from six directions in a furnished room with a diffuse background.
Everything is synthesised, the speech by espeak-ng. ``scene.yaml`` beside the file says what is
where. The same seed gives the same scene.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import yaml
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from elsa_rt.audio.ambisonics import direction_from_angles, plane_wave
from elsa_rt.errors import ElsaError
from export.acoustics.arrivals import SOUND_SPEED
from export.acoustics.shoebox import room_response
from export.synthesis import speak, synthesise
from export.synthesis.elements import fade, noise

DEFAULT_OUTPUT = Path("elsa_rt/demo/scene.flac")
RATE = 24_000  # Hz
SEED = 11
SNR_DB = 25.0  # events' mean power while they sound, against the background, both in W
PAUSE_S = 0.7  # after the time kept for a sound
PEAK = 0.7
AUDIBLE = 0.04  # of the peak: a sound begins and ends here

ROOM = (7.0, 6.0, 2.9)  # m
LISTENER = (3.3, 3.1, 1.4)  # m
T60 = 0.3  # s

SENTENCE = "Hello? Is anybody at home?"
VOICE = "en-gb+f3"
DISTRACTORS = ("a dog barking", "heavy rain falling")


@dataclass(frozen=True)
class DemoEvent:
    """One sound of the scene and its place seen from the microphone."""

    label: str
    prompt: str
    azimuth_deg: float
    elevation_deg: float
    distance_m: float
    level_db: float  # of its mean power, against that of the other events
    draw: int  # which draw of the synthesis
    seconds: float  # kept for it, whether it is shorter or is faded out

    @property
    def direction(self) -> NDArray[np.float64]:
        """Unit vector (3,) that points to the sound."""
        return direction_from_angles(self.azimuth_deg, self.elevation_deg)


EVENTS = (
    DemoEvent("speech", "a person speaking", 90, 0, 1.5, 0, 0, 2.5),
    DemoEvent("door knock", "someone knocking on a door", -40, -5, 1.6, 0, 5, 1.4),
    DemoEvent("bicycle bell", "a bicycle bell ringing", 25, 0, 1.5, -3, 6, 2.4),
    DemoEvent("glass breaking", "glass breaking", 175, -10, 1.5, 0, 7, 2.2),
    DemoEvent("telephone ringing", "a telephone ringing", -100, -10, 1.3, -3, 5, 3.6),
    DemoEvent("smoke alarm", "a smoke alarm", 130, 30, 1.6, -3, 8, 3.6),
)


@dataclass(frozen=True)
class Scene:
    """The sound (4, n) in AmbiX and the description that goes beside it."""

    foa: NDArray[np.float32]
    description: dict[str, Any]


def dry_sound(event: DemoEvent) -> NDArray[np.float32]:
    """The event as its maker would hear it, from its onset, (n,)."""
    rng = np.random.default_rng([SEED, event.draw])
    if event.label == "speech":
        sound = speak(SENTENCE, VOICE, rng, RATE)
    else:
        sound = synthesise(event.label, rng, RATE)
    onset = int(np.argmax(np.abs(sound) > AUDIBLE))
    sound = sound[onset : onset + round(event.seconds * RATE)]
    return np.asarray(sound * fade(sound.size, RATE, 1 / RATE, 0.05), np.float32)


def background(size: int, rng: np.random.Generator, waves: int = 24) -> NDArray[np.float64]:
    """Diffuse noise (4, size) of unit power in W: independent plane waves from all around.

    The directions lie on a spherical Fibonacci lattice.
    """
    k = np.arange(waves)
    azimuth = k * 180 * (3 - np.sqrt(5))
    elevation = np.degrees(np.arcsin(1 - (2 * k + 1) / waves))
    gains = plane_wave(direction_from_angles(azimuth, elevation)).T  # (4, waves)
    parts = np.stack([noise(size, RATE, rng, 80, 3000, 1, 1) for _ in range(waves)])
    return np.asarray(gains @ parts / np.sqrt(waves))


def place(event: DemoEvent, sound: NDArray[np.float32]) -> NDArray[np.float64]:
    """The event in the room as the microphone hears it, (4, n), with its level."""
    rng = np.random.default_rng([SEED, 0])  # the same walls for all
    source = np.array(LISTENER) + event.distance_m * event.direction
    response = room_response(ROOM, source, LISTENER, T60, RATE, rng)
    wet = fftconvolve(sound[None, :], response, axes=1)
    loud = wet[0, : sound.size]
    return np.asarray(wet * 10 ** (event.level_db / 20) / np.sqrt(np.mean(loud**2)))


def render() -> Scene:
    """Compose the scene: events one after the other, their reverberation, the background.

    Starts are fixed, so that another release of espeak-ng changes the speech alone.
    """
    at, events, placed = round(PAUSE_S * RATE), [], []
    for event in EVENTS:
        sound = dry_sound(event)
        placed.append((at, place(event, sound)))
        start = at / RATE + event.distance_m / SOUND_SPEED
        sounding = int(np.flatnonzero(np.abs(sound) > AUDIBLE)[-1]) + 1
        events.append(
            {
                "label": event.label,
                "prompt": event.prompt,
                "start_s": round(start, 3),
                "end_s": round(start + sounding / RATE, 3),
                "azimuth_deg": event.azimuth_deg,
                "elevation_deg": event.elevation_deg,
                "distance_m": event.distance_m,
            }
        )
        at += round((event.seconds + PAUSE_S) * RATE)
    foa = 10 ** (-SNR_DB / 20) * background(at, np.random.default_rng(SEED))
    for start, wet in placed:
        end = min(at, start + wet.shape[1])
        foa[:, start:end] += wet[:, : end - start]
    foa *= PEAK / np.abs(foa).max()
    return Scene(foa.astype(np.float32), describe(events, at))


def describe(events: Sequence[dict[str, Any]], size: int) -> dict[str, Any]:
    """What ``scene.yaml`` holds."""
    return {
        "about": "first-order ambisonics, AmbiX (W, Y, Z, X; SN3D), all of it synthesised",
        "licence": "Apache-2.0",
        "made_by": "python -m export demo",
        "rate": RATE,
        "seconds": round(size / RATE, 3),
        "seed": SEED,
        "snr_db": SNR_DB,
        "speech": {"text": SENTENCE, "voice": f"espeak-ng {VOICE}"},
        "room": {"size_m": list(ROOM), "listener_m": list(LISTENER), "t60_s": T60},
        "events": list(events),
        "distractors": list(DISTRACTORS),
    }


def write(scene: Scene, path: Path) -> None:
    """Write ``path`` (16-bit FLAC) and the YAML file of the same name beside it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, scene.foa.T, RATE, "PCM_16", format="FLAC", compression_level=1.0)
        path.with_suffix(".yaml").write_text(
            yaml.safe_dump(scene.description, sort_keys=False, allow_unicode=True), "utf-8"
        )
    except (OSError, soundfile.LibsndfileError) as problem:
        raise ElsaError(
            f"demo scene: could not write {path}: {problem}; choose another place with -o"
        ) from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m export demo", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=DEFAULT_OUTPUT,
        help="FLAC file to write; a YAML file goes beside it (default: %(default)s)",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    try:
        scene = render()
        write(scene, options.output)
    except ElsaError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return problem.exit_code
    print(f"{options.output}: {scene.foa.shape[1] / RATE:.1f} s, {len(EVENTS)} sounds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
