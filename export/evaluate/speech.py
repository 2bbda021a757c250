"""Measure whether speech is alerted as readily as other sounds: speakers that training never heard.

    python -m export evaluate-speech BUNDLE WORK [--rooms rooms.csv] [--speakers 12]

Each of `ASKED` is one prompt to a listener as it ships, at one false alarm an hour unless
``--false-alarms-per-hour`` says otherwise. Speakers of one kind say something at 20 dB SNR, in
front and behind, dry and in a room. A speaker counts where the prompt alerts.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from elsa_rt.audio.ambisonics import angles_from_direction, rotation
from elsa_rt.audio.block import Block
from elsa_rt.config import Config
from elsa_rt.encoder.audio import AudioEncoder
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.errors import ElsaError, UsageError
from elsa_rt.listener import Listener
from export.evaluate.pairs import MIN_S
from export.scenes.material import SEED, Clip, TrialRoom, read_clips, read_rooms, simulated_rooms
from export.scenes.trials import RATE, stage

ASKED = (
    ("speech", "child speaking"),
    ("speech", "woman speaking"),
    ("speech", "man speaking"),
    ("a person speaking", "woman speaking"),
    ("a person speaking", "man speaking"),
    ("a woman speaking", "woman speaking"),
    ("a man speaking", "man speaking"),
)
"""Prompts, and the labels of the speakers who should raise them."""

SIDES_DEG = {"in front": 0.0, "behind": 180.0}
SNR_DB = 20.0
SPEAKERS = 12
DRY = TrialRoom(np.array([[1.0], [0], [0], [1.0]], np.float32), np.array([1.0, 0, 0]), 1.0)


class Case(NamedTuple):
    """One prompt, asked of some speakers at one place."""

    prompt: str
    label: str
    side: str
    room: str  # "dry" or "in a room"


def alerts(
    encoder: AudioEncoder, prompt: str, clip: Clip, room: TrialRoom, side: str, config: Config
) -> bool:
    """Whether ``clip``, turned to ``side``, raises ``prompt`` in a listener of its own."""
    rng = np.random.default_rng([SEED, clip.number])
    azimuth, _ = angles_from_direction(room.direction)
    turn = rotation(SIDES_DEG[side] - azimuth, 0, 0)
    trial = stage(clip, room, turn, SNR_DB, rng)
    listener = Listener([prompt], encoder=encoder, config=config, on_notice=lambda _: None)
    heard = [*listener.push(Block(trial.foa, RATE)), *listener.finish()]
    return any(alert.state == "start" for hearing in heard for alert in hearing.alerts)


def measure(
    bundle: ModelBundle, work: Path, rooms: Sequence[TrialRoom], speakers: int, config: Config
) -> Iterator[tuple[Case, int, int]]:
    """Every case with how many speakers were told, of how many."""
    clips = read_clips(work, speakers * 4)
    encoder = AudioEncoder(bundle, config)
    long = [clip for clip in clips.known if clip.samples.size > MIN_S * RATE]
    cases = [Case(*asked, side, room) for asked in ASKED for side in SIDES_DEG
             for room in ("dry", "in a room")]  # fmt: skip
    for case in tqdm(cases, "cases", disable=None):
        mine = [clip for clip in long if clips.labels[clip.label] == case.label][:speakers]
        told = sum(
            alerts(encoder, case.prompt, clip,
                   DRY if case.room == "dry" else rooms[i % len(rooms)], case.side, config)
            for i, clip in enumerate(mine)
        )  # fmt: skip
        if mine:
            yield case, told, len(mine)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(
        "python -m export evaluate-speech", description=__doc__.split("\n")[0]
    )
    parser.add_argument("bundle", type=Path, metavar="BUNDLE")
    parser.add_argument("work", type=Path, metavar="WORK", help="directory of export prepare")
    parser.add_argument("--rooms", type=Path, help="CSV of measured responses (simulated ones)")
    parser.add_argument("--speakers", type=int, default=SPEAKERS, help="(default: %(default)s)")
    parser.add_argument(
        "--false-alarms-per-hour", type=float, default=Config().false_alarms_per_hour,
        help="(default: %(default)g)",
    )  # fmt: skip
    args = parser.parse_args(argv)
    try:
        if args.speakers < 1:
            raise UsageError(f"--speakers {args.speakers}: at least one is needed")
        config = Config(threads=1, false_alarms_per_hour=args.false_alarms_per_hour)
        rooms = read_rooms(args.rooms) if args.rooms else simulated_rooms(args.work)
        bundle = ModelBundle.load(args.bundle)
        found = list(measure(bundle, args.work, rooms, args.speakers, config))
        if not found:
            raise UsageError(
                f"{args.work}/clips.npz holds no validation clip of "
                f"{', '.join(sorted({label for _, label in ASKED}))}: prepare some"
            )
    except ElsaError as problem:
        print(f"export evaluate-speech: {problem}", file=sys.stderr)
        return problem.exit_code
    print("| prompt | who speaks | where | | told |")
    print("|---|---|---|---|--:|")
    for case, told, of in found:
        print(f"| {case.prompt} | {case.label} | {case.side} | {case.room} | {told} of {of} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
