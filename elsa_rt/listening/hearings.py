"""Hearings: what the stages found in one step, as listeners tell it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from elsa_rt.alerting.matcher import Matched
from elsa_rt.audio.ambisonics import angles_from_direction
from elsa_rt.audio.direction_words import direction_words
from elsa_rt.encoder.output import EncoderOutput
from elsa_rt.features.energy_flow import Flow
from elsa_rt.hearing import HeardSound, Hearing, Label, Track


def hearing_of(
    time_s: float,
    dropped: int,
    sound: EncoderOutput,
    flow: Flow,
    matched: Matched,
    labels: tuple[Label, ...] = (),
) -> Hearing:
    """The hearing of the step that ended at ``time_s``; its directions are in the axes heard in."""
    sounds = heard_sounds(sound, matched.slots)
    loudest = sounds[0]
    return Hearing(
        time_s=time_s,
        activity=loudest.activity,
        azimuth_deg=loudest.azimuth_deg,
        elevation_deg=loudest.elevation_deg,
        distance_m=loudest.distance_m,
        words=loudest.words,
        scores=matched.scores,
        alerts=matched.alerts,
        embedding=loudest.embedding,
        direction=sound.direction[int(sound.activity.argmax())],
        flow_azimuth_deg=flow.azimuth_deg,
        flow_elevation_deg=flow.elevation_deg,
        diffuseness=flow.diffuseness,
        level_dbfs=flow.level_dbfs,
        dropped=dropped,
        tracks=matched.tracks,
        reasons=matched.reasons,
        near_misses=matched.near_misses,
        sounds=sounds,
        labels=labels,
    )


def heard_sounds(output: EncoderOutput, tracks: Sequence[Track | None]) -> tuple[HeardSound, ...]:
    """The slots in which something sounds, the most active first; at least one of them."""
    order = np.argsort(-output.activity, kind="stable").tolist() if len(tracks) > 1 else [0]
    found: list[HeardSound] = []
    for slot in order:
        if found and not output.activity[slot] > 0:
            continue
        azimuth, elevation = angles_from_direction(output.direction[slot])
        track = tracks[slot]
        found.append(
            HeardSound(
                activity=float(output.activity[slot]),
                azimuth_deg=azimuth,
                elevation_deg=elevation,
                distance_m=float(output.distance_m[slot]),
                words=direction_words(azimuth, elevation),
                embedding=output.embedding[slot],
                track=track.id if track else None,
            )
        )
    return tuple(found)
