"""A CLAP is distilled into the streaming student by one command; they agree on clips unheard."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from elsa_rt import Block, Listener, ModelBundle
from elsa_rt.encoder.text import encode_texts
from elsa_rt.errors import UsageError
from export.bundles.clap import clip_embeddings
from export.bundles.clap.clip_embeddings import embed_clips, fingerprint
from export.bundles.clap.distil import main
from export.bundles.clap.graph import Clap
from export.settings import EMBEDDING
from tests.support.tiny_clap import EMBEDDING as TINY
from tests.support.tiny_clap import save_clap
from tests.support.workshop import run, write_clips, write_sentences

COSINE, CENTRED = 0.85, 0.3
"""Least agreement of the student with a random CLAP, on clips that it never heard."""


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_clap(tmp_path_factory.mktemp("clap") / "tiny-clap")


def small_work(folder: Path, seconds: tuple[float, ...]) -> Path:
    """Clips of noise alone, so long."""
    rng = np.random.default_rng(2)
    sounds = [(3000 * rng.normal(size=int(32_000 * s))).astype(np.int16) for s in seconds]
    bounds = np.cumsum([0, *(sound.size for sound in sounds)])
    np.savez(folder / "clips.npz", samples=np.concatenate(sounds), bounds=bounds)
    return folder


def test_clips_are_embedded_once_in_512_dimensions(
    tmp_path: Path, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, clap = small_work(tmp_path, (0.4, 1.0, 5.3)), Clap.load(directory)
    found = embed_clips(clap, directory, work)
    assert found.shape == (3, EMBEDDING)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)
    assert not found[:, TINY:].any()
    monkeypatch.setattr(clip_embeddings, "_embed", None)  # nothing is embedded again
    np.testing.assert_array_equal(embed_clips(clap, directory, work), found)


def test_embedding_goes_on_where_it_was_cut_off(
    tmp_path: Path, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, clap = small_work(tmp_path, (0.5, 0.6, 0.7)), Clap.load(directory)
    monkeypatch.setattr(clip_embeddings, "SAVE_EVERY", 2)
    real, asked = clip_embeddings._embed, list[int]()

    def cut(clap: Clap, mono: np.ndarray) -> np.ndarray:
        asked.append(mono.size)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return real(clap, mono)

    monkeypatch.setattr(clip_embeddings, "_embed", cut)
    with pytest.raises(KeyboardInterrupt):
        embed_clips(clap, directory, work)
    found = embed_clips(clap, directory, work)
    assert asked == [16_000, 19_200, 22_400, 22_400]
    assert np.linalg.norm(found, axis=1) == pytest.approx(1)


def test_a_space_of_more_dimensions_is_refused(tmp_path: Path, directory: Path) -> None:
    clap = Clap.load(directory)
    clap.model.config.projection_dim = 1024
    with pytest.raises(UsageError, match=r"1024 dimensions.*512 or less"):
        embed_clips(clap, directory, small_work(tmp_path, (0.5,)))


def test_other_weights_have_another_fingerprint(tmp_path: Path, directory: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "model.safetensors").write_bytes(b"other weights")
    assert fingerprint(other) != fingerprint(directory)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--steps", "0"], "--steps 0: at least one is needed"),
        ([], "it holds no clips.npz: python -m export prepare fills it"),
    ],
)
def test_what_cannot_be_distilled_is_refused(
    tmp_path: Path, directory: Path, capsys: pytest.CaptureFixture[str],
    arguments: list[str], said: str,
) -> None:  # fmt: skip
    assert main([str(directory), str(tmp_path), "-o", str(tmp_path / "b"), *arguments]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.slow
def test_the_student_of_a_random_clap_agrees_with_it_on_clips_it_never_heard(
    tmp_path: Path, directory: Path
) -> None:
    manifest, sentences = write_clips(tmp_path), write_sentences(tmp_path)
    work, bundle = tmp_path / "work", tmp_path / "my-student"
    run("prepare", work, "--manifest", manifest, "--sentences", sentences,
        "--rooms", "20", "--synthesised", "3", "--jobs", "1")  # fmt: skip
    said = run("distil", directory, work, "-o", bundle, "--steps", "100", "--batch", "8",
               "--validation", "24", "--streams", "2", "--licence", "CC0-1.0")  # fmt: skip
    made = ModelBundle.load(bundle)
    measured = made.measured
    assert measured["teacher_cosine"] >= COSINE
    assert measured["teacher_centred"] >= CENTRED
    assert str(measured["teacher_cosine"]) in said
    assert made.kind == "stateful"
    assert not made.reads_places
    assert ModelBundle.load().reads_places
    read = encode_texts(made, ["a dog barking"], 1).embedding
    clap = Clap.load(directory)
    wanted = clap.read("a dog barking")
    assert float((read[:, :TINY] * wanted).sum()) > 0.95
    assert not read[:, TINY:].any()
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.03, (4, 2 * made.features.rate)).astype(np.float32)
    with Listener("a dog barking behind me", bundle=bundle) as listener:
        heard = listener.push(Block(noise, made.features.rate))
    assert len(heard) > 10
    # the checkpoint is whole: the same command has nothing left to train
    checkpoint = work / "run" / f"clap-{fingerprint(directory)}.pt"
    before = torch.load(checkpoint, weights_only=True)["step"]
    assert before == 100
