"""A small but real bundle: true graphs with true state, hand-made instead of trained.

It knows two sounds by their spectrum, a low "hum" and a high "hiss". The words hum and hiss mean
just these spectra, every other word a random one, and one random projection takes spectra of
sounds and of words into the same space.

    make_bundle(directory) -> Path    writes it; give the path as --bundle or Config.bundle
    ship()                            writes a compact one to where `elsa_rt.testing` has it
    make_windowed_bundle(directory, beam) -> Path    the same with an encoder without state
    free_streams(bundle)              lets its encoder hear several streams at once
    rewrite(bundle, **changes)        changes the manifest, None removes a key
    rehash(bundle)                    makes the manifest fit files that were changed
    sound("hum" | "hiss", seconds, azimuth_deg, elevation_deg, rate)    see `elsa_rt.testing`
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import yaml
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import Whitespace

from elsa_rt.encoder.bundle import REQUIRED
from elsa_rt.features.intensity import FeatureSettings
from elsa_rt.testing.bundle import DIRECTORY
from elsa_rt.testing.sources import sound as sound

MELS = 64
STEP = 10
EMBEDDING = 512
WINDOW_S = 0.5
SPLIT_BAND = 24  # the mel bands before it lie under SPLIT_HZ
WORDS = ("hum", "hiss", "a", "the", "dog", "glass", "on", "left", "right", "sound", "of", "word")

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def make_bundle(directory: Path) -> Path:
    """Write the bundle into ``directory``, which need not exist."""
    rng = np.random.default_rng(7)
    projection = rng.normal(size=(MELS, EMBEDDING)).astype(np.float32)
    return _write(directory, _audio_encoder(projection), projection, rng, kind="stateful")


def ship(directory: Path = DIRECTORY) -> Path:
    """Write the bundle of `elsa_rt.testing`: its projection is of signs, so that it is small.

    PYTHONPATH=. python -c "from tests.support.tiny_bundle import ship; ship()"
    """
    rng = np.random.default_rng(7)
    projection = rng.choice([-1.0, 1.0], (MELS, EMBEDDING)).astype(np.float32)
    return _write(directory, _audio_encoder(projection), projection, rng, kind="stateful")


def make_windowed_bundle(directory: Path, beam: str = "omni") -> Path:
    """Write one that hears windows of `WINDOW_S` each 100 ms."""
    rng = np.random.default_rng(7)
    projection = rng.normal(size=(MELS, EMBEDDING)).astype(np.float32)
    window = {"seconds": WINDOW_S, "beam": beam}
    encoder = _window_encoder(projection)
    return _write(directory, encoder, projection, rng, kind="windowed", window=window)


def free_streams(bundle: Path) -> Path:
    """Let the encoder of ``bundle`` hear any number of streams at once; returns ``bundle``."""
    file = bundle / "audio_encoder.onnx"
    model = onnx.load(str(file))
    for value in [*model.graph.input, *model.graph.output]:
        value.type.tensor_type.shape.dim[0].dim_param = "streams"
    for constant in model.graph.initializer:
        if constant.data_type == INT64 and list(constant.dims) == [3]:  # of Reshape
            values = numpy_helper.to_array(constant).copy()
            values[0] = -1
            constant.CopyFrom(numpy_helper.from_array(values, constant.name))
    onnx.save(model, str(file))
    rehash(bundle)
    return bundle


def _write(
    directory: Path,
    encoder: onnx.ModelProto,
    projection: NDArray[np.float32],
    rng: np.random.Generator,
    **manifest: Any,
) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    _save(encoder, directory / "audio_encoder.onnx")
    _save(_text_encoder(_meanings(rng), projection), directory / "text_encoder.onnx")
    _tokenizer().save(str(directory / "tokenizer.json"))
    np.savez(directory / "scores.npz", **statistics(projection, rng))
    (directory / "MODEL_CARD.md").write_text("# tiny\n\nHears a hum and a hiss.\n", "utf-8")
    manifest |= {
        "schema": 1, "name": "tiny", "version": "1", "licence": "Apache-2.0",
        "features": FeatureSettings().as_dict(), "step_frames": STEP, "context_s": 1.0,
        "slots": 1, "embedding": EMBEDDING, "files": {}, "training": {}, "measured": {},
    }  # fmt: skip
    _write_manifest(directory, manifest)
    rehash(directory)
    return directory


def statistics(projection: NDArray[np.float32], rng: np.random.Generator) -> dict[str, Any]:
    """Half an hour of 40 random spectra that each sound for ten steps."""
    background = np.repeat(rng.normal(size=(40, MELS)), 10, axis=0) @ projection
    background /= np.linalg.norm(background, axis=1, keepdims=True)
    basis = np.linalg.qr(projection.T)[0].T
    phrases = np.stack([_lean(), -_lean()]) @ projection
    phrases /= np.linalg.norm(phrases, axis=1, keepdims=True)
    return {
        "basis": basis.astype(np.float16), "mean": np.zeros(EMBEDDING, np.float32),
        "scale": np.full(MELS, 1 / 127, np.float32),
        "sounds": np.round(127 * background @ basis.T).astype(np.int8),
        "activity": np.full(400, 255, np.uint8), "direction": np.tile([[127, 0, 0]], (400, 1))
        .astype(np.int8), "distance": np.full(400, np.nan, np.float16),
        "pieces": np.arange(0, 400, 10, dtype=np.int32),
        "piece_s": np.tile(np.array([[0.0, 1.0]], np.float32), (40, 1)),
        "piece_labels": np.full((40, 1), -1, np.int16), "hours": 0.5,
        "labels": np.array(["hum", "hiss"]), "phrases": phrases.astype(np.float16),
        "wider": np.array([-1, -1], np.int16), "detected": np.array([0.9, np.nan], np.float32),
        "slope": 2.0, "bias": -4.0,
    }  # fmt: skip


def rewrite(bundle: Path, **changes: Any) -> None:
    """Change keys of the manifest; None removes one."""
    manifest = yaml.safe_load((bundle / "model.yaml").read_text("utf-8")) | changes
    _write_manifest(bundle, {key: value for key, value in manifest.items() if value is not None})


def rehash(bundle: Path) -> None:
    """Write the hashes of the files as they are into the manifest."""
    files = {name: hashlib.sha256((bundle / name).read_bytes()).hexdigest() for name in REQUIRED}
    rewrite(bundle, files=files)


def _write_manifest(bundle: Path, manifest: dict[str, Any]) -> None:
    (bundle / "model.yaml").write_text(yaml.safe_dump(manifest, sort_keys=False), "utf-8")


def _meanings(rng: np.random.Generator) -> NDArray[np.float32]:
    """A centred log spectrum (words, mels) for [UNK] and each of `WORDS`; small words are mute."""
    meanings = rng.normal(size=(1 + len(WORDS), MELS))
    meanings[1], meanings[2] = _lean(), -_lean()
    for mute in ("a", "the", "on", "sound", "of"):
        meanings[1 + WORDS.index(mute)] *= 1e-3
    meanings /= np.maximum(1, np.linalg.norm(meanings, axis=1, keepdims=True))
    return meanings.astype(np.float32)


def _lean() -> NDArray[np.float64]:
    """The centred spectrum (mels,) of a hum."""
    low = np.where(np.arange(MELS) < SPLIT_BAND, 1.0, -1.0)
    return low - low.mean()


def _tokenizer() -> Tokenizer:
    vocabulary = {"[UNK]": 0} | {word: index for index, word in enumerate(WORDS, 1)}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = Lowercase()
    tokenizer.pre_tokenizer = Whitespace()
    return tokenizer


class _Graph:
    """Collects nodes: ``y = graph("Add", "a", "b")``; numbers become constants."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def __call__(self, op: str, *inputs: Any, out: str | None = None, **attributes: Any) -> str:
        names = [value if isinstance(value, str) else self._constant(value) for value in inputs]
        out = out or f"{op.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, names, [out], **attributes))
        return out

    def _constant(self, value: Any) -> str:
        array = np.asarray(value)
        if array.dtype == np.float64:
            array = array.astype(np.float32)
        if (
            array.dtype != np.int8
            and array.shape == (MELS, EMBEDDING)
            and set(np.unique(array)) == {-1.0, 1.0}
        ):
            return self("Cast", array.astype(np.int8), to=FLOAT)
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def unit(self, vector: str, out: str | None = None) -> str:
        """``vector`` divided by its length along the last axis."""
        length = self("ReduceL2", vector, axes=[-1], keepdims=1)
        return self("Div", vector, self("Add", length, 1e-20), out=out)

    def model(self, inputs: dict[str, Any], outputs: dict[str, Any]) -> onnx.ModelProto:
        def values(specs: dict[str, Any]) -> list[onnx.ValueInfoProto]:
            return [
                helper.make_tensor_value_info(name, INT64 if name in _INTEGERS else FLOAT, shape)
                for name, shape in specs.items()
            ]

        graph = helper.make_graph(
            self.nodes, "tiny", values(inputs), values(outputs), self.constants
        )
        opset = [helper.make_opsetid("", 17)]
        return helper.make_model(graph, opset_imports=opset, ir_version=8)


