"""Pictures of the guide and the README, made anew: ``make pictures``.

    python -m tests.pictures [DIRECTORY]

serves the built-in scene, photographs the page in a headless Chromium at moments of the scene, and
draws the terminal view, a report, a map of prompts and the channels. The recording is a GIF.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from elsa_rt.cli import main as elsa_rt
from elsa_rt.demo import demo_path, demo_prompts

IMAGES = Path("elsa_rt/guide/images")
FRAME_S = 0.5
FRAMES = 41
"""Of the recording: one run of the scene."""

RECORDING_WIDTH = 640
COLOURS = 128

BEGAN = ("20260112_073012", "20260112_182244", "20260113_074105", "20260114_181530",
         "20260115_073820", "20260115_221004", "20260116_184433", "20260117_101500")  # fmt: skip
"""When the recordings of the past began."""

SENTENCES = ("a dog barking", "a baby crying", "someone knocking", "a kettle whistling",
             "glass breaking")  # fmt: skip


def main(directory: Path) -> None:
    """Make every picture in ``directory``."""
    draw(directory)
    with sync_playwright() as playwright, remembered() as past, serving(past) as address:
        chromium = shutil.which("chromium-headless-shell") or shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        photograph_past(browser, address, directory)
        photograph(browser, address, directory)
        photograph_report(browser, directory)
        record(browser, address, directory / "demo.gif")
        browser.close()


def draw(directory: Path) -> None:
    """The pictures that need no browser."""
    from examples.draw_live_view import main as draw_live_view

    draw_live_view(str(directory / "live-view.svg"), 9.8)
    elsa_rt(["explain", *SENTENCES, "--plot", str(directory / "prompt-map.svg")])
    elsa_rt(["doctor", str(demo_path()), "--plot", str(directory / "channels.svg")])


@contextmanager
def remembered() -> Iterator[Path]:
    """A store of some days in which the built-in scene was heard now and then."""
    with tempfile.TemporaryDirectory() as folder:
        sound, rate = soundfile.read(demo_path(), dtype="int16")
        recordings = Path(folder) / "recordings"
        recordings.mkdir()
        for number, began in enumerate(BEGAN):  # each of its own content: one recording counts once
            path = recordings / f"{began}.wav"
            soundfile.write(path, np.roll(sound, (number + 1) * rate // 2, axis=0), rate)
        store = str(Path(folder) / "past")
        elsa_rt(["remember", str(recordings), "--store", store, "--began", "name", "--jobs", "1"])
        yield Path(store)


@contextmanager
def serving(past: Path) -> Iterator[str]:
    """The address of a page that hears the built-in scene over and over."""
    command = [sys.executable, "-m", "elsa_rt", "serve", "--demo", "--port", "0"]
    command += ["--remember", str(past)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        found = next(filter(None, (re.search(r"http://\S+", line) for line in process.stderr)))
        threading.Thread(target=process.stderr.read, daemon=True).start()
        try:
            yield found[0]
        finally:
            process.terminate()


def photograph(browser: Browser, address: str, directory: Path) -> None:
    """The page: dark and light, on a laptop and a phone, and the editor of a rule."""
    with opened(browser, address, 1280, 800, "dark") as page:
        page.wait_for_timeout(21_000)  # a run of the scene, so that there is a past
        save_alert(page, "glass breaking", directory / "page-dark.png")
        page.click(".rule .name >> text=glass breaking")
        page.wait_for_selector("#edit-expected strong")
        page.fill("#edit-from", "125")
        page.fill("#edit-to", "-125")
        page.locator("#edit-to").blur()
        page.wait_for_timeout(1_000)
        save(page, directory / "page-editor.png")
    with opened(browser, address, 1280, 800, "light") as page:
        save_alert(page, "a telephone ringing", directory / "page-light.png")
    with opened(browser, address, 390, 844, "dark", 2) as page:
        save_alert(page, "glass breaking", directory / "page-phone.png")


def photograph_past(browser: Browser, address: str, directory: Path) -> None:
    """The dialog that asks the past."""
    with opened(browser, address, 1280, 800, "light") as page:
        page.wait_for_selector("#rules li")
        page.click("#history-open")
        page.fill("#history-text", "glass breaking behind me")
        page.press("#history-text", "Enter")
        page.locator("#history-said", has_text="Heard").wait_for()
        page.locator("#history-text").blur()
        save(page, directory / "page-past.png")


def photograph_report(browser: Browser, directory: Path) -> None:
    """The upper part of a report of the scene."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "report.html"
        asked = [word for prompt in demo_prompts() for word in ("--prompt", prompt)]
        elsa_rt(["report", str(demo_path()), *asked, "-o", str(target)])
        with opened(browser, target.as_uri(), 1000, 1180, "light") as page:
            save(page, directory / "report.png")


def record(browser: Browser, address: str, path: Path) -> None:
    """One run of the scene as a GIF."""
    frames = []
    with opened(browser, address, 1100, 688, "dark") as page:
        page.wait_for_selector("#rules li")
        for _ in range(FRAMES):
            picture = Image.open(io.BytesIO(page.screenshot()))
            height = round(picture.height * RECORDING_WIDTH / picture.width)
            small = picture.convert("RGB").resize(
                (RECORDING_WIDTH, height), Image.Resampling.LANCZOS
            )
            frames.append(
                small.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
            )
            page.wait_for_timeout(1000 * FRAME_S)
    first, *others = frames
    first.save(path, save_all=True, append_images=others, duration=1000 * FRAME_S, loop=0)


@contextmanager
def opened(
    browser: Browser, address: str, width: int, height: int, scheme: str, scale: float = 1.5
) -> Iterator[Page]:
    with browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,  # type: ignore[arg-type]
        device_scale_factor=scale,
        locale="en-GB",
    ) as context:
        page = context.new_page()
        page.goto(address)
        yield page


def save_alert(page: Page, prompt: str, path: Path) -> None:
    """A photograph while the alert of ``prompt`` is on the compass."""
    line = page.locator("#now.alerting", has_text=prompt)
    line.wait_for(state="detached")  # one that is over may still be shown
    while True:
        line.wait_for(timeout=60_000)
        page.wait_for_timeout(500)
        save(page, path)
        if line.is_visible():  # else it was over too soon for a busy computer
            break


def save(page: Page, path: Path) -> None:
    """A photograph, as small as PNG makes it without loss."""
    Image.open(io.BytesIO(page.screenshot())).convert("RGB").save(path, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES)
