"""What the page costs: the listener while it is watched, and the browser that watches.

    python -m tests.bench.page

Processor time of ``elsa-rt serve`` for each second of sound with 20 prompts: unwatched, and with
one and three viewers; beside it, at the same time, that of ``elsa-rt listen`` which writes alerts
alone. In a headless Chromium: first paint, and pictures a second.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from elsa_rt.demo import demo_prompts
from tests.bench.remember import write_recording

PROMPTS = 20
MEASURED_S = 15.0

PAINTS = """() => new Promise((done) => {
  let count = 0; const start = performance.now();
  const next = (now) => {
    if (now - start > 3000) return done(count / 3);
    count++;
    requestAnimationFrame(next);
  };
  requestAnimationFrame(next);
})"""

FIRST = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


def main() -> int:
    """Measure, and print a line for each figure."""
    prompts = [*demo_prompts(), *(f"a sound number {n}" for n in range(PROMPTS))][:PROMPTS]
    asked = [word for prompt in prompts for word in ("--prompt", prompt)]
    program = [sys.executable, "-m", "elsa_rt"]
    command = [*program, "serve", "--demo", "--port", "0", *asked]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process,
        listening(Path(folder), program, asked) as alone,
    ):
        assert process.stderr is not None
        found = next(filter(None, (re.search(r"http://\S+", line) for line in process.stderr)))
        threading.Thread(target=process.stderr.read, daemon=True).start()
        time.sleep(5)
        with sync_playwright() as playwright:
            chromium = shutil.which("chromium-headless-shell") or shutil.which("chromium")
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            for viewers in (0, 1, 3):
                watched(browser, found[0], (process.pid, alone), viewers)
            browser.close()
        process.terminate()
    return 0


@contextmanager
def listening(folder: Path, program: list[str], asked: list[str]) -> Iterator[int]:
    """The process of a command that hears the scene at its pace and shows nothing."""
    scene = folder / "scene.flac"
    write_recording(scene, 10)
    command = [*program, "listen", str(scene), "--realtime", "--alerts-only", *asked]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=quiet, stderr=quiet) as process:
        yield process.pid
        process.terminate()


def watched(browser: Browser, address: str, pids: tuple[int, int], viewers: int) -> None:
    """Measure the page, and the command beside it, with so many viewers."""
    pages = [browser.new_page() for _ in range(viewers)]
    for page in pages:
        page.goto(address)
        page.wait_for_selector("#rules li")
    before, start = [cpu_s(pid) for pid in pids], time.monotonic()
    time.sleep(MEASURED_S)
    passed = time.monotonic() - start
    page_, alone = (
        100 * (cpu_s(pid) - spent) / passed for pid, spent in zip(pids, before, strict=True)
    )
    print(f"{viewers} viewers: {page_:.1f} % of a core; listening alone {alone:.1f} %")
    if viewers == 1:
        (page,) = pages
        first, rate = page.evaluate(FIRST), page.evaluate(PAINTS)
        print(f"first paint {first:.0f} ms, {rate:.0f} pictures a second")
    for page in pages:
        page.close()


def cpu_s(pid: int) -> float:
    """Processor seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / float(os.sysconf("SC_CLK_TCK"))


if __name__ == "__main__":
    sys.exit(main())
