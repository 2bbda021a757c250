"""What "that was false" is worth: a home with look-alikes, night after night.

A rule listens for one label. Three clips of other labels, each at a place of its own, raise its
alert on some nights. A person marks each false alarm as it comes, up to one or three for each
look-alike; then ten nights are counted, and sounds of the rule itself: elsewhere, and at the
places of the look-alikes, where they are hardest to tell apart. The marks go through the store and
the gate of `elsa_rt.scoring`. Every night has a signal-to-noise ratio, noise and direction of its
own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from elsa_rt.audio.ambisonics import angles_from_direction
from elsa_rt.cache import digest
from elsa_rt.config import Config
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.encoder.output import EncoderOutput
from elsa_rt.files import replacing
from elsa_rt.prompts.bank import PromptBank
from elsa_rt.rules.rule import rules_of
from elsa_rt.scoring.confirmation import confirmed_threshold, times_of
from elsa_rt.scoring.feedback import FeedbackStore
from elsa_rt.scoring.feedback_gate import FeedbackGate
from elsa_rt.scoring.marks import AlertSounds, spread
from elsa_rt.scoring.scorer import Scorer
from elsa_rt.scoring.statistics import Statistics
from elsa_rt.scoring.thresholds import thresholds
from export.data.clips import kinds, phrases
from export.scenes.home import World
from export.scenes.home_hours import TOGETHER, BundleListener, HomeRecording, ears_of

LOOK_ALIKES = 3
MARKED_NIGHTS, COUNTED_NIGHTS = 6, 10
TRUE_ELSEWHERE, TRUE_THERE = 24, 12
MARKS = (0, 1, 3)
"""False alarms of each look-alike that are marked."""

SNR_DB = (10.0, 30.0)
TURN_DEG = 3.0  # standard deviation of a look-alike's direction from night to night
SURE = 0.3
"""Log odds above its threshold with which a look-alike must once have raised the alert."""

MIN_CLIPS, MIN_FOUND = 4, 0.5
"""Clips of the rule's label, and the share of them that it finds."""

KEEP = "home"
HEARD = ("embedding", "direction", "activity", "distance")
SEED = 23

REDUCED, MORE_MISSED = 0.9, 0.05
"""Goals after three marks: false alarms less by the one, misses more by the other at most."""


class Home(NamedTuple):
    """What was heard in one home."""

    label: str  # what the rule listens for
    look_alikes: tuple[str, ...]  # their labels
    nights: tuple[tuple[HomeRecording, ...], ...]  # of each look-alike
    elsewhere: tuple[HomeRecording, ...]  # sounds of the rule
    there: tuple[HomeRecording, ...]  # the same at the places of the look-alikes


class Counts(NamedTuple):
    """Alerts of one home after some marks."""

    false_alarms: int
    found: int
    found_there: int


