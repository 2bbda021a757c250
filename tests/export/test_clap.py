"""From a ClapModel's directory to a bundle that hears with it, and every refusal on the way."""

from __future__ import annotations

import csv
import json
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import soundfile
import torch
import yaml
from safetensors.torch import load_file, save_file

import elsa_rt
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.encoder.window import WindowSettings
from elsa_rt.errors import UsageError
from elsa_rt.scoring.statistics import Statistics
from elsa_rt.testing import sound
from export.bundles.clap.__main__ import main
from export.bundles.clap.background import (
    MIN_SLOPE,
    SILENT,
    Sounds,
    fit_scores,
    recorded,
    synthesised,
    windows,
)
from export.bundles.clap.bundle import Plan
from export.bundles.clap.graph import FLOOR, Clap, LogMel
from tests.support.tiny_clap import EMBEDDING, LONGEST_S, RATE, save_clap

SECONDS, STEP_S = 0.8, 0.4
SAMPLES = round(SECONDS * RATE)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_clap(tmp_path_factory.mktemp("clap") / "tiny-clap")


@pytest.fixture(scope="module")
def clap(directory: Path) -> Clap:
    return Clap.load(directory)


@pytest.fixture(scope="module")
def exported(directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("exported") / "my-clap"
    arguments = ["--window-s", str(SECONDS), "--hop-s", str(STEP_S), "--windows", "30"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch about itself
        assert main([str(directory), "-o", str(output), *arguments, "--licence", "CC0-1.0"]) == 0
    return output


def noise(samples: int, level: float = 0.1) -> np.ndarray:
    return level * np.random.default_rng(4).normal(size=samples)


@pytest.mark.parametrize("fusion", [False, True])
@pytest.mark.parametrize("padding", ["repeatpad", "repeat", "pad"])
@pytest.mark.parametrize("seconds", [0.3, 0.8, LONGEST_S])
def test_front_end_is_that_of_transformers(
    tmp_path: Path, fusion: bool, padding: str, seconds: float
) -> None:
    extractor = Clap.load(save_clap(tmp_path / "clap", fusion=fusion, padding=padding)).extractor
    samples = noise(round(seconds * RATE))
    samples[: len(samples) // 4] *= 1e-3
    wanted = extractor(samples, sampling_rate=RATE, return_tensors="np").input_features[:, :1]
    found = LogMel(extractor, len(samples))(torch.from_numpy(samples[None]).float())
    assert found.shape == wanted.shape == (1, 1, 201, 16)
    np.testing.assert_allclose(found.numpy(), wanted, atol=1e-3)


def test_silence_is_the_floor(clap: Clap) -> None:
    mel = LogMel(clap.extractor, SAMPLES)(torch.zeros(1, SAMPLES))
    np.testing.assert_allclose(mel.numpy(), 10 * np.log10(FLOOR), atol=1e-4)


def test_audio_encoder_is_the_model(exported: Path, clap: Clap) -> None:
    session = onnxruntime.InferenceSession(str(exported / "audio_encoder.onnx"))
    embeddings = []
    for level in (1e-4, 0.01, 0.5):
        samples = noise(SAMPLES, level)[None].astype(np.float32)
        (found,) = session.run(None, {"samples": samples})
        np.testing.assert_allclose(found, clap.hear(samples), atol=1e-4)
        embeddings.append(found)
    assert np.linalg.norm(embeddings[1]) == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(embeddings[1], embeddings[2], atol=1e-4)  # one level for all


def test_text_encoder_is_the_model_however_texts_are_padded(exported: Path, clap: Clap) -> None:
    session = onnxruntime.InferenceSession(str(exported / "text_encoder.onnx"))
    ids, mask = clap.tokens("a dog barking")
    assert ids[0, 0] == 0
    assert ids[0, -1] == 2
    wanted = clap.read("a dog barking")
    for padded in (0, 5):
        feed = {
            "input_ids": np.pad(ids.numpy(), ((0, 0), (0, padded)), constant_values=1),
            "attention_mask": np.pad(mask.numpy(), ((0, 0), (0, padded))),
        }
        (found,) = session.run(None, feed)
        assert float((found * wanted).sum()) > 0.99
    other = clap.read("glass")
    assert float((other * wanted).sum()) < 0.99
    bundle = ModelBundle.load(exported)
    assert (elsa_rt.embed_text(["a dog barking"], bundle) @ wanted.T).item() > 0.99


def test_what_the_bundle_says(exported: Path) -> None:
    bundle = ModelBundle.load(exported)
    assert (bundle.name, bundle.kind, bundle.licence) == ("my-clap", "windowed", "CC0-1.0")
    assert bundle.window == WindowSettings(SECONDS, "omni")
    assert (bundle.step_s, bundle.context_s) == (STEP_S, SECONDS)
    assert (bundle.features.rate, bundle.embedding) == (RATE, EMBEDDING)
    assert bundle.measured["audio_difference_from_torch"] < 1e-4
    assert bundle.measured["text_cosine_with_torch"] > 0.99
    assert "tiny-clap" in bundle.card
    assert "CC0-1.0" in bundle.card
    assert "19 kinds of synthesised sounds" in bundle.card
    statistics = Statistics.load(bundle)
    assert statistics.background.sounds.shape == (30, min(30, EMBEDDING))
    assert len(statistics.background.pieces) == 30
    assert statistics.slope > 0
    assert yaml.safe_load((exported / "model.yaml").read_text())["parameters"] > 10_000


def test_a_listener_hears_with_it(exported: Path) -> None:
    foa = sound("hum", 2, 180, 0, RATE)
    prompts = ["a dog barking", "a dog barking behind me", "a dog barking on the left"]
    listener = elsa_rt.Listener(prompts, bundle=str(exported))
    hearings = listener.push(elsa_rt.Block(foa, RATE))
    assert [hearing.time_s for hearing in hearings] == pytest.approx([0.4, 0.8, 1.2, 1.6, 2.0])
    for hearing in hearings:
        assert abs(hearing.azimuth_deg) == pytest.approx(180, abs=1)
        assert hearing.words == "behind"
        assert hearing.embedding.shape == (EMBEDDING,)
        anywhere, behind, left = (score.score for score in hearing.scores)
        assert behind >= anywhere > 0  # background comes from behind less often than at all
        assert left == 0


def test_a_model_with_fusion_is_used_without_it(tmp_path: Path) -> None:
    clap = Clap.load(save_clap(tmp_path / "fused", fusion=True))
    samples = noise(SAMPLES)[None].astype(np.float32)
    np.testing.assert_array_equal(clap.hear(samples), clap.hear(samples))  # nothing is drawn
    assert np.linalg.norm(clap.hear(samples)) == pytest.approx(1, abs=1e-5)


def test_background_windows() -> None:
    sounds = synthesised(RATE)
    drawn = list(windows(sounds, SAMPLES, 25, np.random.default_rng(2)))
    assert all(window.shape == (1, SAMPLES) for window, _ in drawn)
    assert all(window.dtype == np.float32 and window.any() for window, _ in drawn)
    labels = {label for _, label in drawn}
    assert SILENT in labels
    assert len(labels) > 6


def test_background_of_recordings(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    with (tmp_path / "clips.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", "label"])
        for name, hertz in (("low", 200), ("high", 2000)):
            tone = 0.1 * np.sin(2 * np.pi * hertz * np.arange(RATE) / RATE)
            soundfile.write(tmp_path / "clips" / f"{name}.wav", tone, RATE)
            table.writerow([f"{name}.wav", name])
    sounds = recorded(tmp_path / "clips.csv", RATE)
    assert sounds.labels == ["high", "low"]
    assert sounds.origin == "2 clips of 2 labels, and noise"
    for window, label in windows(sounds, SAMPLES, 8, np.random.default_rng(0)):
        if label != SILENT:
            strongest = np.abs(np.fft.rfft(window[0])).argmax() * RATE / SAMPLES
            assert strongest == pytest.approx((2000, 200)[label], abs=3)
    (tmp_path / "clips" / "low.wav").unlink()
    with pytest.raises(UsageError, match=r"it lists .*low\.wav, which is not there"):
        recorded(tmp_path / "clips.csv", RATE)


@pytest.mark.parametrize("knowing", [True, False])
def test_scores_are_fitted_to_what_the_model_knows(knowing: bool) -> None:
    rng = np.random.default_rng(8)
    labels = ["dog", "rain", "siren"]
    meaning = np.eye(6, dtype=np.float32)

    def draw(rng: np.random.Generator) -> tuple[np.ndarray, int]:
        label = int(rng.integers(3))
        hertz = 500 * (1 + label)
        return np.sin(2 * np.pi * hertz * np.arange(RATE) / RATE).astype(np.float32), label

    def embed(window: np.ndarray) -> np.ndarray:
        strongest = np.abs(np.fft.rfft(window[0])).argmax() * RATE / SAMPLES
        near = meaning[[min(5, round(strongest / 500))]] + rng.normal(0, 0.2, (1, 6))
        return (near / np.linalg.norm(near)).astype(np.float32)

    def read(phrase: str) -> np.ndarray:
        which = [name in phrase for name in ("dog", "rain", "siren")].index(True)
        return meaning[[which + 1 if knowing else 0]]

    fit = fit_scores(Sounds(RATE, labels, draw, "tones"), embed, read, SAMPLES, 80)
    assert fit.statistics.background.sounds.shape == (80, 6)
    assert fit.separates is knowing
    assert fit.statistics.slope >= MIN_SLOPE
    if knowing:
        assert fit.statistics.slope > 0.5


@pytest.mark.parametrize(
    ("window_s", "step_s", "said"),
    [
        (3.0, 1.0, "a window of 3.0 s: this CLAP hears 2 s at most"),
        (1.0, 1.5, "a step of 1.5 s leaves sound unheard: the window has 1.0 s"),
        (1.0, 0.125, "a step of 0.125 s, in hundredths, is 12.5: a whole number is needed"),
        (1.0, 0.0, "a whole number is needed"),
        (0.50001, 0.1, "a window of 0.50001 s, in samples, is 8000.16: a whole number"),
    ],
)
def test_sizes_that_do_not_fit(window_s: float, step_s: float, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Plan.fit(RATE, LONGEST_S, WindowSettings(window_s), step_s)


def test_plan_for_the_public_models() -> None:
    plan = Plan.fit(48_000, 10.0, WindowSettings(), 1.0)
    assert (plan.samples, plan.step_frames, plan.features.hop) == (240_000, 100, 480)
    assert elsa_rt.features.intensity.IntensityFeatures(plan.features).block == 480


def test_refusals_of_the_command(
    directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["-o", str(tmp_path / "out"), "--window-s", "1"]
    assert main([str(tmp_path), *out]) == 2
    assert "there is no config.json: name a directory that holds" in capsys.readouterr().err
    assert main([str(directory), *out, "--windows", "3"]) == 2
    assert "--windows 3: at least 20" in capsys.readouterr().err
    assert main([str(directory), *out, "--background", str(tmp_path / "no.csv")]) == 2
    assert "no.csv" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def _without(directory: Path, name: str) -> None:
    (directory / name).unlink()


def _without_weights(directory: Path) -> None:
    weights = load_file(directory / "model.safetensors")
    del weights["audio_projection.linear1.weight"]
    save_file(weights, directory / "model.safetensors", {"format": "pt"})


def _change(directory: Path, part: str | None, **values: object) -> None:
    config = json.loads((directory / "config.json").read_text())
    (config if part is None else config[part]).update(values)
    (directory / "config.json").write_text(json.dumps(config))


REFUSED: dict[str, tuple[Callable[[Path], None], str]] = {
    "no front end": (lambda p: _without(p, "preprocessor_config.json"), "name a directory that"),
    "no weights": (lambda p: _without(p, "model.safetensors"), "name a directory that"),
    "a layer too few": (_without_weights, "it lacks the weights audio_projection.linear1.weight"),
    "another model": (
        lambda p: _change(p, None, model_type="bert"), "it is of type 'bert', not 'clap'",
    ),
    "few positions": (
        lambda p: _change(p, "text_config", max_position_embeddings=77), "has 77 positions, 128",
    ),
    "crops as channels": (
        lambda p: _change(p, "audio_config", enable_fusion=True, fusion_type="channel_map"),
        "fuses crops as channels",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_directories_that_are_refused(tmp_path: Path, case: str) -> None:
    change, said = REFUSED[case]
    directory = save_clap(tmp_path / "clap")
    change(directory)
    with pytest.raises(UsageError, match=f"reading CLAP from {directory}: .*{said}"):
        Clap.load(directory)
