"""A bundle is loaded whole and unharmed, or refused with one message that says why."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import yaml

from elsa_rt.encoder import bundle as module
from elsa_rt.encoder.audio import AudioEncoder
from elsa_rt.encoder.bundle import OPTIONAL, REQUIRED, ModelBundle
from elsa_rt.encoder.text import encode_texts
from elsa_rt.errors import BundleError, ElsaError
from elsa_rt.features.intensity import FeatureSettings
from elsa_rt.scoring.statistics import Statistics
from tests.support.tiny_bundle import make_bundle, rehash, rewrite

SETTINGS = FeatureSettings().as_dict()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return make_bundle(tmp_path / "tiny")


def test_loads(path: Path) -> None:
    bundle = ModelBundle.load(path)
    assert (bundle.name, bundle.version, bundle.slots, bundle.embedding) == ("tiny", "1", 1, 512)
    assert bundle.features == FeatureSettings()
    assert (bundle.step_samples, bundle.step_s) == (1600, 0.1)
    assert "hum" in bundle.card
    assert bundle.file("scores.npz").is_file()


def test_a_file_of_another_precision_may_be_left_out(path: Path) -> None:
    eight_bits = path / OPTIONAL[1]
    eight_bits.write_bytes(b"a graph in 8 bits")
    files = {name: hashlib.sha256((path / name).read_bytes()).hexdigest()
             for name in (*REQUIRED, OPTIONAL[1])}  # fmt: skip
    rewrite(path, files=files)
    assert ModelBundle.load(path).audio_file("int8").is_file()
    eight_bits.unlink()
    bundle = ModelBundle.load(path)
    with pytest.raises(BundleError, match=r"no audio encoder in int8, only in fp32\. .*precision"):
        bundle.audio_file("int8")
    bundle.file("scores.npz").unlink()  # as nothing else may
    with pytest.raises(BundleError):
        ModelBundle.load(path)


def test_features_of_a_bundle_before_the_gain_have_none(path: Path) -> None:
    assert ModelBundle.load(path).features.mel_gain_db == 0
    older = {name: value for name, value in SETTINGS.items() if name != "mel_gain_db"}
    rewrite(path, features=older)
    assert ModelBundle.load(path).features == FeatureSettings()
    rewrite(path, features=older | {"mel_gain_db": 40})
    assert ModelBundle.load(path).features.mel_gain == pytest.approx(1e4)


@pytest.mark.parametrize(("said", "known"), [({}, True), ({"reads_places": False}, False)])
def test_whether_words_of_places_are_read(path: Path, said: dict[str, bool], known: bool) -> None:
    rewrite(path, **said)
    assert ModelBundle.load(path).reads_places is known


def test_is_immutable(path: Path) -> None:
    bundle = ModelBundle.load(path)
    with pytest.raises(FrozenInstanceError):
        bundle.name = "other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        bundle.files["x"] = "y"  # type: ignore[index]


def test_has_no_card_where_there_is_none(path: Path) -> None:
    (path / "MODEL_CARD.md").unlink()
    assert ModelBundle.load(path).card == ""


def damage(path: Path, name: str) -> None:
    file = path / name
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(bytes(data))


def move_out(path: Path, name: str) -> None:
    outside = path.parent / f"{path.name}-{name}"
    (path / name).rename(outside)
    (path / name).symlink_to(outside)


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "no manifest": (lambda p: (p / "model.yaml").unlink(), "has no model.yaml"),
    "bad yaml": (lambda p: (p / "model.yaml").write_text("a: [1,"), "line 1: not YAML"),
    "not utf-8": (lambda p: (p / "model.yaml").write_bytes(b"name: \xff"), "is not UTF-8"),
    "a list": (lambda p: (p / "model.yaml").write_text("- a\n"), "not a table"),
    "schema": (lambda p: rewrite(p, schema=9), "schema is 9, this elsa-rt reads 1"),
    "no schema": (lambda p: rewrite(p, schema=None), "schema is nothing"),
    "kind": (lambda p: rewrite(p, kind="window"), "kind is 'window'"),
    "missing file": (lambda p: (p / "tokenizer.json").unlink(), "tokenizer.json: No such file"),
    "link out": (lambda p: move_out(p, "tokenizer.json"), "tokenizer.json: it is a link out of"),
    "manifest out": (lambda p: move_out(p, "model.yaml"), "model.yaml: it is a link out of"),
    "wrong hash": (lambda p: damage(p, "audio_encoder.onnx"), "audio_encoder.onnx: it is damaged"),
    "unlisted file": (
        lambda p: rewrite(p, files={"scores.npz": "0" * 64}),
        "files does not list audio_encoder.onnx, text_encoder.onnx, tokenizer.json",
    ),
    "path in files": (
        lambda p: rewrite(p, files=dict.fromkeys([*module.REQUIRED, "../x"], "0" * 64)),
        "'../x' is not a plain file name",
    ),
    "no hash": (lambda p: rewrite(p, files=dict.fromkeys(module.REQUIRED, 1)), "is not a sha256"),
    "unknown feature": (lambda p: rewrite(p, features=SETTINGS | {"taps": 3}), "settings taps"),
    "missing feature": (lambda p: rewrite(p, features={"rate": 16_000}), "settings direction_high"),
    "feature type": (lambda p: rewrite(p, features=SETTINGS | {"mels": "64"}), "mels is '64'"),
    "feature value": (lambda p: rewrite(p, features=SETTINGS | {"hop": 1024}), "hop 1024"),
    "no features": (lambda p: rewrite(p, features=None), "features is nothing, a dict"),
    "zero step": (lambda p: rewrite(p, step_frames=0), "step_frames is 0"),
    "text step": (lambda p: rewrite(p, step_frames="10"), "step_frames is '10', a int"),
    "flag for a number": (lambda p: rewrite(p, slots=True), "slots is True"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str, path: Path) -> None:
    harm, said = REFUSED[case]
    harm(path)
    with pytest.raises(BundleError) as caught:
        ModelBundle.load(path)
    message = str(caught.value)
    assert said in message
    assert str(path) in message
    assert "\n" not in message


def test_a_link_inside_and_a_link_to_the_whole_are_followed(path: Path, tmp_path: Path) -> None:
    (path / "tokenizer.json").rename(path / "words.json")
    (path / "tokenizer.json").symlink_to("words.json")
    (tmp_path / "latest").symlink_to(path)
    bundle = ModelBundle.load(tmp_path / "latest")
    assert bundle.read(bundle.file("tokenizer.json")) == (path / "words.json").read_bytes()


def test_a_file_that_is_swapped_after_it_was_hashed(path: Path) -> None:
    bundle = ModelBundle.load(path)
    damage(path, "audio_encoder.onnx")
    with pytest.raises(BundleError, match=r"audio_encoder\.onnx: it changed while it was loaded"):
        AudioEncoder(bundle)
    damage(path, "audio_encoder.onnx")  # back again
    AudioEncoder(bundle)
    damage(path, "text_encoder.onnx")
    with pytest.raises(BundleError, match=r"text_encoder\.onnx: it changed while it was loaded"):
        encode_texts(bundle, ["a hum that is not kept from before"], 1)


@pytest.mark.parametrize("name", ["audio_encoder.onnx", "text_encoder.onnx"])
def test_weights_beside_the_graph_are_not_taken(
    path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even from the directory of the process, where ONNX Runtime looks for them."""
    graph = onnx.load(str(path / name))
    onnx.save_model(
        graph, str(path / name), save_as_external_data=True, location="w.bin", size_threshold=0
    )
    rehash(path)
    monkeypatch.chdir(path)
    bundle = ModelBundle.load(path)
    with pytest.raises(ElsaError, match=rf"{name}: it has external data, in a file that no hash"):
        AudioEncoder(bundle) if name == "audio_encoder.onnx" else encode_texts(bundle, ["hm"], 1)


