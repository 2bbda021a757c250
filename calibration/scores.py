"""Score statistics of a bundle: background embeddings, and the slope and bias of the score.

Scenes come from validation clips and rooms, so that the model is as unsure as on a new sound.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from calibration.platt import platt
from elsa_rt.matching.scores import HIGH, SPREAD_FLOOR
from export.caption_bank import CaptionBank
from export.scenes import SILENT, Studio
from export.student import Student
from export.text import TextProjection

SCENES = 400  # that the statistics come from
BACKGROUND = 3000  # embeddings that the bundle carries
SEED = 7


@torch.inference_mode()
def fit_scores(
    work: Path, student: Student, projection: TextProjection, scenes: int = SCENES
) -> tuple[NDArray[np.float16], float, float]:
    """Background (m, 512), slope and bias as `elsa_rt.matching.scores.Statistics` means them."""
    studio, captions = Studio(work, validation=True), CaptionBank(work)
    rng = np.random.default_rng(SEED)
    embeddings, labels = [], []
    for _ in range(scenes):
        scene = studio.scene(rng)
        heard, _ = student(torch.from_numpy(scene.mel).float()[None])
        sure = heard.activity[0, :, 0].sigmoid().numpy() > 0.3
        embeddings.append(heard.embedding[0, sure, 0].numpy())
        labels.append(scene.truth.label[sure])
    embedding, label = np.concatenate(embeddings), np.concatenate(labels)
    chosen = rng.permutation(len(embedding))[:BACKGROUND]
    background = embedding[chosen].astype(np.float16)

    prompts = projection(captions.phrases(rng)).numpy()
    middle, high = np.quantile(background.astype(np.float32) @ prompts.T, (0.5, HIGH), axis=0)
    z = (embedding @ prompts.T - middle) / np.maximum(high - middle, SPREAD_FLOOR)
    sounds = label != SILENT
    true = captions.kinds[label[sounds]]
    slope, bias = platt(z[sounds], true)
    return background, slope, bias
