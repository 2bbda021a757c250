"""The model bundle: a directory whose manifest and hashes are checked before anything runs."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, TypeVar

from elsa_rt.encoder.window import WindowSettings
from elsa_rt.errors import BundleError, UsageError
from elsa_rt.features.intensity import FeatureSettings
from elsa_rt.files import expanded
from elsa_rt.hints import coerce
from elsa_rt.memo import Memo
from elsa_rt.parallel import in_parallel
from elsa_rt.user_files.problems import FileError
from elsa_rt.user_files.value_types import shown
from elsa_rt.user_files.yaml_lines import load_plain

SCHEMA = 1
STATEFUL, WINDOWED = "stateful", "windowed"
KINDS = (STATEFUL, WINDOWED)
MANIFEST = "model.yaml"
CARD = "MODEL_CARD.md"
AUDIO_ENCODER = "audio_encoder.onnx"
TEXT_ENCODER = "text_encoder.onnx"
TOKENIZER = "tokenizer.json"
SCORES = "scores.npz"
VOCABULARY = "vocabulary.json"
"""Names that the text encoder looks sentences up among; a bundle may have none."""

SLOT_MASKS = "slot_masks.onnx"
"""What tells two sounds at once apart, see `elsa_rt.encoder.slot_masks`; a bundle may have none."""

REQUIRED = (AUDIO_ENCODER, TEXT_ENCODER, TOKENIZER, SCORES)
AUDIO_FILES = {
    "fp32": AUDIO_ENCODER,
    "fp16": "audio_encoder.fp16.onnx",
    "int8": "audio_encoder.int8.onnx",
}
"""The audio encoder in each precision; a bundle need only have the first."""

OPTIONAL = (AUDIO_FILES["fp16"], AUDIO_FILES["int8"])
"""Files that a manifest may list though they were left out, as the wheel does to be smaller."""

DEFAULT = Path(__file__).parent.parent / "bundles" / "elsa-rt-small"

_CURE = "get the bundle again, or leave out --bundle for the bundled model"
_Value = TypeVar("_Value")
_Settings = TypeVar("_Settings", FeatureSettings, WindowSettings)


class KnownName(NamedTuple):
    """A sound that the text encoder knows by name: learnt in training, or a class of the tagger."""

    name: str
    kind: Literal["label", "tag"]


@dataclass(frozen=True)
class ModelBundle:
    """One trained model with all that belongs to it; immutable, made by `load`."""

    path: Path
    name: str
    version: str
    licence: str
    kind: str
    features: FeatureSettings
    window: WindowSettings | None  # of a windowed encoder, which keeps no state
    step_frames: int  # hops that the audio encoder takes at once
    context_s: float  # seconds that a step looks back; fading memories reach further
    slots: int  # sources heard at once
    embedding: int  # dimensions of the space of sounds and prompts
    files: Mapping[str, str]  # name -> sha256
    training: Mapping[str, Any]
    measured: Mapping[str, Any]
    reads_places: bool = True  # whether the text encoder knows what words about a place mean
    memo: Memo = field(default_factory=Memo, init=False, repr=False, compare=False)

    @classmethod
    def load(cls, path: str | Path | None = None) -> ModelBundle:
        """Read and check the bundle at ``path``, by default the bundled model.

        Raises
        ------
        BundleError
            It is absent, damaged, or of a kind that this version does not know.
        """
        coerce(path, str | PathLike | None, "the path of a bundle:")
        directory = DEFAULT if path is None else expanded(path)
        if not directory.is_dir():
            if path is None:
                raise BundleError(
                    f"loading the default model: {directory} is missing from this installation: "
                    "install elsa-rt again, or name a bundle with --bundle DIR"
                )
            raise BundleError(f"loading bundle {directory}: there is no such directory: {_CURE}")
        bundle = _parse(directory, _read_manifest(directory))
        left_out = {n for n in OPTIONAL if n in bundle.files and not (directory / n).exists()}
        files = {name: digest for name, digest in bundle.files.items() if name not in left_out}
        bundle = replace(bundle, files=MappingProxyType(files))
        in_parallel(lambda each: _check_hash(directory / each[0], each[1]), [*files.items()], 1)
        return bundle

    def __reduce__(self) -> tuple[Any, ...]:
        """A pickle is the place of the bundle: it is read and checked again."""
        return ModelBundle.load, (self.path,)

    def __deepcopy__(self, memo: object) -> ModelBundle:
        """Itself: it never changes."""
        return self

    @property
    def step_samples(self) -> int:
        """Samples of a step at the model's rate."""
        return self.step_frames * self.features.hop

    @property
    def step_s(self) -> float:
        """Length of a step in seconds."""
        return self.step_samples / self.features.rate

    @cached_property
    def names(self) -> tuple[KnownName, ...]:
        """What the text encoder looks sentences up among; empty where the bundle has no such file.

        Raises
        ------
        BundleError
            The file is not one of names.
        """
        if VOCABULARY not in self.files:
            return ()
        path = self.file(VOCABULARY)
        try:
            rows = json.loads(path.read_text(encoding="utf-8"))
            return tuple(KnownName(str(row["name"]), row["kind"]) for row in rows)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BundleError(f"loading {path}: {error!r}: {_CURE}") from None

    @property
    def card(self) -> str:
        """The model card as Markdown, empty where the bundle has none."""
        card = self.path / CARD
        _check_inside(card)
        return card.read_text(encoding="utf-8", errors="replace") if card.is_file() else ""

    def read(self, path: Path) -> bytes:
        """The bytes of one of its files, which are those that the manifest was made of.

        They are read once: what runs is what was hashed, whatever happens to the file meanwhile.

        Raises
        ------
        BundleError
            It cannot be read, lies outside the bundle, or has changed.
        """
        _check_inside(path)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise BundleError(f"loading {path}: {error.strerror}: {_CURE}") from None
        expected = self.files.get(path.name)
        if expected is not None and hashlib.sha256(data).hexdigest() != expected:
            raise BundleError(f"loading {path}: it changed while it was loaded: {_CURE}")
        return data

    def file(self, name: str) -> Path:
        """Path of a file that the manifest lists."""
        return self.path / name

    def audio_file(self, precision: str) -> Path:
        """The audio encoder in ``precision``, a key of `AUDIO_FILES`.

        Raises
        ------
        BundleError
            The bundle has none.
        """
        name = AUDIO_FILES[precision]
        if name not in self.files:
            has = ", ".join(p for p, file in AUDIO_FILES.items() if file in self.files)
            raise BundleError(
                f"bundle {self.path} has no audio encoder in {precision}, only in {has}. Precision "
                "lives in the file (TensorRT 11 has no calibrator any more): make it with "
                f"python -m export precision {self.path}"
            )
        return self.path / name


