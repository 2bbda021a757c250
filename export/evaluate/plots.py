"""Pictures of trials: errors by azimuth, confusions, a map of embeddings, answers with time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage

from elsa_rt.audio.ambisonics import angles_from_direction, wrapped_deg
from export.evaluate.direction import direction_values
from export.evaluate.hearing import TrialOutput
from export.evaluate.labels import answers_with_time
from export.evaluate.measure import wholes
from export.evaluate.tsne import components, tsne
from export.scenes.trials import Trial

DPI = 110
MODEL, CLOSED, FAINT = "#1769aa", "#c4622d", "#9a9a9a"
ROOMS = {"simulated": "#7a7a7a", "measured": MODEL}
SECTOR_DEG = 30
WORST_DEG = 30  # errors beyond are drawn here
CONFUSED = 26  # labels in the picture of confusions
NAMED = 4  # trials of a label that has its name on the map, at least
FAMILIES = 9
LINE, LETTER = 0.015, 0.0085  # of the map: height of a line, width of a letter
SECONDS = 3.0


def write_plots(
    folder: Path,
    heard: Mapping[str, TrialOutput],
    prompts: NDArray[np.float32],
    labels: Sequence[str],
) -> None:
    """Write every picture into ``folder``; rooms that were measured go before simulated ones."""
    trials = heard.get("measured", heard["simulated"]).known
    pictures = {
        "direction_error": direction_error(heard),
        "confusion": confusion(trials, prompts, labels),
        "embedding_by_label": map_by_label(trials, prompts, labels),
        "embedding_by_direction": map_by_direction(trials),
        "answer_with_time": answer_with_time(heard, prompts),
    }
    for name, picture in pictures.items():
        picture.savefig(folder / f"{name}.png", dpi=DPI)


def direction_error(heard: Mapping[str, TrialOutput]) -> Figure:
    """Error of the clip's direction over the true azimuth, left on the left."""
    picture = Figure((4.6 * len(heard) + 0.8, 3.8), layout="constrained")
    for axes, (rooms, said) in zip(
        np.atleast_1d(picture.subplots(1, len(heard), sharey=True)), heard.items(), strict=True
    ):
        azimuth = np.array([angles_from_direction(t.about.direction)[0] for t in said.known])
        values = direction_values(said.known)
        model = np.minimum(values["direction_deg"], WORST_DEG)
        axes.scatter(azimuth, model, s=9, color=MODEL, alpha=0.25, linewidths=0)
        for column, colour, name in (
            ("closed_deg", CLOSED, "energy flow alone, median"),
            ("direction_deg", MODEL, "model, median"),
        ):
            centres, medians = by_sector(azimuth, values[column])
            axes.plot(centres, medians, color=colour, marker="o", markersize=4, label=name)
        axes.set(
            title=f"{rooms} rooms, {len(azimuth)} trials", xlim=(180, -180), ylim=(0, WORST_DEG),
            xticks=[180, 90, 0, -90, -180], xticklabels=["back", "left", "front", "right", "back"],
            xlabel="true azimuth",
        )  # fmt: skip
        _tidy(axes)
    first = picture.axes[0]
    first.set_ylabel(f"error of direction, degrees (at most {WORST_DEG} drawn)")
    first.legend(frameon=False)
    return picture


