"""The text encoder: same text, same embedding, whatever stands beside it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from elsa_rt.encoder import onnx
from elsa_rt.encoder import text as module
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.encoder.text import MAX_TOKENS, encode_texts, read_words
from elsa_rt.errors import BundleError, EngineError
from tests.support.tiny_bundle import make_bundle, rehash


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return make_bundle(tmp_path / "tiny")


def test_embeddings(path: Path) -> None:
    texts = ["hum", "a hiss", "HUM", "the dog on the left"]
    found = encode_texts(ModelBundle.load(path), texts, 1).embedding
    assert found.shape == (4, 512)
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(found[0], found[2])
    assert found[0] @ found[1] < -0.9


def test_a_bundle_that_knows_no_calls_detects_by_its_embeddings(path: Path) -> None:
    found = encode_texts(ModelBundle.load(path), ["hum", "a hiss"], 1)
    np.testing.assert_array_equal(found.detector, found.embedding)


def test_neighbours_do_not_matter(path: Path) -> None:
    bundle = ModelBundle.load(path)
    alone = encode_texts(bundle, ["hum"], 1).embedding
    among = encode_texts(bundle, ["the dog on the left", "hum", "glass"], 1).embedding
    np.testing.assert_array_equal(alone[0], among[1])


def test_truncation_and_unknown_words_are_told(path: Path) -> None:
    texts = ["dog " * MAX_TOKENS, "dog " * (MAX_TOKENS + 1), "dog zebra", "zebra"]
    found = encode_texts(ModelBundle.load(path), texts, 1)
    assert found.truncated.tolist() == [False, True, False, False]
    assert found.unknown.tolist() == [0, 0, 0.5, 1]


def test_an_encoder_that_was_kept_rewritten_says_the_same(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ELSA_RT_CACHE", str(tmp_path / "cache"))
    bundle, texts = ModelBundle.load(path), ["hum", "the dog on the left"]
    plain = encode_texts(bundle, texts, 1).embedding
    module.warm_up(bundle)
    (kept,) = (tmp_path / "cache/graphs").iterdir()
    shutil.rmtree(tmp_path / "cache/texts")
    with monkeypatch.context() as without:
        without.setattr(onnx, "_whole", None)  # the graph of the bundle is not loaded
        np.testing.assert_array_equal(encode_texts(bundle, texts, 1).embedding, plain)
    shutil.rmtree(tmp_path / "cache/texts")
    damaged = bytearray(kept.read_bytes())
    damaged[len(damaged) // 2] ^= 1  # then it is none
    kept.write_bytes(damaged)
    np.testing.assert_array_equal(encode_texts(bundle, texts, 1).embedding, plain)


def test_bad_tokenizer(path: Path) -> None:
    (path / "tokenizer.json").write_text("{}")
    rehash(path)
    with pytest.raises(BundleError, match=r"tokenizer\.json: it is not a tokenizer"):
        encode_texts(ModelBundle.load(path), ["hum"], 1)


def test_bad_graph(path: Path) -> None:
    (path / "text_encoder.onnx").write_bytes((path / "audio_encoder.onnx").read_bytes())
    rehash(path)
    with pytest.raises(EngineError, match="encoding the text 'hum'"):
        encode_texts(ModelBundle.load(path), ["hum"], 1)


def test_a_panic_of_the_tokenizer_is_one_message(
    path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A template that names a token which is not listed: the library in Rust panics."""
    tokenizer = json.loads((path / "tokenizer.json").read_text())
    tokenizer["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "[X]", "type_id": 0}},
                   {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {},
    }  # fmt: skip
    (path / "tokenizer.json").write_text(json.dumps(tokenizer))
    rehash(path)
    with pytest.raises(BundleError, match=r"tokenizer\.json: it is not a tokenizer"):
        encode_texts(ModelBundle.load(path), ["a hum"], 1)
    assert capfd.readouterr().err == ""


def test_the_tokenizer_is_read_once_however_many_texts_come_one_by_one(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[ModelBundle] = []
    load = module._load_tokenizer

    def counted(bundle: ModelBundle) -> object:
        read.append(bundle)
        return load(bundle)

    monkeypatch.setattr(module, "_load_tokenizer", counted)
    bundle = ModelBundle.load(path)
    for text in ("hum", "a hiss", "a hum"):
        assert read_words(bundle, [text])[0].unknown == 0
    assert read == [bundle]
