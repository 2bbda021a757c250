"""The lab form of a calibration: sweeps from many directions become 4 x 4 filters.

    python -m calibration.lab sweep sweep.wav
    python -m calibration.lab filters mine.yaml --sweep sweep.wav \
        --at=0,0=front.wav --at=-45,0=right-front.wav --at=0,90=above.wav ...

A loudspeaker plays the sweep at the same distance from every direction, azimuth and elevation in
degrees, left and up positive. What of it arrives before the first echo gives the responses of the
four channels; they are fitted to AmbiX as those of a known geometry are. With ``--reference``, a
recording of the sweep by a measurement microphone in the same place, the loudspeaker drops out;
without, the mean of all channels and directions is taken for flat.
"""

from __future__ import annotations

import argparse
import sys
from datetime import date
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import angle_deg
from elsa_rt.calibrate.directions import Announced, announced, check_spread
from elsa_rt.errors import ElsaError, SourceError, UsageError
from elsa_rt.microphones.capsules import sphere_grid
from elsa_rt.microphones.encoding import DIRECTIONS, SPECTRUM, fit_encoding, to_taps
from elsa_rt.microphones.profile import Profile
from elsa_rt.microphones.profile_file import write_profile

SWEEP_S = 6.0
SWEEP_HZ = 80.0, 20_000.0
MIN_HZ = 300.0  # the window before the first echo tells nothing below
DIRECT_S = 0.005  # of the response that is kept: the first echo must come later
RISE_S = 0.0015  # kept before the peak

Complex = NDArray[np.complex128]


def exponential_sweep(rate: int, seconds: float = SWEEP_S) -> NDArray[np.float64]:
    """A sweep (n,) of peak 0.5 from low to high, faded at both ends (Farina, AES 108, 2000)."""
    low, high = SWEEP_HZ[0], min(SWEEP_HZ[1], 0.45 * rate)
    time_s = np.arange(round(seconds * rate)) / rate
    growth = seconds / np.log(high / low)
    sweep = 0.5 * np.sin(2 * np.pi * low * growth * (np.exp(time_s / growth) - 1))
    fade = round(0.02 * rate)
    ramp = 0.5 - 0.5 * np.cos(np.pi * np.arange(fade) / fade)
    sweep[:fade] *= ramp
    sweep[-fade:] *= ramp[::-1]
    return np.asarray(sweep, np.float64)