def by_sector(
    azimuth: NDArray[np.float64], error: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centres of sectors from -180 to 180 and the median error in each; NaN where it is empty."""
    centres = np.arange(-180.0, 181.0, SECTOR_DEG)
    apart = np.abs(wrapped_deg(azimuth[:, None] - centres))
    inside = [error[near] for near in (apart <= SECTOR_DEG / 2).T]
    return centres, np.array([np.median(part) if part.size else np.nan for part in inside])


def confusion(
    trials: Sequence[Trial], prompts: NDArray[np.float32], labels: Sequence[str]
) -> Figure:
    """What is said of the labels that are most often taken for others."""
    right = np.array([trial.about.label for trial in trials])
    said = (wholes(trials) @ prompts.T).argmax(1)
    shown = most_confused(right, said, CONFUSED)
    shares = np.array([_shares(said[right == label], shown) for label in shown])
    picture = Figure((9.2, 8.4), layout="constrained")
    axes = picture.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), share in np.ndenumerate(shares):
        if share >= 0.095:
            axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center", fontsize=7,
                      color="white" if share > 0.6 else "black")  # fmt: skip
    names = [labels[label] for label in shown]
    axes.set_xticks(range(len(shown) + 1), [*names, "any other"], rotation=60, ha="right",
                    rotation_mode="anchor", fontsize=8)  # fmt: skip
    counted = [
        f"{name} ({np.sum(right == label)})" for name, label in zip(names, shown, strict=True)
    ]
    axes.set_yticks(range(len(shown)), counted, fontsize=8)
    axes.set(xlabel="said", ylabel="sounded (trials)")
    axes.set_title(
        f"The {len(shown)} labels most often confused, % of trials "
        f"({100 * np.mean(said == right):.0f} % right among all {len(labels)})",
        fontsize=10,
    )
    axes.axvline(len(shown) - 0.5, color="white", linewidth=3)
    return picture


def most_confused(right: NDArray[np.intp], said: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    """Up to ``count`` labels by their part in wrong answers, kindred ones next to each other."""
    wrong = Counter(zip(right[right != said].tolist(), said[right != said].tolist(), strict=True))
    part: Counter[int] = Counter()
    for (true, false), times in wrong.items():
        part[true] += times
        part[false] += times
    # a label that was never confused comes last, one that never sounded not at all
    left = sorted(set(right.tolist()), key=lambda label: -part[label])[:count]
    order: list[int] = []
    while left:
        last = order[-1] if order else left[0]
        ties = {label: wrong[last, label] + wrong[label, last] for label in left}
        order.append(max(left, key=lambda label: ties[label]))
        left.remove(order[-1])
    return np.array(order, np.intp)


def _shares(said: NDArray[np.intp], shown: NDArray[np.intp]) -> list[float]:
    shares = [float(np.mean(said == label)) for label in shown]
    return [*shares, 1 - sum(shares)]


def map_by_label(
    trials: Sequence[Trial], prompts: NDArray[np.float32], labels: Sequence[str]
) -> Figure:
    """Whole clips in the plane, near where their embeddings are, coloured by families of labels
    whose texts are alike.
    """
    place = tsne(wholes(trials))
    place = (place - place.min(0)) / np.maximum(np.ptp(place, axis=0), 1e-12)
    right = np.array([trial.about.label for trial in trials])
    families = min(FAMILIES, len(labels))
    family = fcluster(linkage(prompts, "ward"), families, "maxclust")
    picture = Figure((9.5, 9.0), layout="constrained")
    axes = picture.subplots()
    colours = colormaps["tab10"](family / 10 - 0.05)
    axes.scatter(place[:, 0], place[:, 1], c=colours[right], s=20, alpha=0.7, linewidths=0)
    names = {}
    for label in np.unique(right):
        mine = place[right == label]
        if len(mine) >= NAMED:
            # of the trials the one in the middle of all, not a place between two groups
            middle = mine[np.linalg.norm(mine[:, None] - mine, axis=2).sum(1).argmin()]
            names[labels[label]] = (float(middle[0]), float(middle[1]), colours[label])
    for name, (x, y) in side_steps({name: (x, y) for name, (x, y, _) in names.items()}).items():
        axes.text(x, y, name, fontsize=7.5, ha="center", va="center", color=0.7 * names[name][2],
                  weight="bold", alpha=1)  # fmt: skip
    axes.set_title(
        f"Embeddings of {len(trials)} trials (t-SNE); one colour for labels of like texts",
        fontsize=10,
    )
    axes.axis("off")
    return picture


def side_steps(places: Mapping[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """Places of names in the unit square, moved up or down by lines so that none hides another."""
    put: dict[str, tuple[float, float]] = {}
    for name, (x, y) in places.items():
        for lines in (1, -1, 2, -2, 3, -3):  # beside the dot, not on it
            at = x, y + lines * LINE
            if not any(
                abs(at[1] - other[1]) < 0.9 * LINE
                and abs(at[0] - other[0]) < (len(name) + len(rival)) / 2 * LETTER
                for rival, other in put.items()
            ):
                break
        put[name] = at
    return put


def map_by_direction(trials: Sequence[Trial]) -> Figure:
    """What is left of embeddings without the mean of their label, coloured by azimuth."""
    right = np.array([trial.about.label for trial in trials])
    whole = wholes(trials)
    rest = whole.copy()
    for label in np.unique(right):
        rest[right == label] -= whole[right == label].mean(0)
    azimuth = np.array([angles_from_direction(t.about.direction)[0] for t in trials])
    picture = Figure((6.4, 5.4), layout="constrained")
    axes = picture.subplots()
    x, y = components(rest).T
    dots = axes.scatter(x, y, c=azimuth, cmap="hsv", vmin=-180, vmax=180, s=20,
                        alpha=0.8, linewidths=0)  # fmt: skip
    bar = picture.colorbar(dots, ax=axes, ticks=[-180, -90, 0, 90, 180])
    bar.ax.set_yticklabels(["behind", "right", "front", "left", "behind"])
    bar.set_label("true azimuth")
    axes.set_title(
        "Embeddings by direction: each less the mean of its label,\n"
        "along their first two principal components",
        fontsize=10,
    )
    axes.set_aspect("equal")
    axes.set(xticks=[], yticks=[])
    return picture


def answer_with_time(heard: Mapping[str, TrialOutput], prompts: NDArray[np.float32]) -> Figure:
    """Share of right labels over the seconds of sound that have been heard."""
    picture = Figure((6.4, 4.2), layout="constrained")
    axes = picture.subplots()
    for rooms, said in heard.items():
        right = answers_with_time(said.known, prompts, SECONDS)
        seconds = (1 + np.arange(right.shape[1])) * said.known[0].step_s
        colour = ROOMS.get(rooms, FAINT)
        axes.plot(seconds, right.mean(0), color=colour, label=f"{rooms}: answer from all so far")
        once = np.logical_or.accumulate(right, axis=1).mean(0)
        axes.plot(seconds, once, color=colour, linestyle=":", label=f"{rooms}: right at least once")
    axes.set(xlabel="seconds of sound", ylabel="right label", xlim=(0, SECONDS), ylim=(0, 1))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set_title(f"Label by text among {len(prompts)}, as the sound goes on", fontsize=10)
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    _tidy(axes)
    return picture


def _tidy(axes: Axes) -> None:
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
