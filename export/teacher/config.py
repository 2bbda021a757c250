"""Every setting of a teacher and of its training: YAML into frozen dataclasses.

These fields are the only home of the defaults, `configs` say where they differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import yaml

from elsa_rt.errors import UsageError
from elsa_rt.user_files.problems import FileError
from elsa_rt.user_files.yaml_lines import load_plain

SEMANTIC_KINDS = ("tagger", "clap")
TEXT_KINDS = ("sentences", "clap")
PRECISIONS = ("no", "bf16")


@dataclass(frozen=True)
class Semantic:
    """The tower that hears *what* on the omni channel."""

    kind: str = "tagger"
    path: str = "mn04_as.onnx"  # tagger: ONNX file; clap: directory or name on the hub
    train: bool = False  # adapt it too; the tagger cannot be


@dataclass(frozen=True)
class Spatial:
    """The tower that hears *where*: two CNNs on intensity, then an MLP. Sizes as in ELSA."""

    rate: int = 16_000  # Hz
    n_fft: int = 400  # samples of transform and Hann window
    hop: int = 100
    highest_hz: float = 8_000.0  # bins above are left out
    level: bool = False  # a further plane of log energy; ELSA has none
    flow: bool = False  # the mean active intensity goes around the CNNs; ELSA has none
    channels: int = 16
    blocks: int = 6  # each halves both axes
    hidden: tuple[int, ...] = (128, 32)
    place: int = 44  # dimensions of what is known of the place
    lifted: int = 192  # of it, as it enters the fusion


@dataclass(frozen=True)
class Text:
    """The tower that reads."""

    kind: str = "sentences"
    path: str = "minilm"  # sentences: BERT directory; clap: directory or name on the hub
    train: bool = False  # frozen sentences come from captions.npz, already pooled


@dataclass(frozen=True)
class Model:
    """What a checkpoint needs to be built again."""

    seconds: float = 10.0  # of sound that are heard at once; shorter ones get silence behind
    fusion: int = 768
    dropout: float = 0.1
    semantic: Semantic = field(default_factory=Semantic)
    spatial: Spatial = field(default_factory=Spatial)
    text: Text = field(default_factory=Text)


@dataclass(frozen=True)
class Weights:
    """Weight of each loss in the sum; 1 as in ELSA, 0 leaves it out."""

    contrast: float = 1.0
    direction: float = 1.0
    distance: float = 1.0
    floor: float = 1.0
    t30: float = 1.0
    label: float = 0.0  # a further cross entropy over a plain phrase of every label
    tag_names: float = 0.0  # another over the names of the tagger's classes, by what it said


@dataclass(frozen=True)
class Training:
    """How it is trained."""

    spatial_steps: int = 10_000  # first the spatial tower alone, by supervision
    joint_steps: int = 40_000  # then everything
    batch: int = 64  # scenes of one forward pass, on each device
    accumulate: int = 1  # passes to one step of the optimiser
    reuse: int = 1  # times that a scene is heard, turned anew each time
    shards: str = ""  # folder of export.scenes.shards with scenes to train on; else they are made
    workers: int = 8  # processes that make scenes, for each device
    recombine: float = 0.0  # share of a batch whose sounds are heard at each other's places
    dry: int = 0  # further sounds of a batch: dry clips as the tagger heard them, at its places
    dominance: float = 0.75  # least share of a scene's sounding steps that its main sound holds
    precision: str = "bf16"
    learning_rate: float = 1e-3
    tower_learning_rate: float = 5e-5  # of the pretrained towers, where they are trained
    warm_up: int = 500  # steps, in both stages
    weight_decay: float = 0.02
    clip_norm: float = 5.0
    save_every_s: float = 300.0
    measure_every: int = 1_000  # steps between measurements on validation scenes
    measured_scenes: int = 256
    seed: int = 1

    @property
    def steps(self) -> int:
        """Steps of both stages."""
        return self.spatial_steps + self.joint_steps


@dataclass(frozen=True)
class TeacherConfig:
    """A whole YAML file."""

    model: Model = field(default_factory=Model)
    training: Training = field(default_factory=Training)
    weights: Weights = field(default_factory=Weights)

    def __post_init__(self) -> None:
        model, training = self.model, self.training
        _choice("model.semantic.kind", model.semantic.kind, SEMANTIC_KINDS)
        _choice("model.text.kind", model.text.kind, TEXT_KINDS)
        _choice("training.precision", training.precision, PRECISIONS)
        if model.semantic.kind == "tagger" and model.semantic.train:
            raise UsageError(
                "model.semantic.train is true, but the tagger is frozen: "
                "set it to false, or model.semantic.kind to clap"
            )
        if self.weights.tag_names and (model.text.kind != "sentences" or model.text.train):
            raise UsageError(
                f"weights.tag_names {self.weights.tag_names} needs frozen sentences, which "
                "captions.npz holds of the tagger's classes: set it to 0"
            )
        if not 0 < model.spatial.highest_hz <= model.spatial.rate / 2:
            raise UsageError(
                f"model.spatial.highest_hz {model.spatial.highest_hz}: "
                f"more than 0 and at most half of rate={model.spatial.rate} is needed"
            )
        for name in ("batch", "accumulate", "reuse", "warm_up"):
            if getattr(training, name) < 1:
                raise UsageError(f"training.{name} {getattr(training, name)}: 1 or more is needed")
        if training.batch % training.reuse:
            raise UsageError(
                f"training.batch {training.batch} is no multiple of reuse={training.reuse}: "
                "each pass takes batch / reuse new scenes"
            )
        if training.dry and model.semantic.kind != "tagger":
            raise UsageError(
                f"training.dry {training.dry} needs what clips.npz holds of the tagger: "
                "set it to 0, or model.semantic.kind to tagger"
            )
        if not 0 <= training.recombine <= 1:
            raise UsageError(f"training.recombine {training.recombine}: 0 to 1 is needed")
        if training.batch < 2:
            raise UsageError("training.batch 1: contrast and batch norm need 2 or more")


def read_config(path: Path, changes: Sequence[str] = ()) -> TeacherConfig:
    """Settings of a YAML file, with ``changes`` such as ``training.batch=32`` on top.

    Raises
    ------
    UsageError
        The file cannot be read, or a key or value makes no sense; the message names the key.
    """
    try:
        said = load_plain(path)
    except FileError as error:
        raise UsageError(f"cannot read the settings {path}: {error}") from error
    for change in changes:
        key, equals, value = change.partition("=")
        if not equals:
            raise UsageError(f"--set {change}: KEY=VALUE is needed, e.g. training.batch=32")
        _put(said, key, yaml.safe_load(value))
    return from_dict(said, str(path))


def from_dict(said: Any, where: str) -> TeacherConfig:
    """Settings of plain mappings; ``where`` they were said begins every complaint."""
    try:
        return _build(TeacherConfig, said, "")
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None


_Part = TypeVar("_Part")


def _build(part: type[_Part], said: Any, prefix: str) -> _Part:
    if not isinstance(said, Mapping):
        raise UsageError(f"{prefix.rstrip('.') or 'the file'} is {said!r}: keys are needed")
    types = get_type_hints(part)
    for key in said:
        if key not in types:
            near = get_close_matches(str(key), types, 1)
            cure = f"did you mean {prefix}{near[0]}?" if near else f"there are {', '.join(types)}"
            raise UsageError(f"{prefix}{key} is unknown: {cure}")
    return part(**{key: _value(types[key], value, prefix + key) for key, value in said.items()})


def _value(kind: Any, value: Any, key: str) -> Any:
    if is_dataclass(kind):
        return _build(kind, value, key + ".")  # type: ignore[arg-type]
    if kind is float and type(value) is int:
        return float(value)
    if kind is float and isinstance(value, str):  # YAML 1.1 reads 1e-3 as a word
        try:
            return float(value)
        except ValueError:
            pass
    if kind in (int, float, str, bool):
        if type(value) is not kind:
            names = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
            raise UsageError(f"{key} is {value!r}: {names[kind]} is needed")
        return value
    if not (isinstance(value, Sequence) and all(type(item) is int for item in value)):
        raise UsageError(f"{key} is {value!r}: a list of whole numbers is needed")
    return tuple(value)


def _put(said: dict[str, Any], key: str, value: Any) -> None:
    *above, last = key.split(".")
    for name in above:
        said = said.setdefault(name, {})
        if not isinstance(said, dict):
            raise UsageError(f"--set {key}: {name} has no keys below it")
    said[last] = value


def _choice(key: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise UsageError(f"{key} {value!r} is unknown: choose {' | '.join(choices)}")


__all__ = ["Model", "Semantic", "Spatial", "TeacherConfig", "Text", "Training", "Weights",
           "from_dict", "read_config"]  # fmt: skip
