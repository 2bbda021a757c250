"""Faults of files: no room for lines or for the cache, and kill -9 while lines are written."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from elsa_rt.demo import demo_prompts
from tests.faults.pipes import AFTER_S, BEFORE_S, live
from tests.faults.running import is_hearing
from tests.faults.table import Row, missing, seconds
from tests.faults.truth import alerts_lost

ROOM = 65_536
NO_MOUNT = "only root may mount a tmpfs"


@contextlib.contextmanager
def small_disk(place: Path, size: int) -> Iterator[Path]:
    """A file system of ``size`` bytes at ``place``."""
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    subprocess.run(mount, check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def rules(path: Path) -> str:
    """A rules file for the prompts of the scene that writes all lines to ``path``."""
    file = path.parent / "rules.yaml" if path.parent.name != "disk" else path.parents[1] / "r.yaml"
    output = {"type": "jsonl", "path": str(path), "what": "all"}
    listed = [{"prompt": prompt} for prompt in demo_prompts()]
    file.write_text(json.dumps({"rules": listed, "outputs": [output]}))
    return str(file)


def read_lines(path: Path) -> tuple[int, int, int]:
    """Hearings and alerts of a file, those that it says are lost, and lines that are torn."""
    whole = lost = torn = 0
    for text in path.read_text().splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            torn += 1
        else:
            if line["type"] == "lost":
                lost += line["lines"]
            whole += line["type"] in ("hearing", "alert")
    return whole, lost, torn


def full_disk(directory: Path) -> Row:
    """A file system of 64 kB is full for a while."""
    fault = "no room on the disk (a full tmpfs) for 10 s"
    if os.geteuid() != 0:
        return missing(fault, NO_MOUNT)
    with small_disk(directory / "disk", 16 * ROOM) as disk:
        (disk / "filler").write_bytes(bytes(15 * ROOM))
        path = disk / "heard.jsonl"
        run, feeder = live(directory, "--config", rules(path), prompts=False)
        began = time.monotonic()
        while not run.notices and time.monotonic() < began + 30:
            time.sleep(0.1)
        detected = run.notices[0][0] if run.notices else None
        time.sleep(10)
        (disk / "filler").unlink()
        back = time.monotonic()
        while run.notice("written again", back) is None and time.monotonic() < back + 20:
            time.sleep(0.1)
        recovered = run.notice("written again", back)
        time.sleep(2)
        feeder.stop()
        run.end()
        shown = sum(line["type"] in ("hearing", "alert") for _, line in run.lines)
        whole, lost, torn = read_lines(path)
        unlike = shown - whole - lost
        found = alerts_lost(feeder.sounds, run)
    return Row(fault, "at the first line without room" if detected else "never",
               seconds(recovered), f"{lost} lines, counted in the file ({unlike} too few; "
               f"{torn} torn)", f"{found} on standard output", "notice with the count")  # fmt: skip


def full_cache(directory: Path) -> Row:
    """The cache has no room at the first start."""
    fault = "no room for the cache (a full tmpfs) at the first start"
    if os.geteuid() != 0:
        return missing(fault, NO_MOUNT)
    with small_disk(directory / "cache", 8192) as cache:
        environment = {**os.environ, "ELSA_RT_CACHE": str(cache)}
        began = time.monotonic()
        run, feeder = live(directory, env=environment)
        detected = run.notice("cache cannot be written", began)
        started = time.monotonic() - began
        time.sleep(AFTER_S)
        feeder.stop()
        run.end()
    return Row(fault, seconds(detected), f"starts all the same, in {seconds(started)}",
               f"{run.lost_samples()} samples", alerts_lost(feeder.sounds, run),
               "notice")  # fmt: skip


def killed(directory: Path) -> Row:
    """Kill -9 while lines are written, and a new start into the same file."""
    path = directory / "heard.jsonl"
    seen = 0
    for _ in range(3):
        run, feeder = live(directory, "--config", rules(path), prompts=False)
        time.sleep(BEFORE_S / 3)
        run.end(signal.SIGKILL)
        feeder.stop()
        seen += sum(is_hearing(line) for _, line in run.lines)
    whole, _, torn = read_lines(path)
    ids = [line["id"] for line in map(json.loads, path.read_text().splitlines())
           if line["type"] == "alert" and line["state"] == "start"]  # fmt: skip
    return Row("kill -9, three times into one file", "-", "next start",
               f"{torn} torn of {whole + torn} lines, {len(ids) - len(set(ids))} ids twice",
               "those open have no end", "-")  # fmt: skip


FAULTS = (full_disk, full_cache, killed)
