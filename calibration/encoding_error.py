"""How far encoded directions are off, by frequency: ``python -m calibration.encoding_error``.

Plane waves from everywhere meet simulated tetrahedra. "before" is the plain matrix of A-format,
"after" the filters that elsa-rt makes of the geometry; both are compared with ideal AmbiX, whose
error is zero.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibration.capsule_signals import plane_wave_responses
from elsa_rt.audio.ambisonics import CARDIOID, angle_deg, decode_matrix
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.microphones.capsules import Capsules, layout, sphere_grid
from elsa_rt.microphones.encoding import encode_capsules

RADII_MM = (10, 15, 25)
BANDS_HZ = (250, 500, 1000, 2000, 3000, 4000, 6000)
DIRECTIONS = 500


class Error(NamedTuple):
    """What one way of encoding makes of plane waves of one frequency."""

    angle_deg: float  # root mean square over all directions
    diffuseness: float  # mean; 0 is right
    level_db: float  # of W in a diffuse field; 0 is right


def encoded_error(
    responses: NDArray[np.complex128],
    mix: NDArray[np.complex128] | NDArray[np.float64],
    directions: NDArray[np.float64],
) -> Error:
    """Judge ``mix`` (4, 4) of ``responses`` (d, 4) to plane waves from ``directions`` (d, 3)."""
    foa = responses @ mix.T
    flow = (foa[:, :1].conj() * foa[:, [3, 1, 2]]).real
    strength = np.linalg.norm(flow, axis=1)
    angles = angle_deg(flow, directions)
    energy = np.sum(np.abs(foa) ** 2, axis=1) / 2
    return Error(
        float(np.sqrt(np.mean(angles**2))),
        float(np.mean(1 - strength / energy)),
        float(10 * np.log10(np.mean(np.abs(foa[:, 0]) ** 2))),
    )


def before_and_after(
    radius_mm: float, rigid: bool, rate: int, bands_hz: tuple[int, ...] = BANDS_HZ
) -> Iterator[tuple[int, Error, Error]]:
    """For each frequency its errors with the plain matrix, and with the filters."""
    directions = sphere_grid(DIRECTIONS)
    capsules = Capsules(layout("type-i"), radius_mm / 1000, CARDIOID, rigid)
    made = encode_capsules(capsules, rate)
    heard = plane_wave_responses(
        capsules.directions, directions, np.array(bands_hz, float), capsules.radius_m,
        capsules.directivity, rigid=rigid,
    )  # fmt: skip
    for hz, responses in zip(bands_hz, heard, strict=True):
        before = encoded_error(responses, decode_matrix("a-format"), directions)
        yield hz, before, encoded_error(responses, made.mix(hz, rate), directions)


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=ModelBundle.load().features.rate)
    rate = parser.parse_args().rate
    print(f"root mean square direction error, before -> after, degrees, at {rate} Hz\n")
    print("| tetrahedron | limit |", " | ".join(f"{hz} Hz" for hz in BANDS_HZ), "|")
    print("|---|--:|" + "--:|" * len(BANDS_HZ))
    for rigid in (False, True):
        for radius_mm in RADII_MM:
            limit = Capsules(layout("type-i"), radius_mm / 1000).coincidence_hz
            cells = [
                f"{before.angle_deg:.1f} -> {after.angle_deg:.1f}"
                for _, before, after in before_and_after(radius_mm, rigid, rate)
            ]
            kind = "pressure, rigid" if rigid else "cardioids, open"
            print(f"| {kind}, {radius_mm} mm | {limit:.0f} Hz |", " | ".join(cells), "|")


if __name__ == "__main__":
    main()