class HomeRule:
    """The rule of one home: its scores and its thresholds."""

    def __init__(self, bundle: ModelBundle, label: str) -> None:
        self._statistics, self._bundle = Statistics.of(bundle), bundle
        self.rule = rules_of([phrases(label)[0]])[0]
        config = Config()
        bank = PromptBank.encode(bundle, [self.rule], config)
        self._scorer = Scorer(bank, self._statistics, config, bundle.step_s)
        start, end = thresholds(bank.rules, config, self._scorer.curves)
        needed = self._scorer.curves.needed
        self.start, self.end = float(needed(start)[0]), float(needed(end)[0])
        self._confirm = int(times_of(bank.rules, config, bundle.step_s).confirm[0])

    def gate(self, store: FeedbackStore) -> FeedbackGate:
        """What ``store`` says of the rule."""
        half_life = Config().feedback_half_life_days
        return FeedbackGate([self.rule], store, self._statistics, KEEP, half_life)

    def logit(self, heard: HomeRecording, gate: FeedbackGate) -> NDArray[np.float64]:
        """Log odds (n,) of a stream."""
        sound = _output(heard)
        logit = self._scorer.logits(sound)[1][:, 0].astype(float)
        shift = gate.shift(sound)
        return logit if shift is None else logit + shift[:, 0]

    def margin(self, logit: NDArray[np.float64]) -> float:
        """Log odds by which the best run is above the threshold; an alert from 0 on."""
        return float(confirmed_threshold(logit, self._confirm).max() - self.start)

    def judge(
        self, store: FeedbackStore, heard: HomeRecording, logit: NDArray[np.float64], verdict: str
    ) -> None:
        """Mark the alert of a stream, as `elsa_rt.alerting.alert_sounds` would keep it."""
        first = int(np.argmax(confirmed_threshold(logit, self._confirm) >= self.start))
        after = np.arange(len(logit)) >= first
        held = np.flatnonzero((logit >= self.start) | (after & (logit >= self.end)))
        sounds = self._statistics.compress(heard.embedding.astype(np.float32)[held])
        azimuth, elevation = angles_from_direction(heard.direction[held].mean(axis=0))
        name = f"alert-{len(store.alerts)}"
        store.add(
            AlertSounds(
                name, self.rule.id, self.rule.label, 0.0, azimuth, elevation, 0.9, 1.0, KEEP,
                spread(list(sounds)), float(logit[held].max() - self.start),
            )
        )  # fmt: skip
        store.judge(name, verdict)


def simulate(home: Home, rule: HomeRule, marks: int) -> Counts:
    """Live through the nights of ``home`` with ``marks`` for each look-alike."""
    store = FeedbackStore()
    for nights in home.nights:
        given = 0
        for night in nights[:MARKED_NIGHTS]:
            logit = rule.logit(night, rule.gate(store))
            if given < marks and rule.margin(logit) >= 0:
                rule.judge(store, night, logit, "false")
                given += 1
    return _counted(home, rule, store)


def mistaken(home: Home, rule: HomeRule) -> Counts | None:
    """Mark one sound of the rule itself as false; None if it finds none elsewhere."""
    store = FeedbackStore()
    for heard in home.elsewhere:
        logit = rule.logit(heard, rule.gate(store))
        if rule.margin(logit) >= 0:
            rule.judge(store, heard, logit, "false")
            rest = home._replace(elsewhere=tuple(one for one in home.elsewhere if one is not heard))
            return _counted(rest, rule, store)
    return None


def _counted(home: Home, rule: HomeRule, store: FeedbackStore) -> Counts:
    gate = rule.gate(store)

    def alerts(streams: Sequence[HomeRecording]) -> int:
        return sum(rule.margin(rule.logit(heard, gate)) >= 0 for heard in streams)

    nights = [night for nights in home.nights for night in nights[MARKED_NIGHTS:]]
    return Counts(alerts(nights), alerts(home.elsewhere), alerts(home.there))


def homes(
    bundle: ModelBundle, world: World, count: int, cache: Path | None = None
) -> Iterator[Home]:
    """Homes in which clips of ``world`` raise false alarms of a rule; each from a seed.

    With ``cache``, a directory, what was heard in them is kept there and not heard again.
    """
    ears = BundleListener(bundle)
    folder = None if cache is None else cache / ears_of(bundle)
    once = _each_once(ears, world, folder)
    cast = list(_casts(bundle, world, once))
    if not cast:
        return
    for number in tqdm(range(count), desc="homes"):
        rng = np.random.default_rng([SEED, number])
        label, mine, alike = cast[int(rng.integers(len(cast)))]
        some = rng.choice(alike, LOOK_ALIKES, replace=False)
        rooms = [world.draw_room(rng) for _ in some]
        plan = [
            (int(clip), (room, turn + rng.normal(0, TURN_DEG)))
            for clip, (room, turn) in zip(some, rooms, strict=True)
            for _ in range(MARKED_NIGHTS + COUNTED_NIGHTS)
        ]
        plan += [(int(rng.choice(mine)), world.draw_room(rng)) for _ in range(TRUE_ELSEWHERE)]
        plan += [(int(rng.choice(mine)), rooms[i % LOOK_ALIKES]) for i in range(TRUE_THERE)]
        name = f"home-{number:02d}-{digest(repr(plan))[:8]}"
        heard = tuple(_kept(folder, name, partial(_heard, ears, world, plan, rng)))
        nights, size = [], MARKED_NIGHTS + COUNTED_NIGHTS
        for index in range(LOOK_ALIKES):
            nights.append(heard[index * size : (index + 1) * size])
        rest = heard[LOOK_ALIKES * size :]
        named = tuple(world.labels[world.label_of[clip]] for clip in some)
        yield Home(label, named, tuple(nights), rest[:TRUE_ELSEWHERE], rest[TRUE_ELSEWHERE:])


