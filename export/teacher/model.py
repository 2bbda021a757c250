"""ELSA: semantic and spatial tower fused into the space of the sentences."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from export.settings import EMBEDDING
from export.teacher.config import Model
from export.teacher.semantic import ClapTower, make_tower
from export.teacher.spatial import Place, SpatialTower
from export.teacher.text_towers import Reader, make_reader
from export.towers.losses import Temperature
from export.towers.text import TextProjection


class Answers(NamedTuple):
    """What comes out of one pass; float32."""

    place: Place
    sound: Tensor | None  # (batch, 512), unit length; None of the spatial tower alone
    text: Tensor | None  # (c, 512), unit length
    scale: Tensor | None  # of the contrastive losses; None without text


class Elsa(nn.Module):
    """The whole network.

    ``text_width`` is that of the pooled sentences it is given where the sentence tower is frozen;
    every other text tower is a part of it.
    """

    def __init__(self, settings: Model, text_width: int) -> None:
        super().__init__()
        self.settings = settings
        self.spatial = SpatialTower(settings.spatial, settings.seconds)
        self.semantic = make_tower(settings.semantic)
        self.lift = nn.Linear(self.spatial.width, settings.spatial.lifted)
        self.fusion = nn.Sequential(
            nn.Linear(settings.spatial.lifted + self.semantic.width, settings.fusion),
            nn.GELU(),
            nn.Dropout(settings.dropout),
            nn.Linear(settings.fusion, EMBEDDING),
        )
        self.reader: Reader | None = None
        if settings.text.kind == "clap" or settings.text.train:
            self.reader = make_reader(settings.text)
        self.text_width = self.reader.width if self.reader else text_width
        self.projection = TextProjection(self.text_width)
        self.temperature = Temperature()

    def forward(
        self,
        foa: Tensor,
        heard: Tensor | None = None,
        texts: tuple[Tensor, ...] | None = None,
        places: Tensor | None = None,
    ) -> Answers:
        """One pass.

        Parameters
        ----------
        foa : float32 (batch, 4, n)
            AmbiX at ``settings.spatial.rate``, ``settings.seconds`` long.
        heard
            What the semantic plug's ears made of W; None asks the spatial tower alone.
        texts
            Pooled sentences (c, width), or ids and mask where the text tower is inside.
        places
            int64 (m,): in which of the scenes each of m sounds is heard; else each in its own.
        """
        place = self.spatial(foa)
        hidden = place.hidden if places is None else place.hidden[places]
        sound = None if heard is None else self.fuse(hidden, heard)
        if texts is None:  # what no loss will use must not be an answer: DDP would wait for it
            return Answers(place, sound, None, None)
        return Answers(place, sound, self.read(*texts), self.temperature())

    def fuse(self, hidden: Tensor, heard: Tensor) -> Tensor:
        """Unit embedding (m, 512) of sounds at places."""
        lifted = F.elu(self.lift(hidden))
        joined = self.fusion(torch.cat([lifted, self.semantic(heard)], 1))
        return F.normalize(joined.float(), dim=-1)

    def read(self, *texts: Tensor) -> Tensor:
        """Unit embedding (c, 512) of sentences."""
        pooled = self.reader(*texts) if self.reader else texts[0]
        return torch.as_tensor(self.projection(pooled)).float()

    def pretrained(self) -> list[nn.Parameter]:
        """Parameters of the towers that came from elsewhere and are trained on."""
        towers = (self.semantic, self.reader)
        return [p for t in towers if t is not None for p in t.parameters() if p.requires_grad]

    def own_state(self) -> dict[str, Tensor]:
        """The state without frozen towers: those are read from where they lie."""
        frozen = tuple(self._frozen())
        return {k: v for k, v in self.state_dict().items() if not k.startswith(frozen or ("\0",))}

    def load_own_state(self, state: dict[str, Tensor]) -> None:
        """Take over what `own_state` gave; raises RuntimeError where it does not fit."""
        frozen = tuple(self._frozen())
        missing, surplus = self.load_state_dict(state, strict=False)
        lacking = [key for key in missing if not key.startswith(frozen or ("\0",))]
        if lacking or surplus:
            raise RuntimeError(f"weights are missing: {lacking}, or too many: {surplus}")

    def _frozen(self) -> list[str]:
        names = []
        if isinstance(self.semantic, ClapTower) and not self.settings.semantic.train:
            names.append("semantic.")
        if self.reader and not self.settings.text.train:
            names.append("reader.")
        return names
