"""The whole way from samples to hearings and alerts, on a small real model."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from elsa_rt import (
    Alert,
    ArraySource,
    AudioEncoder,
    Block,
    Hearing,
    Listener,
    ModelBundle,
    PromptBank,
    Track,
)
from elsa_rt.audio.ambisonics import direction_from_angles
from elsa_rt.config import Config
from elsa_rt.demo import demo_path, demo_prompts
from elsa_rt.errors import BundleError, SourceError, UsageError
from elsa_rt.testing import sound
from tests.support.tiny_bundle import make_bundle, rehash

RATE = 16_000
PROMPTS = ("a hum", "a hiss")

Foa = NDArray[np.float32]


def ignore(notice: str) -> None:
    """Take a notice that the test is not about."""


@pytest.fixture(scope="module")
def encoder(bundle: Path) -> AudioEncoder:
    return AudioEncoder(ModelBundle.load(bundle))


@pytest.fixture(scope="module")
def bank(encoder: AudioEncoder) -> PromptBank:
    return PromptBank.encode(encoder.bundle, PROMPTS)


def listen(encoder: AudioEncoder, bank: PromptBank, source: Any = None, **more: Any) -> Listener:
    return Listener(bank, source, encoder=encoder, **{"on_notice": ignore, **more})


def blocks(foa: Foa, sizes: Sequence[int], rate: int = RATE) -> Iterator[Block]:
    """``foa`` cut into pieces of ``sizes``, over and over."""
    start = turn = 0
    while start < foa.shape[1]:
        piece = foa[:, start : start + sizes[turn % len(sizes)]].copy()
        yield Block(piece, rate, start)
        start += piece.shape[1]
        turn += 1


def hear(listener: Listener, pieces: Iterator[Block]) -> list[Hearing]:
    hearings = []
    for block in pieces:
        hearings += listener.push(block)
        block.samples[...] = np.nan  # nobody may keep the caller's memory
    return hearings + listener.finish()


def whole(listener: Listener, foa: Foa, rate: int = RATE) -> list[Hearing]:
    return hear(listener, blocks(foa, [foa.shape[1]], rate))


def assert_same(got: list[Hearing], want: list[Hearing], tolerance: float = 1e-4) -> None:
    assert len(got) == len(want)
    for one, other in zip(got, want, strict=True):
        assert one.time_s == pytest.approx(other.time_s, abs=1e-9)
        assert (one.words, one.dropped) == (other.words, other.dropped)
        told: list[Alert | Track] = [*one.alerts, *one.tracks]
        want_told: list[Alert | Track] = [*other.alerts, *other.tracks]
        assert [(x.state, x.id, x.words) for x in told] == [
            (x.state, x.id, x.words) for x in want_told
        ]
        for found, expected in zip(told, want_told, strict=True):
            for name in ("uncertainty_deg", "speed_deg_s", "distance_m", "latency_s", "onset_s"):
                value = getattr(expected, name, 0.0)
                assert getattr(found, name, 0.0) == pytest.approx(value, abs=0.01)
        np.testing.assert_allclose(one.embedding, other.embedding, atol=tolerance)
        np.testing.assert_allclose(one.direction, other.direction, atol=tolerance)
        np.testing.assert_allclose(
            [(s.similarity, s.score) for s in one.scores],
            [(s.similarity, s.score) for s in other.scores], atol=tolerance,
        )  # fmt: skip
        np.testing.assert_allclose(
            direction_from_angles(one.flow_azimuth_deg, one.flow_elevation_deg),
            direction_from_angles(other.flow_azimuth_deg, other.flow_elevation_deg),
            atol=tolerance,
        )
        for name in ("activity", "distance_m", "diffuseness", "level_dbfs"):
            assert getattr(one, name) == pytest.approx(getattr(other, name), abs=tolerance)


def alerts(hearings: list[Hearing]) -> list[Any]:
    return [alert for hearing in hearings for alert in hearing.alerts]


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_any_split_gives_the_same_hearings(
    encoder: AudioEncoder, bank: PromptBank, scene: Foa, rate: int
) -> None:
    foa = scene[:, : 2 * RATE] if rate == RATE else sound("hum", 2, -60, 20, rate)
    want = whole(listen(encoder, bank), foa, rate)
    assert len(want) == 21  # the last is of silence, for the end of the open alert
    cuts: tuple[list[int], ...] = ([63, 481], [1, 64, 4801], [160], [7_001], [0, 999])
    for sizes in cuts:
        assert_same(hear(listen(encoder, bank), blocks(foa, sizes, rate)), want)


def test_iterating_is_pushing(encoder: AudioEncoder, bank: PromptBank, scene: Foa) -> None:
    want = whole(listen(encoder, bank), scene)
    listener = listen(encoder, bank, ArraySource(scene, RATE))
    assert_same(list(listener), want)
    assert len(list(listener)) == len(want)  # and again from the start


def test_a_file_is_heard_as_its_samples_are(
    encoder: AudioEncoder, bank: PromptBank, recording: Path, scene: Foa
) -> None:
    found = list(listen(encoder, bank, recording))
    want = whole(listen(encoder, bank), scene)
    assert [a.words for a in alerts(found)] == [a.words for a in alerts(want)]
    assert [h.time_s for h in found] == [h.time_s for h in want]


def test_the_story_of_the_scene(encoder: AudioEncoder, bank: PromptBank, scene: Foa) -> None:
    hearings = whole(listen(encoder, bank), scene)
    # the last is of silence, for the end of the alert that is still open
    np.testing.assert_allclose([h.time_s for h in hearings], np.arange(1, 62) / 10, atol=1e-9)
    told = [(a.state, a.prompt, a.words) for a in alerts(hearings)]
    assert told == [
        ("start", "a hum", "left"), ("end", "a hum", "left"),
        ("start", "a hiss", "behind"), ("end", "a hiss", "behind"),
    ]  # fmt: skip
    start, end = alerts(hearings)[:2]
    assert 1.1 <= start.time_s <= 1.4
    assert 3.5 <= end.time_s <= 4.2
    assert start.id == end.id
    assert start.azimuth_deg == pytest.approx(90, abs=1)


@pytest.mark.parametrize(
    ("azimuth", "elevation", "words"),
    [
        (90, 0, "left"), (-90, 0, "right"), (0, 0, "front"), (180, 0, "behind"),
        (135, 0, "behind, left"), (-45, 10, "front, right"), (0, 60, "front, above"),
        (0, -85, "below"),
    ],
)  # fmt: skip
def test_directions(
    encoder: AudioEncoder, bank: PromptBank, azimuth: float, elevation: float, words: str
) -> None:
    last = whole(listen(encoder, bank), sound("hum", 0.5, azimuth, elevation))[-1]
    assert last.words == words
    turn = (last.azimuth_deg - azimuth + 180) % 360 - 180
    assert turn == pytest.approx(0, abs=1)
    assert last.elevation_deg == pytest.approx(elevation, abs=1)
    want = direction_from_angles(azimuth, elevation)
    np.testing.assert_allclose(last.direction, want, atol=0.02)
    closed = direction_from_angles(last.flow_azimuth_deg, last.flow_elevation_deg)
    np.testing.assert_allclose(closed, want, atol=0.02)
    assert last.diffuseness < 0.05


def test_a_mount_turns_the_world(encoder: AudioEncoder, bank: PromptBank) -> None:
    foa = sound("hum", 0.5, 90)
    assert whole(listen(encoder, bank, mount="inverted"), foa)[-1].words == "right"
    assert whole(listen(encoder, bank, yaw_deg=90.0), foa)[-1].words == "behind"


def test_reset_begins_anew(encoder: AudioEncoder, bank: PromptBank, scene: Foa) -> None:
    listener = listen(encoder, bank)
    want = whole(listen(encoder, bank), scene[:, :RATE])
    listener.push(Block(sound("hiss", 1.234, 40), RATE))
    listener.reset()
    assert_same(whole(listener, scene[:, :RATE]), want)
    assert_same(whole(listener, scene[:, :RATE]), want)  # finish() resets too
    listener.reset()
    assert listener.push(Block(np.zeros((6, 4800), np.float32), 48_000)) == []


def test_two_listeners_side_by_side(encoder: AudioEncoder, bank: PromptBank) -> None:
    scenes = sound("hum", 1, 30), sound("hiss", 1, -100)
    want = [whole(listen(encoder, bank), foa) for foa in scenes]
    pair = listen(encoder, bank), listen(encoder, bank)
    got: list[list[Hearing]] = [[], []]
    for pieces in zip(*(blocks(foa, [700]) for foa in scenes), strict=True):
        for listener, heard, block in zip(pair, got, pieces, strict=True):
            heard += listener.push(block)
    for listener, heard, expected in zip(pair, got, want, strict=True):
        assert_same(heard + listener.finish(), expected)


@pytest.mark.parametrize("count", [1, 1000])
def test_many_prompts(encoder: AudioEncoder, count: int) -> None:
    prompts = [f"a dog {index}" for index in range(count - 1)] + ["hum"]
    (first, *_) = Listener(prompts, encoder=encoder, on_notice=ignore).push(
        Block(sound("hum", 0.3, 0), RATE)
    )
    assert [score.prompt for score in first.scores] == prompts
    assert max(first.scores, key=lambda score: score.score).prompt == "hum"
    assert all(0 <= score.score <= 1 for score in first.scores)


def test_no_prompts_at_all(bundle: Path, encoder: AudioEncoder) -> None:
    with pytest.raises(UsageError, match="no prompts"):
        Listener([], bundle=str(bundle))
    named = whole(Listener(bundle=str(bundle), on_notice=ignore), sound("hum", 0.3, 0))
    assert [(h.scores, h.alerts) for h in named] == [((), ())] * 3
    assert [[label.name for label in h.labels] for h in named] == [["hum", "hiss"]] * 3
    assert all(
        h.labels == ()
        for h in whole(Listener(["hum"], encoder=encoder, on_notice=ignore), sound("hum", 0.3, 0))
    )
    empty = listen(encoder, PromptBank.empty(encoder.bundle))
    heard = whole(empty, sound("hum", 0.3, 0))
    assert [(h.scores, h.alerts) for h in heard] == [((), ())] * 3


def test_prompts_of_the_config(encoder: AudioEncoder) -> None:
    listener = Listener(config=Config(prompts=("hum",)), encoder=encoder)
    assert listener.config.prompts == ("hum",)


def test_time_runs_over_gaps(encoder: AudioEncoder, bank: PromptBank) -> None:
    foa = sound("hum", 1, 0)
    first, *rest = blocks(foa, [RATE // 2])
    gapped = [first, *(replace(b, start=b.start + 8000, dropped=8000) for b in rest)]
    hearings = hear(listen(encoder, bank), iter(gapped))
    times = [0.1, 0.2, 0.3, 0.4, 0.5, 1.1, 1.2, 1.3, 1.4, 1.5]
    np.testing.assert_allclose([h.time_s for h in hearings[:10]], times, atol=1e-9)
    assert [h.dropped for h in hearings[:10]] == [0] * 5 + [8000] * 5
    spliced = whole(listen(encoder, bank), foa)
    for one, other in zip(hearings, spliced, strict=True):
        np.testing.assert_allclose(one.embedding, other.embedding, atol=1e-5)


def test_a_gap_is_placed_behind_the_resampler(encoder: AudioEncoder, bank: PromptBank) -> None:
    foa = sound("hum", 1, 0, rate=48_000)
    first, second = blocks(foa, [24_000], 48_000)
    hearings = hear(listen(encoder, bank), iter([first, replace(second, dropped=4800)]))
    times = [0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.8, 0.9, 1.0, 1.1]
    np.testing.assert_allclose([h.time_s for h in hearings[:10]], times, atol=1e-9)


def test_bad_samples_pass_and_heal(encoder: AudioEncoder, bank: PromptBank) -> None:
    foa = sound("hum", 3, 90)
    foa[:, RATE : RATE + 800] = np.nan
    foa[1, RATE + 900] = np.inf
    said: list[str] = []
    hearings = hear(listen(encoder, bank, on_notice=said.append), blocks(foa, [1600]))
    assert any("NaN" in notice for notice in said)
    for hearing in hearings:
        assert np.isfinite(hearing.embedding).all()
        assert np.isfinite([hearing.activity, hearing.azimuth_deg, hearing.level_dbfs]).all()
        assert np.isfinite([score.score for score in hearing.scores]).all()
    clean = whole(listen(encoder, bank), sound("hum", 3, 90))
    np.testing.assert_allclose(hearings[-1].embedding, clean[-1].embedding, atol=1e-3)


def test_silence_and_full_scale(encoder: AudioEncoder, bank: PromptBank) -> None:
    quiet = whole(listen(encoder, bank), np.zeros((4, RATE), np.float32))
    assert all(h.level_dbfs == -120 and h.diffuseness == 1 and not h.alerts for h in quiet)
    assert max(h.activity for h in quiet) < 0.01
    loud = whole(listen(encoder, bank), np.clip(100 * sound("hum", 1, 90), -1, 1))
    assert loud[5].words == "left"
    assert loud[5].level_dbfs == pytest.approx(0, abs=0.5)


@pytest.mark.parametrize(("seconds", "steps"), [(0.5, 6), (0.55, 6), (0.501, 6)])
def test_finish_ends_open_alerts(
    encoder: AudioEncoder, bank: PromptBank, seconds: float, steps: int
) -> None:
    listener = listen(encoder, bank)
    hearings = whole(listener, sound("hum", seconds, 90))
    start, end = alerts(hearings)
    assert (start.state, end.state, end.id) == ("start", "end", start.id)
    assert end in hearings[-1].alerts
    assert len(hearings) == steps
    assert end.time_s == hearings[-1].time_s == pytest.approx(steps / 10)
    assert end.words == "left"
    assert listener.finish() == []


def test_a_broken_step_is_completed(encoder: AudioEncoder, bank: PromptBank) -> None:
    listener = listen(encoder, bank, alert_start=1.0)
    assert len(whole(listener, sound("hum", 0.25, 0))) == 3
    assert len(whole(listener, sound("hum", 0.205, 0))) == 2  # under a frame is no step
    assert len(whole(listener, sound("hum", 0.02, 0, rate=48_000), 48_000)) == 1
    assert listener.finish() == []


class Watched(ArraySource):
    """Counts how often it is closed."""

    closed = 0

    def close(self) -> None:
        self.closed += 1


def test_leaving_closes_the_source(encoder: AudioEncoder, bank: PromptBank) -> None:
    source = Watched(sound("hum", 1, 0), RATE)
    with listen(encoder, bank, source) as listener:
        kept = iter(listener)
        assert next(kept).time_s == pytest.approx(0.1)
        assert source.closed == 0
    assert source.closed == 1


def test_a_failing_source_is_closed(encoder: AudioEncoder, bank: PromptBank) -> None:
    class Failing(Watched):
        def __iter__(self) -> Iterator[Block]:
            yield from blocks(sound("hum", 0.35, 0), [RATE // 10])
            raise SourceError("unplugged")

    source = Failing(np.zeros((4, 9), np.float32), RATE)
    listener = listen(encoder, bank, source)
    heard: list[Hearing] = []
    with pytest.raises(SourceError, match="unplugged"):
        heard.extend(listener)
    assert source.closed == 1
    end = alerts(heard)[-1]
    assert end.time_s == pytest.approx(0.4)


def test_double_precision_is_taken(encoder: AudioEncoder, bank: PromptBank) -> None:
    foa = sound("hum", 0.5, 90, rate=48_000)
    want = whole(listen(encoder, bank), foa, 48_000)
    assert_same(whole(listen(encoder, bank), foa.astype(np.float64), 48_000), want)


def test_breaking_off_closes_the_source(encoder: AudioEncoder, bank: PromptBank) -> None:
    source = Watched(sound("hum", 1, 0), RATE)
    listener = listen(encoder, bank, source)
    for hearing in listener:
        if hearing.alerts:
            break
    assert source.closed == 1
    (end,) = alerts(listener.finish())
    assert end.state == "end"
    list(listener)
    assert source.closed == 2


def test_latency_is_arithmetic(encoder: AudioEncoder, bank: PromptBank) -> None:
    listener = listen(encoder, bank)
    assert listener.latencies_s == {"resampling": 0, "features": 0.016, "step": 0.1}
    assert listener.latency_s == pytest.approx(0.116)
    listener.push(Block(np.zeros((4, 480), np.float32), 48_000))
    assert listener.latency_s == pytest.approx(0.116 + listener.latencies_s["resampling"])
    assert 0 < listener.latencies_s["resampling"] < 0.1


@pytest.mark.parametrize(("rate", "begin"), [(16_000, 1.0), (48_000, 1.03), (44_100, 1.07)])
def test_the_latency_of_an_alert_is_that_of_the_world(
    encoder: AudioEncoder, bank: PromptBank, rate: int, begin: float
) -> None:
    foa = sound("hum", 2, 90, rate=rate)
    foa[:, : round(begin * rate)] *= 1e-4
    listener = listen(encoder, bank)
    for block in blocks(foa, [rate // 100], rate):
        started = [a for h in listener.push(block) for a in h.alerts]
        if started:
            break
    (alert,) = started
    pushed = (block.start + block.samples.shape[1]) / rate
    step_s = listener.bundle.step_s
    assert alert.latency_s == pytest.approx(pushed - begin, abs=step_s)
    held = alert.time_s - alert.onset_s
    assert alert.latency_s == pytest.approx(held + listener.latency_s - step_s)
    assert held == pytest.approx(2 * step_s)  # the time of confirmation


def test_the_track_of_an_alert_is_told_with_it() -> None:
    listener = Listener(demo_prompts(), str(demo_path()), realtime=False, on_notice=ignore)
    started = [(alert, heard) for heard in listener for alert in heard.alerts
               if alert.state == "start"]  # fmt: skip
    assert len(started) >= 6
    for alert, heard in started:
        assert alert.track in {track.id for track in heard.tracks}


def test_an_alert_of_a_moving_sound_is_told_where_it_goes(
    encoder: AudioEncoder, bank: PromptBank
) -> None:
    length, speed = 4, 60.0
    mono = sound("hum", length, 0)[0]
    azimuth = np.radians(120 + speed * np.arange(mono.size) / RATE)  # to the left, over the back
    foa = mono * np.stack([np.ones(mono.size), np.sin(azimuth), 0 * azimuth, np.cos(azimuth)])
    listener = listen(encoder, bank, alert_update_s=0.5)
    hearings = whole(listener, foa.astype(np.float32))
    start, *updates, end = alerts(hearings)
    assert len(updates) > 10
    for alert in updates:
        true = 120 + speed * (alert.time_s - 0.06)  # of the middle of its step
        assert (alert.azimuth_deg - true + 180) % 360 - 180 == pytest.approx(0, abs=6)
    assert updates[-1].speed_deg_s == pytest.approx(speed, rel=0.15)
    assert {alert.track for alert in alerts(hearings)} == {start.track}
    gaps = np.diff([a.time_s for a in (start, *updates)])
    assert gaps.min() >= 0.2 - 1e-6
    assert end.duration_s == pytest.approx(length, abs=0.3)


@pytest.mark.parametrize(
    ("block", "said"),
    [
        (Block(np.zeros((4, 100), np.float32), 48_000), "4 channels at 16000 Hz to 4 at 48000"),
        (Block(np.zeros((6, 100), np.float32), RATE), "to 6 at 16000 Hz"),
    ],
)
def test_blocks_that_do_not_fit(
    encoder: AudioEncoder, bank: PromptBank, block: Block, said: str
) -> None:
    listener = listen(encoder, bank)
    listener.push(Block(np.zeros((4, 100), np.float32), RATE))
    with pytest.raises(SourceError, match=said):
        listener.push(block)


@pytest.mark.parametrize(
    "samples", [np.zeros(100, np.float32), np.zeros((4, 100), np.int16)], ids=["flat", "integers"]
)
def test_samples_that_make_no_block(samples: NDArray[Any]) -> None:
    with pytest.raises(SourceError, match=rf"{samples.dtype} of shape \({len(samples)},"):
        Block(samples, RATE)


def test_what_is_no_block(encoder: AudioEncoder, bank: PromptBank) -> None:
    with pytest.raises(UsageError, match="push: ndarray came without a rate"):
        listen(encoder, bank).push(np.zeros((4, 100)))
    with pytest.raises(SourceError, match="a block holds int16 .*/ 32768"):
        listen(encoder, bank).push(np.zeros((4, 100), np.int16), RATE)
    with pytest.raises(UsageError, match="rate 8000 beside a block at 16000 Hz"):
        listen(encoder, bank).push(Block(np.zeros((4, 100), np.float32), RATE), 8_000)
    with pytest.raises(SourceError, match="2 channels, four are needed"):
        listen(encoder, bank).push(Block(np.zeros((2, 100), np.float32), RATE))


@pytest.mark.parametrize("again", [pickle.dumps, copy.copy, copy.deepcopy])
def test_it_is_not_copied(
    again: Callable[[object], object], encoder: AudioEncoder, bank: PromptBank
) -> None:
    listener = Listener(bank, encoder=encoder, on_notice=ignore)
    with pytest.raises(TypeError, match="hears one stream .* make one where it is needed"):
        again(listener)


def test_settings_by_name(encoder: AudioEncoder, bank: PromptBank) -> None:
    listener = listen(encoder, bank, config=Config(alert_start=0.9), alert_end=0.5)
    assert (listener.config.alert_start, listener.config.alert_end) == (0.9, 0.5)
    with pytest.raises(UsageError, match="no setting 'alert_begin': did you mean alert_"):
        listen(encoder, bank, alert_begin=0.5)
    with pytest.raises(UsageError, match="0 < end <= start"):
        listen(encoder, bank, alert_start=0.9, alert_end=0.95)


def test_notices_reach_the_caller(
    encoder: AudioEncoder, bank: PromptBank, caplog: pytest.LogCaptureFixture
) -> None:
    said: list[str] = []
    Listener(["hum", "hum"], encoder=encoder, on_notice=said.append)
    assert said == ["the prompt 'hum' was given 2 times: it counts once"]
    Listener(["hum", "hum"], encoder=encoder)
    assert [record.getMessage() for record in caplog.records] == said
    assert caplog.records[0].name == "elsa_rt"


def test_what_was_counted_after_the_last_notice_is_said_at_the_end(
    encoder: AudioEncoder, bank: PromptBank, scene: Foa
) -> None:
    said: list[str] = []
    lost = [replace(block, dropped=160) for block in blocks(scene[:, :RATE], [1600])]
    list(hear(listen(encoder, bank, on_notice=said.append), iter(lost)))
    assert [notice.split(" of ")[0] for notice in said] == [
        "lost 160 samples (10 ms)", "lost 1,440 samples (90 ms)"
    ]  # fmt: skip


def test_too_little_sound_is_said(encoder: AudioEncoder, bank: PromptBank) -> None:
    said: list[str] = []
    listener = listen(encoder, bank, on_notice=said.append)
    assert whole(listener, np.full((4, 159), 0.1, np.float32)) == []
    assert said == ["nothing was heard: 159 samples at 16000 Hz came, at least 160 are needed"]


def test_a_bank_of_another_text_encoder(
    encoder: AudioEncoder, bank: PromptBank, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="another text encoder"):
        listen(encoder, replace(bank, text_encoder="0" * 64))
    path = make_bundle(tmp_path / "tiny")
    (path / "scores.npz").write_bytes(b"")
    rehash(path)
    with pytest.raises(BundleError, match=r"scores\.npz"):
        Listener(PROMPTS, bundle=str(path))