def _heard(
    ears: BundleListener,
    world: World,
    plan: Sequence[tuple[int, tuple[int, float]]],
    rng: np.random.Generator,
) -> Iterator[HomeRecording]:
    for first in range(0, len(plan), TOGETHER):
        yield from ears.hear(
            [
                world.occasion(clip, room, rng.uniform(*SNR_DB), rng)
                for clip, room in plan[first : first + TOGETHER]
            ]
        )


def _each_once(ears: BundleListener, world: World, folder: Path | None) -> list[HomeRecording]:
    """Every clip of ``world``, at a place each."""
    found: list[HomeRecording] = []
    for first in tqdm(range(0, len(world.clips), TOGETHER), desc="clips", unit="x4"):
        rng = np.random.default_rng([SEED, 1, first])
        plan = [(int(c), world.draw_room(rng)) for c in world.clips[first : first + TOGETHER]]
        name = f"home-clips-{first:04d}-{digest(repr(plan))[:8]}"
        found += _kept(folder, name, partial(_heard, ears, world, plan, rng))
    return found


def _kept(
    folder: Path | None, name: str, hear: Callable[[], Iterator[HomeRecording]]
) -> list[HomeRecording]:
    """What ``hear`` gives, occasions of one length; kept in ``folder`` from the first time on."""
    path = None if folder is None else folder / f"{name}.npz"
    if path is not None and path.is_file():
        with np.load(path) as stored:
            columns = [stored[name] for name in HEARD]
        return [HomeRecording(a, b, c, d, []) for a, b, c, d in zip(*columns, strict=True)]
    heard = list(hear())
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays = {key: np.stack([getattr(one, key) for one in heard]) for key in HEARD}
        with replacing(path) as part, part.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
    return heard


def _casts(
    bundle: ModelBundle, world: World, once: Sequence[HomeRecording]
) -> Iterator[tuple[str, NDArray[np.intp], NDArray[np.intp]]]:
    """Labels with enough clips that are found, those clips, and clips that are taken for them."""
    related = kinds(world.labels)
    related = related | related.T
    label_of = world.label_of[world.clips]
    for index, label in enumerate(world.labels[: world.trained]):
        mine = label_of == index
        if mine.sum() < MIN_CLIPS:
            continue
        rule = HomeRule(bundle, label)
        gate = rule.gate(FeedbackStore())
        margin = np.array([rule.margin(rule.logit(heard, gate)) for heard in once])
        alike = (margin >= SURE) & ~related[index, label_of]
        if (margin[mine] >= 0).mean() >= MIN_FOUND and alike.sum() >= LOOK_ALIKES:
            yield label, world.clips[mine], world.clips[alike]


def feedback_report(
    bundle: ModelBundle, world: World, count: int, cache: Path | None = None
) -> dict[str, Any]:
    """The figures over ``count`` homes; each share with its lowest and highest home."""
    rows: list[dict[str, Any]] = []
    for home in homes(bundle, world, count, cache):
        rule = HomeRule(bundle, home.label)
        marked = {str(marks): simulate(home, rule, marks)._asdict() for marks in MARKS}
        wrong = mistaken(home, rule)
        rows.append(
            {
                "label": home.label,
                "look_alikes": list(home.look_alikes),
                "marks": marked,
                "mistaken": None if wrong is None else wrong._asdict(),
            }
        )
    return {"homes": rows, "summary": _summary(rows)}