_INTEGERS = ("input_ids", "attention_mask")


def _audio_encoder(projection: NDArray[np.float32]) -> onnx.ModelProto:
    g = _Graph()
    log_mel = g("Gather", "frames", np.int64(0), axis=2)  # (1, 10, 64)
    active = g("Gather", "frames", np.array([1, 2, 3]), axis=2)  # (1, 10, 3, 64)
    power = g("Exp", log_mel)
    now = g("ReduceMean", power, axes=[1], keepdims=0)  # (1, 64)

    # a leaky average of the spectrum: what is heard fades over some steps
    leaky = g("Add", g("Mul", "state_level", 0.3), g("Mul", now, 0.7), out="next_level")
    spectrum = g("Log", g("Add", leaky, 1e-9))
    centred = g("Sub", spectrum, g("ReduceMean", spectrum, axes=[-1], keepdims=1))
    still = np.eye(1, EMBEDDING) * 1e-3  # where silence lies
    embedding = g.unit(g("Add", g("MatMul", centred, projection), still))
    g("Reshape", embedding, np.array([1, 1, EMBEDDING]), out="embedding")

    # the direction looks at this step and the one before it
    flow = g("Mul", active, g("Unsqueeze", power, np.array([2])))
    towards = g("ReduceSum", g("ReduceSum", flow, np.array([3]), keepdims=0), np.array([1]),
                keepdims=0, out="next_previous")  # (1, 3)  # fmt: skip
    both = g("Add", towards, g("Mul", "state_previous", 0.25))
    forward_in_silence = np.array([[1e-12, 0, 0]])
    direction = g.unit(g("Add", both, forward_in_silence))
    g("Reshape", direction, np.array([1, 1, 3]), out="direction")

    total = g("ReduceSum", now, np.array([1]), keepdims=1)  # (1, 1)
    g("Div", total, g("Add", total, 1e-5), out="activity")
    g("Add", g("Mul", total, 0.0), 1.5, out="distance_m")
    return g.model(
        {"frames": (1, STEP, 8, MELS), "state_level": (1, MELS), "state_previous": (1, 3)},
        {
            "embedding": (1, 1, EMBEDDING), "direction": (1, 1, 3), "activity": (1, 1),
            "distance_m": (1, 1), "next_level": (1, MELS), "next_previous": (1, 3),
        },
    )  # fmt: skip


