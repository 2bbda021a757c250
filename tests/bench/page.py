"""What the page costs: the listener while it is watched, and the browser that watches.

    python -m tests.bench.page

Processor time of ``elsa-rt serve`` for each second of sound with 20 prompts: unwatched, and with
one and three viewers. In a headless Chromium: first paint, and pictures a second.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from elsa_rt.demo import demo_prompts

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
    command = [sys.executable, "-m", "elsa_rt", "serve", "--demo", "--port", "0", *asked]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        found = next(filter(None, (re.search(r"http://\S+", line) for line in process.stderr)))
        threading.Thread(target=process.stderr.read, daemon=True).start()
        time.sleep(3)
        with sync_playwright() as playwright:
            chromium = shutil.which("chromium-headless-shell") or shutil.which("chromium")
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            for viewers in (0, 1, 3):
                watched(browser, found[0], process.pid, viewers)
            browser.close()
        process.terminate()
    return 0


def watched(browser: Browser, address: str, pid: int, viewers: int) -> None:
    """Measure with so many viewers."""
    pages = [browser.new_page() for _ in range(viewers)]
    for page in pages:
        page.goto(address)
        page.wait_for_selector("#rules li")
    before, start = cpu_s(pid), time.monotonic()
    time.sleep(MEASURED_S)
    share = (cpu_s(pid) - before) / (time.monotonic() - start)
    print(f"{viewers} viewers: {100 * share:.1f} % of a core")
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