def _summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    def total(marks: int, name: str) -> int:
        return sum(row["marks"][str(marks)][name] for row in rows)

    found: dict[str, Any] = {}
    for marks in MARKS[1:]:
        each = [
            1 - row["marks"][str(marks)]["false_alarms"] / row["marks"]["0"]["false_alarms"]
            for row in rows
            if row["marks"]["0"]["false_alarms"]
        ]
        found[str(marks)] = {
            "less_false_alarms": 1
            - total(marks, "false_alarms") / max(1, total(0, "false_alarms")),
            "of_homes": [min(each, default=0.0), max(each, default=0.0)],
            "more_missed": _points(rows, marks, "found", TRUE_ELSEWHERE),
            "more_missed_there": _points(rows, marks, "found_there", TRUE_THERE),
        }
    wrong = [row for row in rows if row["mistaken"]]
    lost = sum(max(0, row["marks"]["0"]["found"] - 1 - row["mistaken"]["found"]) for row in wrong)
    found["mistaken"] = lost / max(1, len(wrong) * (TRUE_ELSEWHERE - 1))
    return found


def _points(rows: Sequence[dict[str, Any]], marks: int, name: str, of: int) -> float:
    lost = sum(row["marks"]["0"][name] - row["marks"][str(marks)][name] for row in rows)
    return float(lost / max(1, of * len(rows)))


def feedback_markdown(report: dict[str, Any]) -> str:
    """The figures for people."""
    summary, rows = report["summary"], report["homes"]
    if not rows:
        return "No label has look-alikes among these clips: feedback was not measured."
    before = sum(row["marks"]["0"]["false_alarms"] for row in rows)
    nights = COUNTED_NIGHTS * LOOK_ALIKES * len(rows)
    lines = [
        f"{len(rows)} homes with {LOOK_ALIKES} look-alikes each; without marks they raise {before} "
        f"false alarms in {nights} occasions.",
        "",
        "| false alarms marked, of each look-alike | false alarms | worst home "
        "| true sounds missed elsewhere | at the place of a look-alike |",
        "|--:|--:|--:|--:|--:|",
    ]
    for marks in MARKS[1:]:
        row = summary[str(marks)]
        lines.append(
            f"| {marks} | {-100 * row['less_false_alarms']:+.0f} % "
            f"| {-100 * row['of_homes'][0]:+.0f} % | {100 * row['more_missed']:+.1f} points "
            f"| {100 * row['more_missed_there']:+.1f} points |"
        )
    three = summary[str(MARKS[-1])]
    goals = [
        f"{-100 * REDUCED:.0f} % false alarms {_met(three['less_false_alarms'] >= REDUCED)}",
        f"at most {100 * MORE_MISSED:+.0f} points of misses elsewhere "
        f"{_met(three['more_missed'] <= MORE_MISSED)}",
        f"and at the place of a look-alike {_met(three['more_missed_there'] <= MORE_MISSED)}",
    ]
    lines += [
        "",
        f"Goals after three marks: {', '.join(goals)}. A true sound that is marked false by "
        f"mistake costs {100 * summary['mistaken']:+.1f} points of misses.",
        "",
        f"Sounds of the rule that are lost there after three marks: {_lost_there(rows)}.",
    ]
    return "\n".join(lines)


def _met(yes: bool) -> str:
    return "(met)" if yes else "(NOT met)"


def _lost_there(rows: Sequence[dict[str, Any]]) -> str:
    """In which homes sounds are lost at the places of look-alikes, most first."""
    found = []
    for row in rows:
        before, after = (row["marks"][str(marks)]["found_there"] for marks in (0, MARKS[-1]))
        if before > after:
            marked = ", ".join(sorted(set(row["look_alikes"])))
            told = f"{before - after} of {before} {row['label']} (marked: {marked})"
            found.append((before - after, told))
    return "; ".join(text for _, text in sorted(found, reverse=True)) or "none"


def _output(heard: HomeRecording) -> EncoderOutput:
    embedding = heard.embedding.astype(np.float32)
    return EncoderOutput(embedding, heard.direction, heard.activity, heard.distance)
