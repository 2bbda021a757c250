"""Check of the ambisonic format: whether four channels are in the one declared."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from elsa_rt.diagnostics.cross_spectra import BandSpectra, frequency_band, mean_coherence
from elsa_rt.quantiles import median

LOW_HZ, HIGH_HZ = 200.0, 1_000.0  # capsules are nearly in one point here
ALIKE = 0.45  # mean coherence of A-format is 0.67 in a diffuse field, of B-format 0
APART = 0.3
EVEN_DB = 2.5  # capsules are as loud as each other within this
W_AGAINST_XYZ_DB = {"ambix": 0.0, "fuma": -3.0, "n3d": -4.8}
N3D_DB = 4.77
SURE_DB = 1.2  # from what is expected of one wave
EXACT_DB = 0.3  # so near it is hardly a chance
WAVES_SHARE = 0.1  # of the power of X, Y, Z: so much of it is waves, and not noise of the channels
WAVE_SHARE = 0.7  # of the power of X, Y, Z that W foretells: one wave rules there
LOUDER_DB = {"ambix": 1.5, "fuma": 4.0}  # than W no channel is


def spectra_for(rate: int) -> BandSpectra:
    """Where the cross-spectra gather that `doubt_of` and `one_wave_rules` judge by."""
    band = np.flatnonzero(frequency_band(rate, LOW_HZ, HIGH_HZ))
    return BandSpectra(int(band[0]), int(band[-1]) + 1)


def one_wave_rules(spectra: NDArray[np.complex128]) -> bool:
    """Whether the channels of `spectra_for` are alike, as in any format when one wave rules.

    Then a wrong format may look right; sound from several directions tells more.
    """
    return _alikeness(spectra) > ALIKE


def _alikeness(spectra: NDArray[np.complex128]) -> float:
    """Mean coherence of two different channels, 0..1."""
    return float((np.abs(mean_coherence(spectra)).sum() - 4) / 12)


def format_doubt(samples: NDArray[np.floating], rate: int, form: str) -> str | None:
    """Why ``samples`` (4, n) of everyday noise are not in format ``form``, or None."""
    gathered = spectra_for(rate)
    gathered.add(samples)
    return doubt_of(gathered.mean, form)


def doubt_of(spectra: NDArray[np.complex128], form: str) -> str | None:
    """Why the sound of ``spectra`` (f, 4, 4) of `spectra_for` is not in format ``form``, or None.

    Capsules are about as loud as each other and alike. Of B-format the powers of X, Y and Z make
    that of W in AmbiX and twice that in FuMa, in any sound field that is not mostly one standing
    wave.
    """
    diagonal = np.einsum("fcc->fc", spectra).real
    power = np.mean(diagonal / (diagonal.sum(axis=1, keepdims=True) + 1e-30), axis=0)
    if not (power > 1e-6).all():
        return None  # a dead channel, which is said elsewhere
    level = 10 * np.log10(power)
    alike = _alikeness(spectra)
    if form != "a-format":
        return _doubt_of_b_format(spectra, power, alike, form)
    loudest = int(level.argmax())
    if alike < APART and level[loudest] - np.delete(level, loudest).max() > EVEN_DB:
        return (
            f"declared a-format, but the channels have little in common (coherence {alike:.2f}, "
            f"capsules have about 0.67) and channel {loudest + 1} is the loudest, as W is: it "
            "looks like B-format, try --format ambix or --format fuma"
        )
    return None


def _doubt_of_b_format(
    spectra: NDArray[np.complex128],
    power: NDArray[np.float64],
    alike: float,
    form: str,
) -> str | None:
    level = 10 * np.log10(power)
    if alike > ALIKE and np.ptp(level) < EVEN_DB + 1:
        return (
            f"declared {form}, but all four channels are alike (coherence {alike:.2f}) and as "
            "loud as each other, as capsules are: it looks like A-format, try --format a-format "
            "or --microphone"
        )
    wanted = W_AGAINST_XYZ_DB[form]
    waves = _wave_ratio_db(spectra)
    told = f"declared {form}, "
    capsules = ", or is it A-format?" if alike > ALIKE else ""  # one wave is alike in all channels
    loudest = int(level.argmax())
    exact = waves is not None and abs(waves - N3D_DB) < EXACT_DB
    if waves is not None and form in ("ambix", "fuma") and abs(waves - N3D_DB) < SURE_DB:
        return (
            f"{told}but X, Y and Z of single waves are {waves:.1f} dB stronger than W, "
            f"{N3D_DB:.1f} dB is N3D: try --format n3d{'' if exact else capsules}"
        )
    if waves is not None and form == "n3d" and abs(waves) < SURE_DB:
        return (
            f"{told}but X, Y and Z of single waves are as strong as W, as in SN3D: try "
            "--format ambix"
        )
    if form == "n3d":
        return None
    ratio_db = 10 * np.log10(power[0] / power[1:].sum())
    other = "fuma" if form == "ambix" else "ambix"
    expected = W_AGAINST_XYZ_DB[other]
    fits_other = abs(ratio_db - expected) < 1.0 < abs(ratio_db - wanted)
    above = level[loudest] - level[0]
    if loudest != 0 and above > LOUDER_DB[form]:
        hint = capsules + (f"; --format {other} would fit, too" if fits_other else "")
        hint += "; if Y, Z and X are all too loud it is N3D: --format n3d" if above < 6 else ""
        hint += "; AAC makes --channels 3,1,2,4 of W, Y, Z, X" if loudest == 2 else ""
        return (
            f"{told}whose first channel is W and the loudest, but channel {loudest + 1} of the "
            f"four is {above:.1f} dB louder: see to the order of --channels{hint}"
        )
    if fits_other:
        return (
            f"{told}but W is {ratio_db:+.1f} dB against X, Y and Z together, "
            f"{wanted:+.0f} dB is expected and {expected:+.0f} dB in {other}: try "
            f"--format {other}{'' if abs(ratio_db - expected) < EXACT_DB / 2 else capsules}"
        )
    of_n3d = W_AGAINST_XYZ_DB["n3d"]
    if abs(ratio_db - of_n3d) < 1.0 < abs(ratio_db - wanted) and _shared(spectra) > WAVES_SHARE:
        return (
            f"{told}but W is {ratio_db:+.1f} dB against X, Y and Z together, {wanted:+.0f} dB is "
            f"expected and {of_n3d:+.1f} dB in N3D: try --format n3d{capsules}"
        )
    return None


def _shared(spectra: NDArray[np.complex128]) -> float:
    """Share of the power of X, Y, Z that W foretells; of noise as loud in all channels none."""
    power = np.einsum("fcc->fc", spectra).real + 1e-30
    shared = (np.abs(spectra[:, 1:, 0]) ** 2 / power[:, :1]).sum()
    return float(shared / power[:, 1:].sum())


def _wave_ratio_db(spectra: NDArray[np.complex128]) -> float | None:
    """How much stronger X, Y, Z together are than W in what they share with it, in dB.

    Only frequencies count at which one wave rules: noise of the channels and sound from all sides
    share nothing with W. None where there are too few.
    """
    power = np.einsum("fcc->fc", spectra).real + 1e-30
    shared = np.abs(spectra[:, 1:, 0]) ** 2 / power[:, :1]  # power of each that W foretells
    share = shared.sum(axis=1) / power[:, 1:].sum(axis=1)
    waves = share > WAVE_SHARE
    if np.count_nonzero(waves) < 0.25 * len(spectra):
        return None
    ratio = shared[waves].sum(axis=1) / power[waves, 0]
    return float(10 * np.log10(median(ratio)))