def impulse_responses(
    recorded: NDArray[np.float64], sweep: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Responses (c, n) to ``sweep`` (m,) in what was ``recorded`` (c, n) of it."""
    size = int(2 ** np.ceil(np.log2(recorded.shape[1] + len(sweep))))
    played = np.fft.rfft(sweep, size)
    power = np.abs(played) ** 2
    inverse = played.conj() / (power + 1e-6 * power.max())  # where nothing was played, nothing is
    return np.fft.irfft(np.fft.rfft(recorded, size) * inverse, size)[:, : recorded.shape[1]]


def direct_spectra(responses: NDArray[np.float64], rate: int) -> Complex:
    """Spectra (SPECTRUM // 2 + 1, c) of the direct sound, its arrival at time zero.

    The arrival is that of the sum of all channels, so that it is the middle of the microphone
    whatever the direction.
    """
    together = np.abs(responses.sum(axis=0)) + np.abs(responses).sum(axis=0)
    peak = int(together.argmax())
    rise, length = round(RISE_S * rate), round((RISE_S + DIRECT_S) * rate)
    start = peak - rise
    if start < 0:
        raise SourceError("the sweep's sound arrives before the recording: begin it earlier")
    fade = length // 4
    window = np.ones(min(length, responses.shape[1] - start))
    window[-fade:] = 0.5 + 0.5 * np.cos(np.pi * np.arange(fade) / fade)
    piece = responses[:, start : start + len(window)] * window
    spectra = np.fft.rfft(piece, SPECTRUM).T
    hz = np.fft.rfftfreq(SPECTRUM, 1 / rate)
    band = (hz >= MIN_HZ) & (hz <= 3_000)
    total = spectra.sum(axis=1)
    step = np.angle(np.sum(total[band][1:] * total[band][:-1].conj()))  # radians from bin to bin
    return np.asarray(spectra * np.exp(-1j * step * np.arange(len(hz)))[:, None], np.complex128)


def fit_filters(
    spectra: Complex, directions: list[Announced], rate: int, reference: Complex | None = None
) -> tuple[NDArray[np.float64], int, float]:
    """Filters from measured ``spectra`` (f, d, 4): taps (4, 4, t), their delay, and their error.

    The error is the root mean square angle in degrees of the directions that were measured,
    between `MIN_HZ` and 3 kHz.
    """
    hz = np.fft.rfftfreq(SPECTRUM, 1 / rate)
    flat = _flattened(spectra, hz, reference)
    towards = np.stack([one.towards for one in directions])
    # each point of an even grid takes the direction next to it: so all weigh as they should
    nearest = (sphere_grid(DIRECTIONS) @ towards.T).argmax(axis=1)
    mix = fit_encoding(flat[:, nearest], towards[nearest])
    made = to_taps(mix, rate)
    band = (hz >= MIN_HZ) & (hz <= 3_000)
    foa = flat[band] @ mix[band].swapaxes(1, 2)  # (f, d, 4)
    flow = (foa[:, :, :1].conj() * foa[:, :, [3, 1, 2]]).real.sum(axis=0)
    error = angle_deg(flow, towards)
    return made.taps.astype(np.float64), made.delay, float(np.sqrt(np.mean(error**2)))


def _flattened(
    spectra: Complex, hz: NDArray[np.float64] | NDArray[np.floating], reference: Complex | None
) -> Complex:
    """``spectra`` without the loudspeaker, at a level at which W of a plane wave is 1."""
    mean = np.sqrt(np.mean(np.abs(spectra) ** 2, axis=(1, 2)))
    common = mean if reference is None else reference
    quiet = np.abs(common) < 1e-3 * np.abs(common).max()
    flat = spectra / np.where(quiet, np.inf, common)[:, None, None]
    lowest = int(np.searchsorted(hz, MIN_HZ))
    flat[:lowest] = flat[lowest].real
    return flat


def _read(path: str) -> tuple[NDArray[np.float64], int]:
    try:
        samples, rate = soundfile.read(path, always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        raise SourceError(f"cannot read {path}: {error}") from None
    return np.asarray(samples.T, np.float64), int(rate)


def make_profile(arguments: argparse.Namespace) -> float:
    """Write the profile and its filters; the error in degrees."""
    sweep, rate = _read(arguments.sweep)
    directions, measured = [], []
    for text in arguments.at:
        direction, equals, path = text.partition("=")
        if not equals:
            raise UsageError(f"--at {text}: AZIMUTH,ELEVATION=FILE is needed")
        directions.append(announced(direction))
        samples, its_rate = _read(path)
        if len(samples) < 4 or its_rate != rate:
            raise SourceError(
                f"{path}: {len(samples)} channels at {its_rate} Hz, four at {rate} Hz are needed"
            )
        measured.append(direct_spectra(impulse_responses(samples[:4], sweep[0]), rate))
    check_spread(directions)
    reference = None
    if arguments.reference:
        samples, _ = _read(arguments.reference)
        reference = direct_spectra(impulse_responses(samples[:1], sweep[0]), rate)[:, 0]
    taps, delay, error = fit_filters(np.stack(measured, 1), directions, rate, reference)
    path = Path(arguments.profile)
    filters = path.with_suffix(".npz")
    np.savez(filters, taps=taps, rate=rate, delay=delay)
    said = f"sweeps from {len(directions)} directions, {date.today().isoformat()}"
    write_profile(
        Profile(
            path.stem,
            f"{path.stem}, measured",
            about=f"4 x 4 filters from {said}.",
            formats=("a-format",),
            filters=filters,
            limit_hz=arguments.limit_hz,
            residual_deg=round(error, 1),
            sources={"formats": said, "filters": said},
        ),
        path,
    )
    return error


def main() -> int:
    """Make a sweep, or filters from recordings of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    sweep = commands.add_parser("sweep", help="write the sweep to play")
    sweep.add_argument("path")
    sweep.add_argument("--rate", type=int, default=48_000)
    sweep.add_argument("--seconds", type=float, default=SWEEP_S)
    filters = commands.add_parser("filters", help="make a profile from recordings of the sweep")
    filters.add_argument("profile", metavar="PROFILE.yaml")
    filters.add_argument("--sweep", required=True)
    filters.add_argument("--at", action="append", default=[], metavar="AZIMUTH,ELEVATION=FILE")
    filters.add_argument("--reference", metavar="FILE")
    filters.add_argument("--limit-hz", type=float, help="above it directions are wrong")
    asked = parser.parse_args()
    try:
        if asked.command == "sweep":
            soundfile.write(asked.path, exponential_sweep(asked.rate, asked.seconds), asked.rate)
        else:
            print(f"{asked.profile}: {make_profile(asked):.1f} degrees off on average")
    except ElsaError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
