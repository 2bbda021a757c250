"""A trained teacher, to be asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elsa_rt.errors import UsageError
from export.teacher.config import Model, from_dict
from export.teacher.examples import Hearing
from export.teacher.model import Elsa
from export.teacher.text_towers import Reader, make_reader

READ_AT_ONCE = 256  # sentences


class Teacher:
    """Embeds sounds and sentences; made by `load`.

    Sound is FOA (batch, 4, n): AmbiX, float32, at `export.settings.FEATURES.rate`, n at most
    ``seconds`` long (silence is put behind what is shorter). Longer sound raises `UsageError`.
    """

    def __init__(self, model: Elsa, device: str = "cpu") -> None:
        self.model = model.eval().requires_grad_(False).to(device)
        self.seconds = model.settings.seconds
        self._hearing = Hearing(model.settings)
        self._device = device
        self._reader: Reader | None = model.reader

    def embed_sound(self, foa: NDArray[np.float32] | Tensor) -> Tensor:
        """Unit embeddings (batch, 512) of sounds."""
        return self.hear(foa)[0]

    def direction(self, foa: NDArray[np.float32] | Tensor) -> Tensor:
        """Unit vectors (batch, 3), x, y, z, that point to the main sounds."""
        return self.hear(foa)[1]

    @torch.inference_mode()
    def hear(self, foa: NDArray[np.float32] | Tensor) -> tuple[Tensor, Tensor]:
        """Both at once: embeddings (batch, 512) and directions (batch, 3)."""
        sounds = [self._hearing(one) for one in np.asarray(foa, np.float32)]
        spatial, heard = (torch.from_numpy(np.stack(part)) for part in zip(*sounds, strict=True))
        return self.hear_prepared(spatial, heard)

    @torch.inference_mode()
    def hear_prepared(self, spatial: Tensor, heard: Tensor) -> tuple[Tensor, Tensor]:
        """As `hear`, of what `export.teacher.examples.Hearing` made of the sounds."""
        answers = self.model(spatial.float().to(self._device), heard.to(self._device))
        return answers.sound.cpu(), answers.place.direction.cpu()

    @torch.inference_mode()
    def embed_text(self, texts: Sequence[str] | Tensor) -> Tensor:
        """Unit embeddings (c, 512) of sentences, or of pooled sentences (c, width).

        Raises
        ------
        UsageError
            Pooled sentences came to a teacher that has its own text tower.
        """
        if isinstance(texts, Tensor):
            if self.model.reader:
                raise UsageError(
                    "this teacher reads sentences with its own text tower: give it the texts"
                )
            return self.model.read(texts.float().to(self._device)).cpu()
        parts = range(0, len(texts), READ_AT_ONCE)
        return torch.cat([self._read(texts[start : start + READ_AT_ONCE]) for start in parts])

    def _read(self, texts: Sequence[str]) -> Tensor:
        if self._reader is None:  # frozen sentences: read only where texts are asked for
            self._reader = make_reader(self.model.settings.text).eval().to(self._device)
        tokens = tuple(part.to(self._device) for part in self._reader.tokenize(texts))
        if self.model.reader:
            return self.model.read(*tokens).cpu()
        return self.model.read(self._reader(*tokens)).cpu()


def load(
    path: Path | str, semantic: str | None = None, text: str | None = None, device: str = "cpu"
) -> Teacher:
    """The teacher of a checkpoint.

    Parameters
    ----------
    path
        What `export.teacher.train` wrote.
    semantic, text
        Where the tagger or CLAP and the text tower lie now, if not where training read them.
    device
        Of torch, e.g. ``cuda``.

    Raises
    ------
    UsageError
        The checkpoint or a tower cannot be read.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UsageError(
            f"cannot read the teacher {path}: {error.strerror}: train one with "
            "python -m export teacher CONFIG WORK"
        ) from error
    model = Elsa(_moved(from_dict(state["config"], str(path)).model, semantic, text),
                 state["text_width"])  # fmt: skip
    model.load_own_state(state["model"])
    return Teacher(model, device)


def _moved(settings: Model, semantic: str | None, text: str | None) -> Model:
    return replace(
        settings,
        semantic=replace(settings.semantic, path=semantic or settings.semantic.path),
        text=replace(settings.text, path=text or settings.text.path),
    )
