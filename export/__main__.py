"""One command for each tool of the training code: ``python -m export TOOL``."""

from __future__ import annotations

import runpy
import sys

TOOLS = {
    "prepare": ("export.prepare", "clips, rooms and captions into a work directory"),
    "shards": ("export.scenes.shards", "scenes as WebDataset shards, to train elsewhere"),
    "teacher": ("export.teacher.train", "train an ELSA teacher"),
    "measure-teacher": ("export.teacher.measure", "what a teacher knows"),
    "train": ("export.student.train", "train the student"),
    "align": ("export.student.align", "train embedding and text on what the student remembers"),
    "bundle": ("export.bundles.bundle", "a bundle from a training run"),
    "vocabulary": ("export.bundles.vocabulary", "what the tagger knows, for the text encoder"),
    "kernels": ("export.kernels", "the compiled kernels that are shipped"),
    "lean": ("export.bundles.lean", "the audio encoder in few nodes"),
    "masks": ("export.slots.train", "what tells two sounds at once apart, for a bundle"),
    "scores": ("export.bundles.score_statistics", "new score statistics for a bundle"),
    "precision": ("export.bundles.precision", "the audio encoder in 16 and 8 bits"),
    "parity": ("export.bundles.parity", "compare every form of the audio encoder"),
    "clap": ("export.bundles.clap", "a windowed bundle from a ClapModel"),
    "distil": ("export.bundles.clap.distil", "a streaming, spatial student of a ClapModel"),
    "evaluate": ("export.evaluate", "labels, directions and binding of a bundle"),
    "evaluate-alerts": ("export.evaluate.alerts", "false alarms and misses in a simulated home"),
    "choose-reach": ("export.evaluate.alerts.feedback.reach", "how far a false mark reaches"),
    "evaluate-recall": ("export.evaluate.recall", "answers of a memory of a simulated home"),
    "evaluate-pairs": ("export.evaluate.two_sounds", "two sounds at once, with one slot and two"),
    "evaluate-levels": ("export.evaluate.levels", "how a bundle hears quiet microphones"),
    "evaluate-rumble": ("export.evaluate.below_hearing", "DC and sound below hearing"),
    "evaluate-tracks": ("export.evaluate.tracks", "errors of directions and tracks"),
    "evaluate-speech": ("export.evaluate.speech", "how readily speech is alerted"),
    "demo": ("export.scenes.demo", "the built-in demo scene"),
}


def usage() -> str:
    """Every tool with one line about it."""
    lines = [f"  {tool:<16} {about}" for tool, (_, about) in TOOLS.items()]
    return "usage: python -m export TOOL [-h] ...\n\n" + "\n".join(lines)


def main() -> None:
    """Run the tool that the first argument names with the arguments behind it."""
    tool = sys.argv[1] if len(sys.argv) > 1 else ""
    if tool in ("-h", "--help"):
        print(usage())
        return
    if tool not in TOOLS:
        print(f"there is no tool {tool!r}\n{usage()}", file=sys.stderr)
        sys.exit(2)
    sys.argv = [f"python -m export {tool}", *sys.argv[2:]]
    runpy.run_module(TOOLS[tool][0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
