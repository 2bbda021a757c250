"""Scenes of two sounds on disk: made once, read in any order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from export.scenes.studio import SCENE_S
from export.settings import FEATURES, STEP_S
from export.slots.scenes import PairStudio, TwoSounds
from export.student.model import StudentSize

FRAMES, STEPS = int(SCENE_S * FEATURES.rate / FEATURES.hop), int(SCENE_S / STEP_S)
SHAPES: dict[str, tuple[int, ...]] = {
    "mixture": (5, FRAMES, FEATURES.mels), "beams": (2, FRAMES, FEATURES.mels),
    "alone": (2, FRAMES, FEATURES.mels), "heard": (2, STEPS, StudentSize().sound),
    "directions": (2, 3), "present": (2,),
}  # fmt: skip
"""Of the fields of `TwoSounds`, in their order."""

WRITTEN = 50
"""After so many scenes it is noted how many there are."""


class Store:
    """``size`` scenes in float16, an array a file for each field of `TwoSounds`: 0.9 MB a scene."""

    def __init__(self, folder: Path, size: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._made, self.size = folder / f"made-{size}", size
        self._arrays = TwoSounds(*(
            open_memmap(path, "r+") if path.exists() else
            open_memmap(path, "w+", np.float16, (size, *shape))
            for name, shape in SHAPES.items()
            for path in [folder / f"{name}-{size}.npy"]
        ))  # fmt: skip

    def fill(self, studio: PairStudio, seed: int) -> None:
        """Make what is missing; goes on where it was cut off."""
        made = int(self._made.read_text("utf-8")) if self._made.exists() else 0
        for index in range(made, self.size):
            scene = studio.pair(np.random.default_rng([seed, index]))
            for array, values in zip(self._arrays, scene, strict=True):
                array[index] = values
            if (index + 1) % WRITTEN == 0 or index + 1 == self.size:
                self._made.write_text(str(index + 1), "utf-8")

    def read(self, chosen: NDArray[np.integer]) -> TwoSounds:
        """Scenes, the first axis of each array."""
        return TwoSounds(*(array[np.sort(chosen)].astype(np.float32) for array in self._arrays))
