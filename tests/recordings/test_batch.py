"""Pieces of recordings that are heard together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from elsa_rt.config import Config
from elsa_rt.encoder.audio import AudioEncoder
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.errors import UsageError
from elsa_rt.listener import Listener
from elsa_rt.prompts.bank import PromptBank
from elsa_rt.recordings.batch import HeardStep, PieceBatch
from elsa_rt.recordings.pieces import LEAD_S, Piece, find_recordings, read_header
from tests.memory.recordings import write_recording
from tests.support.tiny_bundle import free_streams, make_bundle


class Steps:
    """Keeps every step of its piece, up to a time."""

    def __init__(self, until_s: float = float("inf")) -> None:
        self.heard: list[HeardStep] = []
        self._until_s = until_s

    def take(self, step: HeardStep) -> bool:
        self.heard.append(step)
        return step.time_s < self._until_s


def steps_of(path: Path, config: Config, index: int = 0) -> list[HeardStep]:
    encoder = AudioEncoder(ModelBundle.load(config.bundle), config)
    piece = Piece(read_header(path), index)
    (done,) = PieceBatch(encoder, config, 1).hear([piece], lambda _: Steps())
    assert not done.error
    return done.listener.heard


@pytest.mark.parametrize("sounds", [1, 2])
def test_a_recording_in_pieces_has_the_steps_of_a_listener(
    tmp_path: Path, bundle: Path, sounds: int
) -> None:
    """Direction, level and embedding of each step, with DC that a microphone may have."""
    path = write_recording(tmp_path / "a.wav", 9, seed=3)
    samples, rate = soundfile.read(path)
    soundfile.write(path, samples * 0.5 + 0.2, rate)
    config = Config(bundle=str(bundle), sounds=sounds)
    bank = PromptBank.empty(ModelBundle.load(bundle))
    heard = list(Listener(bank, path, config))
    steps = steps_of(path, config)
    assert len(steps) == len(heard) > 50
    for step, hearing in zip(steps, heard, strict=True):
        assert step.time_s == pytest.approx(hearing.time_s, abs=1e-6)
        assert step.flow.level_dbfs == pytest.approx(hearing.level_dbfs, abs=1e-3)
        loudest = int(step.sound.activity.argmax())
        np.testing.assert_allclose(step.sound.direction[loudest], hearing.direction, atol=1e-4)
        np.testing.assert_allclose(step.sound.embedding[loudest], hearing.embedding, atol=1e-4)
        assert step.foa.shape == (4, 1600)
    assert max(hearing.level_dbfs for hearing in heard) < -20


def test_many_pieces_at_a_time_give_the_steps_of_each_alone(tmp_path: Path) -> None:
    path = free_streams(make_bundle(tmp_path / "bundle"))
    files = [write_recording(tmp_path / f"{k}.wav", 20 + 7 * k, seed=k) for k in range(4)]
    config = Config(bundle=str(path))
    encoder = AudioEncoder(ModelBundle.load(path), config)
    pieces = [Piece(read_header(file), 0) for file in files]
    found = {
        done.piece.recording.path: done.listener.heard
        for done in PieceBatch(encoder, config, 3).hear(iter(pieces), lambda _: Steps())
    }
    for file in files:
        alone = steps_of(file, config)
        assert len(found[str(file)]) == len(alone)
        for one, other in zip(found[str(file)], alone, strict=True):
            assert one.time_s == other.time_s
            np.testing.assert_allclose(one.sound.embedding, other.sound.embedding, atol=1e-5)


def test_a_piece_begins_with_its_lead_and_ends_where_its_listener_says(
    tmp_path: Path, bundle: Path
) -> None:
    config = Config(bundle=str(bundle))
    piece = Piece(read_header(write_recording(tmp_path / "a.wav", 400, seed=3)), 1)
    encoder = AudioEncoder(ModelBundle.load(bundle), config)
    (done,) = PieceBatch(encoder, config, 1).hear([piece], lambda _: Steps(310))
    steps = done.listener.heard
    step_s = encoder.bundle.step_s
    assert steps[0].time_s == pytest.approx(300 - LEAD_S + step_s)
    assert 310 <= steps[-1].time_s < 310 + step_s


def test_a_recording_that_breaks_off_is_said_and_the_next_is_heard(
    tmp_path: Path, bundle: Path
) -> None:
    config = Config(bundle=str(bundle))
    files = [write_recording(tmp_path / f"{k}.flac", 8, seed=k) for k in range(2)]
    pieces = [Piece(read_header(file), 0) for file in files]
    files[0].write_bytes(files[0].read_bytes()[:20])
    encoder = AudioEncoder(ModelBundle.load(bundle), config)
    broken, whole = PieceBatch(encoder, config, 1).hear(pieces, lambda _: Steps())
    assert str(files[0]) in broken.error
    assert (whole.error, len(whole.listener.heard)) == ("", 80)


def test_copies_and_what_cannot_be_heard_are_said(tmp_path: Path) -> None:
    one = write_recording(tmp_path / "a.wav", 5, seed=1)
    (tmp_path / "b.wav").write_bytes(one.read_bytes())
    (tmp_path / "c.wav").write_bytes(b"RIFF and nothing more")
    soundfile.write(tmp_path / "d.wav", np.zeros((100, 2)), 16_000)
    said: list[str] = []
    left_out: list[str] = []
    found = list(find_recordings([tmp_path], said.append, left_out.append))
    assert [Path(one.path).name for one in found] == ["a.wav"]
    assert "b.wav is a copy of" in said[0]
    assert "c.wav" in said[1]
    assert "left out" in said[1]
    assert "2 channels, four are needed" in said[2]
    with pytest.raises(UsageError, match="no such file or folder"):
        list(find_recordings([tmp_path / "nowhere"], said.append, left_out.append))
    assert left_out == []
    assert not list(find_recordings([tmp_path / "c.wav"], said.append, left_out.append))
    assert left_out == [str(tmp_path / "c.wav")]
    (tmp_path / "empty").mkdir()
    assert not list(find_recordings([tmp_path / "empty"], said.append, left_out.append))
    assert "there is no recording in it that can be heard; known are .aif" in said[-1]
