"""Start the student from a bundle: the weights of its audio encoder and of its projection of text.

    python -m export train WORK --from-bundle BUNDLE

`export.bundles.student_graph` writes the student as one lean step: norms folded, layers with one
input joined, scales multiplied in. `audio_weights` gives each constant back to the layer that it
came from, so that a student trained once can learn from more recordings. It answers as the file
does. Batch norms come back as the identity: `measure_norms` then gives them the statistics that
training needs, without changing an answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from elsa_rt.encoder.bundle import AUDIO_ENCODER, TEXT_ENCODER, ModelBundle
from elsa_rt.errors import BundleError
from export.data.tagger import scaling
from export.student.model import Student
from export.student.semantic import BLOCKS
from export.towers.text import TextProjection

Arrays = dict[str, NDArray[np.float32]]
Layers = Mapping[str, Sequence[NDArray[np.float32]]]

PROJECTION = ("linear", "deep.0", "deep.3")
"""Layers of `export.towers.text.TextProjection`."""

HIDDEN = 64
"""Width of the two-layer heads of direction, distance and activity."""


def start_from_bundle(bundle: Path, student: Student, projection: TextProjection) -> None:
    """Give ``student`` and ``projection`` the weights of ``bundle``.

    Raises
    ------
    BundleError
        It is no bundle of `export.bundles.bundle`, or one of other widths.
    """
    with _named(bundle) as files:
        take_audio(student, onnx.load(files.file(AUDIO_ENCODER)))
        text = text_weights(onnx.load(files.file(TEXT_ENCODER)))
        projection.load_state_dict({name: _tensor(array) for name, array in text.items()})


def student_of(bundle: Path) -> Student:
    """A student with the audio weights of ``bundle``, whatever its text encoder is.

    Raises
    ------
    BundleError
        As `start_from_bundle`.
    """
    student = Student()
    with _named(bundle) as files:
        take_audio(student, onnx.load(files.file(AUDIO_ENCODER)))
    return student


@torch.no_grad()
def take_audio(student: Student, model: onnx.ModelProto) -> None:
    """Give ``student`` the weights of a graph of `export.bundles.student_graph`."""
    weights = {name: _tensor(array) for name, array in audio_weights(model).items()}
    for i, layer in enumerate(student.spatial.layers):
        conv, norm = layer.conv, layer.norm
        conv.weight.copy_(weights.pop(f"spatial.layers.{i}.conv.weight"))
        norm.reset_parameters()
        norm.weight.fill_((1 + norm.eps) ** 0.5)
        norm.bias.copy_(weights.pop(f"spatial.layers.{i}.conv.bias"))
    absent, strange = student.load_state_dict(weights, strict=False)
    absent = [name for name in absent if not name.startswith("spatial.layers.")]
    if absent or strange:
        raise ValueError(f"without {absent}, with {strange}")


@torch.no_grad()
def measure_norms(student: Student, batches: Iterable[Tensor]) -> None:
    """Let the batch norms of the spatial tower know what goes through them in ``batches``.

    Scale and shift follow the measured deviation and mean, so that every answer stays as it was;
    in training, where a batch is normalised by itself, it stays so on average.
    """
    layers = student.spatial.layers
    sums = [torch.zeros(3, layer.norm.num_features, dtype=torch.float64) for layer in layers]

    def add(i: int) -> object:
        def hook(_: nn.Module, given: tuple[Tensor, ...]) -> None:
            x = given[0].double().transpose(0, 1).flatten(1).cpu()
            sums[i] += torch.stack([torch.full_like(x[:, 0], x.shape[1]), x.sum(1), (x**2).sum(1)])

        return layers[i].norm.register_forward_pre_hook(hook)

    hooks = [add(i) for i in range(len(layers))]
    was = student.training
    student.eval()
    for mel in batches:
        student(mel)
    student.train(was)
    for hook in hooks:
        hook.remove()  # type: ignore[attr-defined]
    for layer, (count, total, squares) in zip(layers, sums, strict=True):
        norm: Any = layer.norm
        mean = (total / count).float()
        variance = (squares / count - (total / count) ** 2).clamp(min=1e-6).float()
        slope = norm.weight / (norm.running_var + norm.eps).sqrt()
        shift = norm.bias - norm.running_mean * slope
        norm.running_mean.copy_(mean), norm.running_var.copy_(variance)
        norm.weight.copy_(slope * (variance + norm.eps).sqrt())
        norm.bias.copy_(shift + mean * slope)


def audio_weights(model: onnx.ModelProto) -> Arrays:
    """Weights of `Student`, norms folded, from a graph of `export.bundles.student_graph`."""
    layers = _by_layer(model)
    _, spread = scaling()
    found: Arrays = {"level.sharpen": layers["level"][0]}
    convolutions = {f"spatial.layers.{i}.conv": f"spatial.layers.{i}" for i in range(3)}
    convolutions |= {"spatial.mask": "spatial", "semantic.last": "semantic"}
    convolutions["semantic.stem.conv"] = "semantic.stem"
    products = {"spatial.fold": "spatial.fold"}
    for i, block in enumerate(BLOCKS):
        name = f"semantic.blocks.{i}"
        convolutions[f"{name}.depthwise.conv"] = f"{name}.depthwise"
        for part in ("project", "expand") if i else ("project",):
            convolutions[f"{name}.{part}"] = f"{name}.{part}"
        for part in ("squeeze", "excite") if block.squeeze else ():
            products[f"{name}.{part}"] = f"{name}.{part}"
    for name, layer in convolutions.items():
        found[f"{name}.weight"], found[f"{name}.bias"] = layers[layer][:2]
    for name, layer in products.items():
        weight, bias = layers[layer][:2]
        found[f"{name}.weight"], found[f"{name}.bias"] = weight.T, bias.reshape(-1)
    found["spatial.layers.0.conv.weight"] = found["spatial.layers.0.conv.weight"].copy()
    found["spatial.layers.0.conv.weight"][:, 0] *= spread
    found["semantic.stem.conv.weight"] = found["semantic.stem.conv.weight"] * np.float32(spread)
    return found | _memories(layers) | _heads(layers)


def _memories(layers: Layers) -> Arrays:
    """Of gated memories and the aim; with each goes the first layer of the activity."""
    parts = {"sound.candidate": ("sound.candidate", "sound.gate", "heard"),
             "place.candidate": ("place.candidate", "place.gate", "aim", "now")}  # fmt: skip
    found: Arrays = {}
    for product, names in parts.items():
        weight, bias = layers[product]
        gates = bias.size - HIDDEN - (len(names) - 3) - _candidates(layers, product)
        widths = [_candidates(layers, product), gates, *([1] * (len(names) - 3)), HIDDEN]
        found |= _split(names, widths, weight.T, bias)
    now, heard = (found.pop(f"{name}.weight") for name in ("now", "heard"))
    found["active.0.weight"] = np.concatenate([now, heard], axis=1)
    found["active.0.bias"] = found.pop("heard.bias") + found.pop("now.bias")
    return found


def _candidates(layers: Layers, product: str) -> int:
    """Width of a memory, from the layers that read it: the sound's, the place's."""
    places = layers["correct.0"][0].shape[0]
    return places if product.startswith("place") else layers["place.candidate"][0].shape[0] - places


def _heads(layers: Layers) -> Arrays:
    """Of direction, distance and activity, and of the embedding."""
    weight, bias = layers["correct.0"]
    found = _split(("correct.0", "far.0"), (HIDDEN, HIDDEN), weight.T, bias)
    weight, bias = layers[""][:2]
    rows = _split(("correct.2", "far.2", "active.2"), (3, 1, 1), weight.T, bias)
    for i, name in enumerate(("correct.2", "far.2", "active.2")):
        found[f"{name}.weight"] = rows[f"{name}.weight"][:, i * HIDDEN : (i + 1) * HIDDEN]
        found[f"{name}.bias"] = rows[f"{name}.bias"]
    fuse, fused, short, shorter, last, bias = layers["fuse"]
    found |= {"fuse.0.weight": fuse.T, "fuse.0.bias": fused}
    found |= {"whereabouts.0.weight": short.T, "whereabouts.0.bias": shorter}
    ends = np.cumsum([fused.size, shorter.size])
    names = ("fuse.3", "whereabouts.2", "name")
    for name, part in zip(names, np.split(last.T, ends, axis=1), strict=True):
        found[f"{name}.weight"], found[f"{name}.bias"] = part, np.zeros_like(bias)
    found["name.bias"] = bias  # the three are added up
    return found


def _split(
    names: Sequence[str], widths: Sequence[int], weight: NDArray[np.float32],
    bias: NDArray[np.float32],
) -> Arrays:  # fmt: skip
    """Layers that the graph has as one, ``weight`` (rows, inputs), by name."""
    found, ends = Arrays(), np.cumsum(widths)
    if ends[-1] != bias.size:
        raise ValueError(f"{names} have {bias.size} outputs, not {ends[-1]}")
    for name, rows, some in zip(
        names, np.split(weight, ends[:-1]), np.split(bias, ends[:-1]), strict=True
    ):
        found[f"{name}.weight"], found[f"{name}.bias"] = rows, some
    return found


def text_weights(model: onnx.ModelProto) -> Arrays:
    """Weights of `TextProjection` from a text encoder; those of eight bits as they are used."""
    constants = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    found: Arrays = {}
    for name in PROJECTION:
        held = f"projection.{name}.weight_Transposed"
        if f"{held}_quantized" in constants:
            whole, zero, scale = (
                constants[f"{held}_{part}"].astype(np.float32)
                for part in ("quantized", "zero_point", "scale")
            )
            found[f"{name}.weight"] = ((whole - zero) * scale).T
        else:
            found[f"{name}.weight"] = constants[f"projection.{name}.weight"]
        found[f"{name}.bias"] = constants[f"projection.{name}.bias"]
    return found


def _by_layer(model: onnx.ModelProto) -> dict[str, list[NDArray[np.float32]]]:
    """Constants of float32 by the layer that asked for them, in the order in which it did."""
    found: dict[str, list[NDArray[np.float32]]] = {}
    for each in model.graph.initializer:
        path, _, number = f".{each.name}".rstrip("_").rpartition(".")
        if path.startswith(".student") and number.isdigit():
            layer = path.removeprefix(".student").removeprefix(".")
            found.setdefault(layer, []).append(np.array(numpy_helper.to_array(each)))
    return found


def _tensor(array: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.array(array, np.float32, order="C"))


@contextmanager
def _named(bundle: Path) -> Iterator[ModelBundle]:
    """The bundle, and its name in what goes wrong with its graphs."""
    files = ModelBundle.load(bundle)
    try:
        yield files
    except (KeyError, ValueError, IndexError, RuntimeError) as error:
        raise BundleError(
            f"starting from {bundle}: training cannot go on with its encoders ({error!r}): give a "
            "bundle of python -m export bundle, after python -m export lean if it is an old one"
        ) from None
