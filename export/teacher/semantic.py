"""The semantic tower, a part to be plugged: what a mono sound is.

A plug is two things. Its *ears* prepare samples, in the processes that make scenes; its *tower*
is the part of the network that takes what was prepared.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from elsa_rt.errors import UsageError
from export.data.tagger import RATE as TAGGER_RATE
from export.data.tagger import Tagger
from export.settings import TAG_FEATURES
from export.teacher.config import Semantic


class Ears(Protocol):
    """What a tower takes, from mono samples."""

    @property
    def rate(self) -> int:
        """Sampling rate in Hz of the samples that are wanted."""

    def __call__(self, mono: NDArray[np.float32]) -> NDArray[np.float32]:
        """Prepare samples (n,)."""


class TaggerEars:
    """The frozen features (384,) of an ONNX tagger."""

    rate = TAGGER_RATE

    def __init__(self, model: Path) -> None:
        self.model = model

    @cached_property
    def _tagger(self) -> Tagger:  # made late: a session cannot be sent to another process
        return Tagger(self.model)

    def __call__(self, mono: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._tagger(mono).features


class TaggerTower(nn.Module):
    """Standardises the features: most of them is what all sounds share."""

    width = TAG_FEATURES

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(self.width, affine=False)

    def forward(self, features: Tensor) -> Tensor:
        return torch.as_tensor(self.norm(features))


class ClapEars:
    """Log-mel (1 or 4, frames, mels) by the feature extractor that lies beside a CLAP."""

    def __init__(self, path: str) -> None:
        from transformers import ClapFeatureExtractor

        self._extract = ClapFeatureExtractor.from_pretrained(path)
        self.rate = int(self._extract.sampling_rate)

    def __call__(self, mono: NDArray[np.float32]) -> NDArray[np.float32]:
        if mono.size > self._extract.nb_max_samples:
            raise UsageError(
                f"CLAP hears {self._extract.max_length_s} s at once, {mono.size / self.rate:.3g} s "
                f"came in: set model.seconds to {self._extract.max_length_s} or less"
            )
        said = self._extract(mono, sampling_rate=self.rate, return_tensors="np")
        return np.asarray(said["input_features"][0], np.float32)


class ClapTower(nn.Module):
    """The audio tower of a `transformers.ClapModel`, before its projection."""

    def __init__(self, path: str, train: bool) -> None:
        super().__init__()
        from transformers import ClapModel

        self.audio = ClapModel.from_pretrained(path).audio_model.requires_grad_(train)
        self.width = int(self.audio.config.hidden_size)
        self.frozen = not train

    def train(self, mode: bool = True) -> ClapTower:
        """A frozen tower stays as it is, its norms and dropout too."""
        super().train(mode and not self.frozen)
        return self

    def forward(self, mel: Tensor) -> Tensor:
        longer = torch.zeros(mel.shape[0], 1, dtype=torch.bool, device=mel.device)
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            return torch.as_tensor(self.audio(mel, is_longer=longer).pooler_output)


def make_ears(settings: Semantic) -> Ears:
    """The plug's ears; raises `UsageError` where its files are missing."""
    if settings.kind == "tagger":
        if not Path(settings.path).is_file():
            raise _missing(settings, "the ONNX file of an EfficientAT tagger")
        return TaggerEars(Path(settings.path))
    return _from_hub(settings, lambda: ClapEars(settings.path))


def make_tower(settings: Semantic) -> TaggerTower | ClapTower:
    """The plug's part of the network."""
    if settings.kind == "tagger":
        return TaggerTower()
    return _from_hub(settings, lambda: ClapTower(settings.path, settings.train))


def _from_hub(settings: Semantic, make: Any) -> Any:
    try:
        return make()
    except OSError as error:  # what transformers raises for any absent file
        raise _missing(settings, "the directory or hub name of a ClapModel") from error


def _missing(settings: Semantic, what: str) -> UsageError:
    return UsageError(
        f"model.semantic.path {settings.path!r} is not there: give {what}, "
        "e.g. --set model.semantic.path=..."
    )
