"""Speech, asked for by several prompts: who counts as told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from elsa_rt.config import Config
from elsa_rt.demo import demo_path
from elsa_rt.encoder.audio import AudioEncoder
from elsa_rt.encoder.bundle import ModelBundle
from export.evaluate.speech import DRY, alerts, main
from export.scenes.material import Clip
from export.scenes.trials import RATE

CONFIG = Config(threads=1)


@pytest.fixture(scope="module")
def encoder() -> AudioEncoder:
    return AudioEncoder(ModelBundle.load(), CONFIG)


def test_a_speaker_counts_where_the_prompt_alerts(encoder: AudioEncoder) -> None:
    foa, rate = soundfile.read(demo_path(), dtype="float32")
    said = soxr.resample(foa[int(0.7 * rate) : int(2.95 * rate), 0], rate, RATE)
    clip = Clip(3, 0, said)
    assert alerts(encoder, "a person speaking", clip, DRY, "in front", CONFIG)
    assert alerts(encoder, "a person speaking behind me", clip, DRY, "behind", CONFIG)
    assert not alerts(encoder, "a person speaking behind me", clip, DRY, "in front", CONFIG)
    assert not alerts(encoder, "glass breaking", clip, DRY, "in front", CONFIG)


def test_clips_without_speech_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path), str(tmp_path), "--speakers", "0"]) == 2
    assert "--speakers 0: at least one is needed" in capsys.readouterr().err
    assert main([str(tmp_path), str(tmp_path), "--false-alarms-per-hour", "0"]) == 2
    assert "--false-alarms-per-hour 0" in capsys.readouterr().err
    about = np.array(['{"group": "a"}'])
    np.savez(tmp_path / "rooms.npz", validation=[True], responses=np.ones((1, 4, 2), np.float32),
             direction=[[1.0, 0, 0]], distance=[1.0])  # fmt: skip
    np.savez(tmp_path / "clips.npz", labels=["rain"], samples=np.ones(9, np.int16), bounds=[0, 9],
             label=[0], validation=[True], about=about)  # fmt: skip
    shipped = ModelBundle.load().path
    assert main([str(shipped), str(tmp_path)]) == 2
    assert "no validation clip of child speaking" in capsys.readouterr().err