def _window_encoder(projection: NDArray[np.float32]) -> onnx.ModelProto:
    g = _Graph()
    count = round(WINDOW_S * FeatureSettings().rate)
    newer = g("Slice", "samples", np.array([1]), np.array([count]), np.array([1]))
    older = g("Slice", "samples", np.array([0]), np.array([count - 1]), np.array([1]))
    low, high = (
        g("Log", g("Add", g("ReduceSumSquare", g(op, newer, older), axes=[1]), 1e-9))
        for op in ("Add", "Sub")
    )
    lean = g("Tanh", g("Add", g("Sub", low, high), -2.0))  # 1 for a hum, -1 for a hiss
    spectrum = g("Mul", lean, _lean()[None].astype(np.float32))  # (1, 64)
    g.unit(g("MatMul", spectrum, projection), out="embedding")
    return g.model({"samples": (1, count)}, {"embedding": (1, EMBEDDING)})


def _text_encoder(
    meanings: NDArray[np.float32], projection: NDArray[np.float32]
) -> onnx.ModelProto:
    g = _Graph()
    words = g("Gather", meanings, "input_ids", axis=0)  # (p, t, 64)
    mask = g("Unsqueeze", g("Cast", "attention_mask", to=FLOAT), np.array([2]))
    summed = g("ReduceSum", g("Mul", words, mask), np.array([1]), keepdims=0)
    mean = g("Div", summed, g("ReduceSum", mask, np.array([1]), keepdims=0))
    g.unit(g("MatMul", mean, projection), out="embedding")
    return g.model(
        {"input_ids": ("p", "t"), "attention_mask": ("p", "t")}, {"embedding": ("p", EMBEDDING)}
    )


def _save(model: onnx.ModelProto, path: Path) -> None:
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(path))
