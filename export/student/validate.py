"""How a run stands, on scenes of validation clips in validation rooms: what choices are made by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from export.captions.bank import CaptionBank
from export.scenes.studio import Studio
from export.student.batches import stack
from export.student.model import Student
from export.towers.losses import TagHead, TagTargets
from export.towers.output import StudentOutput
from export.towers.text import TextProjection

SCENES = 192
SCENES_PER_PASS = 32
SEED = 5


class Validation:
    """A fixed set of scenes; `measure` may be called again and again."""

    def __init__(self, work: Path, captions: CaptionBank, scenes: int) -> None:
        studio, rng = Studio(work, validation=True), np.random.default_rng(SEED)
        self.mel, self.truth = stack([studio.scene(rng) for _ in range(scenes)])
        self.phrases = captions.phrases(rng)
        self.kinds = torch.from_numpy(captions.kinds)

    @torch.inference_mode()
    def measure(
        self,
        student: Student,
        projection: TextProjection,
        head: TagHead | None = None,
        tags: TagTargets | None = None,
    ) -> dict[str, float]:
        """Figures over all steps in which something sounds.

        Returns
        -------
        dict
            ``direction_deg`` and ``direction_mean_deg``: error of each step; ``label``: share of
            steps whose nearest phrase is of the right label, or of one that holds too;
            ``activity``: share of all steps that are rightly told from background; ``features``,
            with ``head`` and ``tags`` of all clips: cosine of the tagger's features of the clean
            clip to what ``head`` makes of the sound.
        """
        student.eval(), projection.eval()
        device = next(student.parameters()).device
        heard = [
            StudentOutput(*(values.cpu() for values in student(part.to(device))[0]))
            for part in torch.split(self.mel, SCENES_PER_PASS)
        ]
        active, texts = self.truth.active, projection(self.phrases.to(device)).cpu()
        sounds = torch.cat([h.embedding[:, :, 0] for h in heard])[active]
        right = self.kinds[self.truth.label[active], (sounds @ texts.T).argmax(1)]
        off = angle_deg(
            torch.cat([h.direction[:, :, 0] for h in heard])[active], self.truth.direction[active]
        )
        said = torch.cat([h.activity[:, :, 0] for h in heard]) > 0
        figures = {
            "direction_deg": float(off.median()),
            "direction_mean_deg": float(off.mean()),
            "label": float(right.float().mean()),
            "activity": float((said == active).float().mean()),
        }
        if head is not None and tags is not None:
            remembered = torch.cat([h.sound for h in heard])[active].to(device)
            features = head.features(remembered).cpu()
            taught = tags.features[self.truth.clip[active]]
            figures["features"] = float(F.cosine_similarity(features, taught, dim=1).mean())
        return figures


def angle_deg(a: Tensor, b: Tensor) -> Tensor:
    """Angle between unit vectors (n, 3), in degrees."""
    return torch.rad2deg(torch.arccos((a * b).sum(-1).clamp(-1, 1)))