@pytest.mark.parametrize("name", ["", "..", "a\0b", "../x", "/etc/passwd", "a/b"])
def test_names_of_files_are_plain(path: Path, name: str) -> None:
    manifest = yaml.safe_load((path / "model.yaml").read_text())
    manifest["files"][name] = "0" * 63 + "a"
    (path / "model.yaml").write_text(yaml.safe_dump(manifest))
    with pytest.raises(BundleError, match="is not a plain file name"):
        ModelBundle.load(path)


def test_missing_directory(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="there is no such directory: .*--bundle"):
        ModelBundle.load(tmp_path / "nowhere")


def test_absent_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DEFAULT", tmp_path / "gone")
    with pytest.raises(BundleError, match="missing from this installation: .*--bundle"):
        ModelBundle.load()


def test_statistics(path: Path) -> None:
    found = Statistics.load(ModelBundle.load(path))
    assert found.background.sounds.shape == (400, 64)
    assert len(found.background.pieces) == 40
    assert found.names.labels == ("hum", "hiss")
    assert (found.slope, found.bias) == (2.0, -4.0)


def test_statistics_come_back_as_they_were_saved(path: Path, tmp_path: Path) -> None:
    found = Statistics.load(ModelBundle.load(path))
    found.save(tmp_path / "again.npz")
    with np.load(tmp_path / "again.npz") as again, np.load(path / "scores.npz") as stored:
        assert set(again.files) == set(stored.files) != set()
        for name in stored.files:
            np.testing.assert_array_equal(again[name], stored[name], err_msg=name)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"slope": None}, "slope"),
        ({"sounds": np.ones((9, 64), np.int8)}, "do not fit each other"),
        ({"basis": np.ones((64, 8), np.float16)}, "the embedding of 512"),
        ({"mean": np.full(512, np.nan, np.float32)}, "NaN"),
        ({"slope": np.inf}, "NaN"),
        ({"hours": 0.0}, "do not fit"),
        ({"pieces": np.arange(0, 800, 20, dtype=np.int32)}, "do not fit"),
        ({"piece_labels": np.full((40, 1), 2, np.int16)}, "do not fit"),
    ],
)
def test_bad_statistics(path: Path, changed: dict[str, Any], said: str) -> None:
    with np.load(path / "scores.npz") as stored:
        arrays = {name: stored[name] for name in stored.files} | changed
    np.savez(path / "scores.npz", **{k: v for k, v in arrays.items() if v is not None})
    rehash(path)
    with pytest.raises(BundleError, match=said):
        Statistics.load(ModelBundle.load(path))


def test_statistics_that_are_no_archive(path: Path) -> None:
    (path / "scores.npz").write_bytes(b"what?")
    rehash(path)
    with pytest.raises(BundleError, match=r"scores\.npz"):
        Statistics.load(ModelBundle.load(path))