def _read_manifest(directory: Path) -> dict[str, Any]:
    path = directory / MANIFEST
    if not path.is_file():
        raise BundleError(f"loading bundle {directory}: it has no {MANIFEST}: {_CURE}")
    _check_inside(path)
    try:
        manifest = load_plain(path)
    except FileError as error:
        raise BundleError(f"loading {error}: {_CURE}") from None
    if not isinstance(manifest, dict):
        raise BundleError(f"loading {path}: it is not a table of keys and values: {_CURE}")
    if manifest.get("schema") != SCHEMA:
        raise BundleError(
            f"loading {path}: schema is {shown(manifest.get('schema'))}, this elsa-rt reads "
            f"{SCHEMA}: "
            "update elsa-rt (pip install -U elsa-rt) or use a bundle made for it"
        )
    if manifest.get("kind") not in KINDS:
        raise BundleError(
            f"loading {path}: kind is {shown(manifest.get('kind'))}, this elsa-rt runs "
            f"{', '.join(KINDS)}: update elsa-rt (pip install -U elsa-rt) or use another bundle"
        )
    return manifest


def _parse(directory: Path, manifest: dict[str, Any]) -> ModelBundle:
    path = directory / MANIFEST

    def value(key: str, kind: type[_Value]) -> _Value:
        found = manifest.get(key)
        if kind is float and type(found) is int:
            found = float(found)
        if not isinstance(found, kind) or isinstance(found, bool):
            raise BundleError(
                f"loading {path}: {key} is {shown(found)}, a {kind.__name__} is needed: {_CURE}"
            )
        return found

    def positive(key: str, kind: type[_Value]) -> _Value:
        number = value(key, kind)
        if not number > 0:  # type: ignore[operator]
            raise BundleError(f"loading {path}: {key} is {number}, it must be positive: {_CURE}")
        return number

    window = None
    if manifest["kind"] == WINDOWED:
        window = _settings(path, "window", WindowSettings, value("window", dict))
    bundle = ModelBundle(
        path=directory,
        name=value("name", str),
        version=str(manifest.get("version")),  # 1.0 is a number to YAML
        licence=value("licence", str),
        kind=value("kind", str),
        features=_settings(path, "feature", FeatureSettings, value("features", dict)),
        window=window,
        step_frames=positive("step_frames", int),
        context_s=positive("context_s", float),
        slots=positive("slots", int),
        embedding=positive("embedding", int),
        files=_file_hashes(path, value("files", dict)),
        training=MappingProxyType(value("training", dict)),
        measured=MappingProxyType(value("measured", dict)),
        reads_places=window is None and manifest.get("reads_places", True) is not False,
    )
    _check_window(path, bundle)
    return bundle


