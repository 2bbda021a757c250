"""Write the audio encoder of a bundle anew, as a step in few nodes; what it hears stays the same.

    python -m export lean BUNDLE

`export.bundles.bundle` does so by itself: this is for bundles that were exported before, and does
nothing to one that is lean. The files in 16 and 8 bits are left as they are. A file whose
outputs differ from the old one's by more than 1e-4 in any of 200 steps is not written.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from elsa_rt.encoder.bundle import AUDIO_ENCODER, ModelBundle
from elsa_rt.features.intensity import LOG_FLOOR
from export.bundles.manifest import rehash
from export.bundles.onnx_graphs import save_graph
from export.bundles.step_graph import read_weights
from export.bundles.student_graph import OUTPUTS, step_graph
from export.settings import FEATURES, STEP_FRAMES

LARGEST_DIFFERENCE = 1e-4
STEPS = 200  # that are compared


def is_lean(model: onnx.ModelProto) -> bool:
    """Whether `step_graph` wrote it."""
    return bool(model.graph.name == "step")


def difference(one: onnx.ModelProto, other: onnx.ModelProto, steps: int = STEPS) -> float:
    """The largest difference of any output of two graphs that hear the same random frames."""
    sessions = [onnxruntime.InferenceSession(model.SerializeToString(),
                providers=["CPUExecutionProvider"]) for model in (one, other)]  # fmt: skip
    feeds: list[dict[str, NDArray[np.float32]]] = [
        {value.name: np.zeros((1, *value.shape[1:]), np.float32) for value in each.get_inputs()}
        for each in sessions
    ]
    rng, worst = np.random.default_rng(0), 0.0
    for _ in range(steps):
        frames = random_frames(rng)
        heard = [_step(each, feed | {"frames": frames}, feed)
                 for each, feed in zip(sessions, feeds, strict=True)]  # fmt: skip
        for name in OUTPUTS:
            apart = float(np.abs(heard[0][name] - heard[1][name]).max())
            worst = max(worst, apart if np.isfinite(apart) else np.inf)
    return worst


def _step(
    session: onnxruntime.InferenceSession, feed: Mapping[str, NDArray[np.float32]],
    states: dict[str, NDArray[np.float32]],
) -> dict[str, NDArray[np.float32]]:  # fmt: skip
    names = [value.name for value in session.get_outputs()]
    found = dict(zip(names, session.run(names, feed), strict=True))
    states |= {"state_" + name.removeprefix("next_"): value for name, value in found.items()
               if name.startswith("next_")}  # fmt: skip
    return found


def random_frames(rng: np.random.Generator) -> NDArray[np.float32]:
    """Frames (1, 8, 8, mels) over the range of real ones, from silence to full scale."""
    frames = np.tanh(rng.normal(size=(1, STEP_FRAMES, 8, FEATURES.mels)))
    frames[:, :, 0] = 0.5 * np.log(LOG_FLOOR) * (1 + frames[:, :, 0])
    return frames.astype(np.float32)


def lean(bundle: Path) -> float | None:
    """Make the audio encoder of ``bundle`` lean; returns the largest difference, None if it was.

    Raises
    ------
    RuntimeError
        The outputs would not stay the same.
    """
    path = ModelBundle.load(bundle).file(AUDIO_ENCODER)
    old = onnx.load(path)
    if is_lean(old):
        return None
    new = step_graph(read_weights(old))
    worst = difference(old, new)
    if not worst <= LARGEST_DIFFERENCE:
        raise RuntimeError(f"{path}: a lean graph differs by {worst:.2g}: it is left as it is")
    with tempfile.TemporaryDirectory(dir=bundle) as folder:
        written = Path(folder) / path.name
        save_graph(new, written)
        written.replace(path)
    rehash(bundle)
    return worst


def main(argv: Sequence[str] | None = None) -> None:
    """Rewrite the file and tell what became of it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("bundle", type=Path)
    args = parser.parse_args(argv)
    before = len(onnx.load(args.bundle / AUDIO_ENCODER).graph.node)
    worst = lean(args.bundle)
    if worst is None:
        print(f"{args.bundle / AUDIO_ENCODER} is lean already: {before} nodes")
        return
    after = len(onnx.load(args.bundle / AUDIO_ENCODER).graph.node)
    print(f"{before} nodes became {after}; the largest difference of an output is {worst:.1e}")


if __name__ == "__main__":
    main()
