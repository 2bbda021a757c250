"""Which figures there are, and what of a trial each comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from export.data.clips import UNSEEN, kept_out
from export.data.vocabulary import paraphrases
from export.evaluate.direction import activity_agreement, direction_values, step_errors_deg
from export.evaluate.figures import (
    Figure,
    Statistic,
    Table,
    by_distance,
    intervals,
    mean,
    median,
    of_trials,
    p90,
    summarise,
    within,
)
from export.evaluate.hearing import Reader, TrialOutput
from export.evaluate.labels import SOON_S, label_values, rank_of
from export.evaluate.pairs import summarise as summarise_duets
from export.evaluate.sentences import (
    WORDS,
    Texts,
    binding_values,
    retrieval_values,
    word_values,
)
from export.evaluate.teacher import agreement, kept
from export.scenes.material import Clips
from export.scenes.trials import SNRS_DB, About, Trial

BOTH = "both"
"""The condition of all signal-to-noise ratios together."""

RANKS = (1, 5, 10)

Wanted = dict[str, tuple[str, Statistic]]

DIRECTION: Wanted = {
    "direction_median_deg": ("direction_deg", median),
    "direction_mean_deg": ("direction_deg", mean),
    "direction_p90_deg": ("direction_deg", p90),
    "closed_form_median_deg": ("closed_deg", median),
    "closed_form_mean_deg": ("closed_deg", mean),
    "closed_form_p90_deg": ("closed_deg", p90),
    "four_way_word": ("four_way", mean),
    "closed_form_four_way_word": ("closed_four_way", mean),
    "level_called_up_or_down": ("raised_wrongly", mean),
}
STEPS: Wanted = {
    "direction_step_median_deg": ("step_deg", median),
    "direction_step_mean_deg": ("step_deg", mean),
    "direction_step_p90_deg": ("step_deg", p90),
}
HEIGHT: Wanted = {"up_down_word": ("up_down", mean)}
DISTANCE: Wanted = {
    "near_far_word": ("near_far", mean),
    "distance_error_median_m": ("distance_error_m", median),
    "distance_bias_median_m": ("distance_bias_m", median),
}
SOON: Wanted = {
    "top1_first_second": ("first_second", mean),
    "first_right_median_s": ("first_right_s", median),
    "first_right_p90_s": ("first_right_s", p90),
    **{f"first_right_within_{s:g}_s": (f"right_within_{s:g}_s", mean) for s in SOON_S},
}
SENTENCES: Wanted = {
    "binding": ("binding", mean),
    "binding_eight_words": ("binding_eight", mean),
    "place_by_text": ("place", mean),
    "sound_by_text": ("sound", mean),
    **{f"{name}_by_text": (f"{name}_by_text", mean) for name in WORDS},
}
RETRIEVAL: Wanted = {
    f"{way}_r{k}": (column, within(k))
    for way, column in (("sound_to_caption", "caption_rank"), ("caption_to_sound", "sound_rank"))
    for k in RANKS
}
MAIN = (
    "direction_median_deg", "direction_mean_deg", "closed_form_median_deg",
    "closed_form_mean_deg", "four_way_word", "label_first_right_median_s", "binding",
    "sound_to_caption_r1", "caption_to_sound_r1",
)  # fmt: skip
"""Figures with an interval, beside those of labels."""

DISTANCED = (
    "direction_median_deg", "direction_mean_deg", "direction_p90_deg", "closed_form_median_deg",
    "four_way_word", "label_top1", "binding",
)  # fmt: skip
"""Figures told by distance."""


class Measured(NamedTuple):
    """What is measured of one bundle in one set of rooms."""

    conditions: Table  # by signal-to-noise ratio, and `BOTH`
    intervals: dict[str, tuple[float, float]]  # of `BOTH`
    distance: Table
    pairs: Table


def measure(
    heard: TrialOutput,
    reader: Reader,
    clips: Clips,
    lists: Mapping[str, Sequence[int]],
    teacher: Reader | None,
) -> Measured:
    """All figures; ``lists`` are names of lists of labels to choose from in rows of their own."""
    figures = [
        *direction_figures(heard),
        *label_figures(heard, reader, clips, lists),
        *unseen_figures(heard, reader, clips),
        *paraphrase_figures(heard, reader, clips),
        *sentence_figures(heard.known, wholes(heard.known), reader.texts, clips.labels),
    ]
    if teacher:
        figures += teacher_figures(heard, teacher, clips)
    conditions = {}
    for snr_db in (*SNRS_DB, None):
        found = summarise(figures, snr_db)
        if teacher:
            found |= kept(found, RANKS)
        conditions[BOTH if snr_db is None else f"SNR {snr_db:.0f} dB"] = found
    return Measured(
        conditions,
        intervals(figures),
        by_distance(figures, DISTANCED),
        summarise_duets(heard.duets),
    )


def direction_figures(heard: TrialOutput) -> list[Figure]:
    """Directions, heights, distances, activity."""
    about = abouts(heard.known)
    values = direction_values(heard.known)
    steps = step_errors_deg(heard.known)
    figures = [Figure("trials", about, [np.ones(1)] * len(about), lambda ones: float(ones.sum()))]
    figures += of_trials(about, values, DIRECTION, MAIN)
    figures += [Figure(name, about, steps, statistic) for name, (_, statistic) in STEPS.items()]
    high = heard.raised or heard.known
    figures += of_trials(abouts(high), direction_values(high), HEIGHT)
    figures += of_trials(about, values, DISTANCE)
    right = activity_agreement(heard.known)
    return [*figures, Figure("activity_agreement", about, right, mean)]


def label_figures(
    heard: TrialOutput,
    reader: Reader,
    clips: Clips,
    lists: Mapping[str, Sequence[int]],
) -> list[Figure]:
    """Labels among all and among those of each list, by sentence and by bare name."""
    about, everything = abouts(heard.known), range(len(clips.labels))
    bare = reader.texts(clips.labels)
    figures = []
    for name, among in {"label": everything, **{f"label_{n}": a for n, a in lists.items()}}.items():
        values = label_values(heard.known, reader.prompts, among)
        figures += ranked(about, values["rank"], name)
        (top1,) = of_trials(about, values, {f"{name}_top1_mean_over_labels": ("rank", within(1))})
        figures.append(top1._replace(by_label=True))
        soon = {f"{name}_{row}": column for row, column in SOON.items()}
        figures += of_trials(about, values, soon, MAIN)
        figures += ranked(about, label_values(heard.known, bare, among)["rank"], f"{name}_bare")
    return figures


def unseen_figures(heard: TrialOutput, reader: Reader, clips: Clips) -> list[Figure]:
    """Labels kept out of training, among themselves and among all, for each set of them."""
    if not heard.unseen:
        return []
    about, everything = abouts(heard.unseen), range(len(clips.labels))
    bare = reader.texts(clips.labels)
    sets = {"unseen_label": list(everything[clips.trained :])}
    for name, labels in kept_out().items():
        mine = [i for i in sets["unseen_label"] if clips.labels[i] in labels]
        if mine:
            sets[f"kept_out_{name}_{len(mine)}"] = mine
    figures = []
    for name, among in sets.items():
        for prompts, said in ((reader.prompts, name), (bare, f"{name}_bare")):
            rank = label_values(heard.unseen, prompts, among)["rank"]
            figures += ranked(about, rank, said)
            everywhere = label_values(heard.unseen, prompts, everything)["rank"]
            figures += ranked(
                about, np.where(np.isnan(rank), np.nan, everywhere), f"{said}_among_all"
            )
    return figures


def paraphrase_figures(heard: TrialOutput, reader: Reader, clips: Clips) -> list[Figure]:
    """Labels of which each is said by one paraphrase, known ones and kept-out ones apart.

    Every label's paraphrases take turns; the figures are over all turns.
    """
    said = paraphrases()
    figures = []
    for name, trials, unseen in (
        ("paraphrases_known", heard.known, False),
        ("paraphrases_kept_out", heard.unseen, True),
    ):
        among = [i for i, x in enumerate(clips.labels) if x in said and (x in UNSEEN) == unseen]
        turns = max((len(said[clips.labels[i]]) for i in among), default=0)
        if not trials or not turns:
            continue
        ranks = []
        for turn in range(turns):
            prompts = np.zeros_like(reader.prompts)
            chosen = [said[clips.labels[i]][turn % len(said[clips.labels[i]])] for i in among]
            prompts[among] = reader.texts(chosen)
            ranks.append(label_values(trials, prompts, among)["rank"])
        columns = list(np.stack(ranks, 1))
        figures += [
            Figure(f"{name}_top{k}", abouts(trials), columns, within(k), True) for k in (1, 5)
        ]
    return figures


def ranked(about: Sequence[About], rank: NDArray[np.float64], name: str) -> list[Figure]:
    """Top-1 and top-5 of ranks (trials,)."""
    wanted: Wanted = {f"{name}_top{k}": ("rank", within(k)) for k in (1, 5)}
    return of_trials(about, {"rank": rank}, wanted, list(wanted))


def sentence_figures(
    trials: Sequence[Trial],
    sounds: NDArray[np.float32],
    texts: Texts,
    labels: Sequence[str],
    before: str = "",
) -> list[Figure]:
    """Binding, retrieval and words by text, for embeddings (trials, 512) of the trials' sounds."""
    about = abouts(trials)
    values = binding_values(sounds, about, texts, labels)
    values |= word_values(sounds, about, texts, labels)
    values |= retrieval_values(sounds, about, texts, labels)
    figures = of_trials(about, values, SENTENCES | RETRIEVAL, MAIN)
    return [figure._replace(name=before + figure.name) for figure in figures]


def teacher_figures(heard: TrialOutput, teacher: Reader, clips: Clips) -> list[Figure]:
    """The teacher's own figures on the same trials, and how near the student comes to it."""
    about, taught = abouts(heard.known), np.stack(heard.taught)
    right = np.array([a.label for a in about])
    rank = rank_of(taught @ teacher.prompts.T, right).astype(float)
    return [
        *agreement(wholes(heard.known), taught, about),
        *ranked(about, rank, "teacher_label"),
        *sentence_figures(heard.known, taught, teacher.texts, clips.labels, "teacher_"),
    ]


def abouts(trials: Sequence[Trial]) -> list[About]:
    """What is so of the trials."""
    return [trial.about for trial in trials]


def wholes(trials: Sequence[Trial]) -> NDArray[np.float32]:
    """Unit embeddings (trials, 512) of whole clips."""
    sums = np.stack([trial.whole for trial in trials])
    return np.asarray(sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12))