def _check_window(path: Path, bundle: ModelBundle) -> None:
    """A windowed encoder hears one source, and every sample at least once."""
    if bundle.window is None:
        return
    if bundle.slots != 1:
        raise BundleError(
            f"loading {path}: slots is {bundle.slots}, a windowed encoder has 1: {_CURE}"
        )
    if bundle.window.seconds < bundle.step_s:
        raise BundleError(
            f"loading {path}: the window of {bundle.window.seconds} s is shorter than the step "
            f"of {bundle.step_s} s: {_CURE}"
        )


def _settings(path: Path, about: str, kind: type[_Settings], given: dict[str, Any]) -> _Settings:
    known = {field.name: type(field.default) for field in fields(kind)}
    given = {"mel_gain_db": 0.0, **given} if "mel_gain_db" in known else given  # 0.1.0 has none
    strange = sorted(map(str, given.keys() ^ known.keys()))
    if strange:
        raise BundleError(
            f"loading {path}: the {about} settings {', '.join(strange)} do not fit this version: "
            "use a bundle made for it, or update elsa-rt (pip install -U elsa-rt)"
        )
    for name, wanted in known.items():
        if type(given[name]) is not wanted and (type(given[name]), wanted) != (int, float):
            raise BundleError(
                f"loading {path}: {about} setting {name} is {shown(given[name])}, "
                f"a {wanted.__name__} is needed: {_CURE}"
            )
    try:
        return kind(**given)
    except UsageError as error:
        raise BundleError(f"loading {path}: {error}: {_CURE}") from None


def _file_hashes(path: Path, given: dict[str, Any]) -> Mapping[str, str]:
    missing = [name for name in REQUIRED if name not in given]
    if missing:
        raise BundleError(f"loading {path}: files does not list {', '.join(missing)}: {_CURE}")
    for name, digest in given.items():
        plain = isinstance(name, str) and Path(name).name == name and name not in ("", "..")
        if not plain or "\0" in name:
            raise BundleError(f"loading {path}: {name!r} is not a plain file name: {_CURE}")
        if not isinstance(digest, str) or not re.fullmatch("[0-9a-f]{64}", digest):
            raise BundleError(f"loading {path}: {shown(digest)} of {name} is not a sha256: {_CURE}")
    return MappingProxyType(dict(given))


def _check_inside(path: Path) -> None:
    """Links may lead from file to file of a bundle, and not out of it."""
    there = path.resolve()
    if not there.is_relative_to(path.parent.resolve()):
        raise BundleError(
            f"loading {path}: it is a link out of the bundle, to {there}: copy the file in its "
            f"place (cp --remove-destination {shlex.quote(str(there))} {shlex.quote(str(path))})"
        )


def _check_hash(path: Path, expected: str) -> None:
    _check_inside(path)
    digest = hashlib.sha256()
    if path.exists() and not path.is_file():
        raise BundleError(f"loading {path}: it is no regular file: {_CURE}")
    try:
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BundleError(f"loading {path}: {reason}: {_CURE}") from None
    if digest.hexdigest() != expected:
        raise BundleError(
            f"loading {path}: it is damaged or was changed: its sha256 is "
            f"{digest.hexdigest()[:12]}.., {MANIFEST} says {expected[:12]}..: {_CURE}"
        )
