"""Expected false alarms and misses of a rule over its threshold.

False alarms are those of `elsa_rt.scoring.explain`. Misses are counted on the pieces of the
background that hold the rule's own sound, wherever it comes from: a piece is missed where no run of
steps confirms an alert and no single step is sure enough for one. The pieces lie at all levels and
distances of a home, hence a share of 20 % does not mean that every fifth loud sound is missed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import wrapped_deg
from elsa_rt.audio.direction_words import REACH_DEG, SECTORS
from elsa_rt.config import Config
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.prompts.bank import PromptBank
from elsa_rt.rules.region import EVERYWHERE, Region
from elsa_rt.rules.rule import Rule
from elsa_rt.scoring.background import background_peaks, labels_meant
from elsa_rt.scoring.confirmation import times_of
from elsa_rt.scoring.explain import explain
from elsa_rt.scoring.false_alarm_rate import score_of_rate
from elsa_rt.scoring.logits import logit_scale
from elsa_rt.scoring.scorer import Scorer
from elsa_rt.scoring.site import load_site
from elsa_rt.scoring.statistics import Statistics

RATES = np.geomspace(0.01, 100, 25)
"""False alarms an hour that the slider offers."""

NAMED = {
    (wrapped_deg(centre - REACH_DEG), wrapped_deg(centre + REACH_DEG)): word
    for word, centre in SECTORS
}
"""What the sectors are called that words in prompts stand for."""

MIN_PIECES = 4
"""Pieces with the rule's own sound below which no share of misses is told."""


def expect(bundle: ModelBundle, rule: Rule, config: Config) -> dict[str, Any]:
    """What the page shows beside the slider of ``rule``; numbers that are not known are None.

    Raises
    ------
    UsageError
        The rule's sentences cannot be encoded.
    """
    bank = PromptBank.encode(bundle, [rule], config)
    (found,) = explain(bank, bundle, config)
    statistics = Statistics.of(bundle)
    site = None if config.site is None else load_site(config.site, bundle, statistics)
    curves = Scorer(bank, statistics, config, bundle.step_s, site).curves
    levels = np.array([curves.level_of(np.array([rate]))[0] for rate in RATES])
    missed, counted = _missed(bank, statistics, config, bundle.step_s, levels)
    return {
        "what": list(found.what),
        "place": place_of(found.region),
        "sectors": sectors(found.region),
        "means": list(found.means),
        "nearest": [[name, round(likeness, 2)] for name, likeness in found.nearest],
        "false_alarms_per_hour": [float(f"{rate:.3g}") for rate in RATES],
        "score": [_number(score) for score in score_of_rate(np.array(RATES))],
        "missed": missed,
        "missed_of": counted,
        "missed_at_one": _number(found.missed),
        "notices": [*bank.notices, *found.notices],
    }


def place_of(region: Region) -> str:
    """A region in few words: "behind", "20° to 90°, above", "anywhere"."""
    return " or ".join(_part_in_words(part) for part in region.parts)


def _part_in_words(part: Region) -> str:
    said = []
    if part.azimuth_deg != EVERYWHERE.azimuth_deg:
        said.append(NAMED.get(part.azimuth_deg, "{:g}° to {:g}°".format(*part.azimuth_deg)))
    rest = replace(part, azimuth_deg=EVERYWHERE.azimuth_deg)
    if rest != EVERYWHERE or not said:
        said.append(rest.words)
    return ", ".join(said).replace("-", "\N{MINUS SIGN}")


def sectors(region: Region) -> list[list[float]]:
    """The azimuths of every part of ``region``, from and to in degrees."""
    return [[round(bound, 1) for bound in part.azimuth_deg] for part in region.parts]


def _missed(
    bank: PromptBank,
    statistics: Statistics,
    config: Config,
    step_s: float,
    levels: NDArray[np.float64],
) -> tuple[list[float] | None, int]:
    """Share of the rule's own sounds below each of ``levels``, and how many were counted."""
    meant = labels_meant(bank.meaning.named, statistics.names, bank.meaning.said).any(axis=0)
    own = np.append(meant, False)  # -1: none
    background = statistics.background
    pieces = own[background.piece_labels].any(axis=1)
    counted = int(pieces.sum())
    if counted < MIN_PIECES:
        return None, counted
    # the sound without its place, wherever it comes from; zeros as its name mask no piece
    semantic = bank.meaning.semantic
    meaning = bank.meaning._replace(
        embedding=semantic, named=np.zeros_like(semantic), regions=(Region(),) * len(semantic)
    )
    vectors = np.concatenate([meaning.embedding, meaning.against[1]])
    counts = times_of(bank.rules, config, step_s).confirm[meaning.owner].tolist()
    scale = logit_scale(statistics, vectors)
    peaks = background_peaks(statistics, background, meaning, scale, counts, step_s)[0, pieces]
    return [round(float(np.mean(peaks < level)), 3) for level in levels], counted


def _number(value: float) -> float | None:
    return float(f"{value:.4g}") if np.isfinite(value) else None
