"""Compare what a 64-bit ARM processor hears with what this machine hears; 1 where they differ.

    python -m tests.arm [PART ...]    of kernels: those that are shipped, on noise
                                      compiled, onnx: the demo scene, by one of the engines
                                      text: embeddings of prompts
                                      own: kernels that the processor compiles for itself

`qemu-aarch64` runs the instructions of a Cortex-A76, the processor of a Raspberry Pi 5, one by
one: it tells whether numbers are right, and nothing of speed. Debian's Python for ARM and wheels
for ARM are laid into build/arm once: 500 MB, a minute or two. The check takes two more of a core.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from tests.extras.__main__ import ROOT, dependencies, install_command

PARTS = ("kernels", "compiled", "onnx", "text", "own")
FOLDER = ROOT / "build/arm"
PROCESSOR = "cortex-a76"
PYTHON = "3.11"  # of Debian 12
DEBIAN = ("python3", "libstdc++6", "libportaudio2")
NEEDED = {"qemu-aarch64-static": "qemu-user-static", "mmdebstrap": "mmdebstrap"}
MOST = 1e-4
"""Difference of any output."""
MOST_OF_TEXTS = 1e-3
"""One less the cosine of a text's two embeddings. Their encoder rounds to 8 bits, and where a last
bit of float32 decides how, embeddings go apart on one processor as well: on x86, by what ONNX
Runtime rewrites, for two of five sentences, 9e-4 at most. Half of the texts keep to `MOST`."""
HEARD = "heard.npz"

CPUINFO = """\
processor	: 0
Features	: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc \
dcpop asimddp
CPU implementer	: 0x41
CPU architecture: 8
CPU variant	: 0x4
CPU part	: 0xd0b
CPU revision	: 1

"""
"""Of a Raspberry Pi 5: the emulator shows that of this machine, at which ONNX Runtime crashes."""


def main(parts: Sequence[str]) -> int:
    """Run the command; returns its exit code."""
    unknown = [name for name in parts if name not in PARTS]
    if unknown:
        print(f"error: {unknown[0]} is none of {', '.join(PARTS)}", file=sys.stderr)
        return 2
    for program, package in NEEDED.items():
        if shutil.which(program) is None:
            print(f"error: {program} is missing: apt-get install {package}", file=sys.stderr)
            return 1
    root = FOLDER / "root"
    if not (root / "site/.whole").exists():
        make_root(root)
    emulated = ["qemu-aarch64-static", "-cpu", PROCESSOR, "-L", str(root)]
    emulated += [str(root / f"usr/bin/python{PYTHON}"), "-B"]
    print("| | | largest difference | |\n|---|---|--:|---|", flush=True)
    wrong = 0
    for part in parts or PARTS:
        here, there = FOLDER / "here", FOLDER / "there"
        for folder in (here, there):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        hear([sys.executable], part, here, [ROOT])
        if part in ("compiled", "onnx"):  # so that scores tell of the processor, not of the text
            shutil.copytree(here / "texts", there / "texts")
        hear(emulated, part, there, [ROOT, root / "site"])
        compare = text_differences if part == "text" else differences
        for name, apart, most in compare(here / HEARD, there / HEARD):
            wrong += not apart <= most
            verdict = "WITHIN" if apart <= most else "EXCEEDS"
            print(f"| {part} | {name} | {apart:.1e} | {verdict} |", flush=True)
    return 1 if wrong else 0


def make_root(root: Path) -> None:
    """Lay the files of Debian's Python for ARM into ``root``, and wheels for it into its ``site``.

    Nothing of it is run, so it needs no emulator in the kernel and no rights.
    """
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    subprocess.run(
        ["mmdebstrap", "--quiet", "--architectures=arm64", "--variant=extract",
         f"--include={','.join(DEBIAN)}", "bookworm", str(root)], check=True,
    )  # fmt: skip
    (root / "proc").mkdir(exist_ok=True)
    (root / "proc/cpuinfo").write_text(CPUINFO, encoding="ascii")
    subprocess.run(
        [*install_command(PYTHON, "aarch64", str(root / "site")), *dependencies()], check=True
    )
    (root / "site/.whole").touch()


def hear(python: Sequence[str], part: str, folder: Path, paths: Sequence[Path]) -> None:
    """Write what ``python`` hears into ``folder``, which is its cache as well."""
    path = os.pathsep.join(map(str, paths))
    environment = {**os.environ, "PYTHONPATH": path, "ELSA_RT_CACHE": str(folder)}
    command = [*python, "-m", "tests.arm.hear", part, str(folder / HEARD)]
    subprocess.run(command, env=environment, cwd=ROOT, check=True)


def differences(here: Path, there: Path) -> Iterator[tuple[str, float, float]]:
    """The largest difference of each array, and the largest that is right.

    It is infinite where words or what is unknown differ.
    """
    with np.load(here) as mine, np.load(there) as other:
        for name in mine.files:
            one, two = mine[name], other[name]
            if one.shape != two.shape or one.dtype.kind == "U":
                yield name, 0.0 if np.array_equal(one, two) else np.inf, MOST
            elif not np.array_equal(np.isnan(one), np.isnan(two)):
                yield name, np.inf, MOST
            else:
                yield name, float(np.nan_to_num(np.abs(one - two)).max(initial=0.0)), MOST


def text_differences(here: Path, there: Path) -> Iterator[tuple[str, float, float]]:
    """The same of embeddings of texts, unit vectors by an encoder of 8 bits."""
    with np.load(here) as mine, np.load(there) as other:
        one, two = mine["embedding"], other["embedding"]
    apart = np.abs(one - two).max(1)
    yield f"embedding, median of {len(one)}", float(np.median(apart)), MOST
    yield "1 - cosine, largest", float(1 - (one * two).sum(1).min()), MOST_OF_TEXTS


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
