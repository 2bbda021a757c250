"""The conversation that calibrates a microphone: it says what to do, and hears when it is done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from elsa_rt.calibrate.calibration import Take
from elsa_rt.calibrate.claps import APART_S, find_claps
from elsa_rt.calibrate.directions import Announced
from elsa_rt.calibrate.recording import FourChannelReader, Samples
from elsa_rt.diagnostics.channel_faults import Fault, find_faults, levels_dbfs
from elsa_rt.errors import SourceError

MIN_DBFS = -70.0
HELD = 0.9  # of a meter is kept from block to block
MEMORY_S = 4.0  # in which a clap is looked for
WAIT_S = 90.0  # for the next clap

WHERE = {
    "front": "in front of it",
    "left": "on its left",
    "behind": "behind it",
    "right": "on its right",
    "above": "straight above it",
    "below": "straight below it",
}


class Guide:
    """Leads through a calibration on a terminal; in a pipe its sentences are plain lines.

    Parameters
    ----------
    ear : Ear
        What is heard.
    console : Console
    """

    def __init__(self, ear: FourChannelReader, console: Console) -> None:
        self._ear = ear
        self._console = console
        self._peaks = np.full(4, MIN_DBFS)

    def check(self, seconds: float, silent: tuple[int, ...]) -> list[Fault]:
        """Let the person make noise; the faults of the channels."""
        self._head(1, "the channels", f"Talk, or rub your hands, near it for {seconds:.0f} s.")
        samples = self._record(seconds)
        faults = find_faults(samples, self._ear.rate, self._ear.numbers, silent)
        for fault in faults:
            self._say("✗", fault.text, "red" if fault.fatal else "yellow")
        if not faults:
            self._say("✓", "all four are alive, and different from each other", "green")
        return faults

    def noise(self, seconds: float) -> Samples:
        """Let noise come from everywhere."""
        self._head(
            2,
            "noise from everywhere",
            "Turn on something that hisses far away (a shower, a fan, a radio between stations), "
            f"or walk around it and hiss, for {seconds:.0f} s.",
        )
        samples = self._record(seconds)
        self._say("✓", f"{seconds:.0f} s at {levels_dbfs(samples).mean():.0f} dBFS", "green")
        return samples

    def claps(self, places: list[Announced], each: int) -> list[Take]:
        """Let hands clap ``each`` times from each of ``places``."""
        times = "once" if each == 1 else f"{each} times"
        self._head(
            3,
            "claps",
            f"Clap {times} at each place, a second apart, from about 1.2 m away and with your "
            "hands as high as the microphone. Front is where you want front to be.",
        )
        return [self._clapped(place, each) for place in places]

    def _clapped(self, place: Announced, each: int) -> Take:
        where = WHERE.get(place.name, f"at {place.name} degrees")
        if not self._console.is_terminal:
            self._say("·", f"clap {where}", "")
        heard: list[Samples] = []
        with self._live() as show:
            for samples in self._until_clapped(each, heard):
                marks = Text("✓ " * len(heard) + "· " * (each - len(heard)), "green")
                show(samples, Text.assemble("  clap ", (where, "bold cyan"), "  ", marks))
        self._say("✓", f"{where}: {each} heard", "green")
        length = round(MEMORY_S * self._ear.rate)
        onsets = tuple(number * length + length // 2 for number in range(each))
        return Take(place, np.concatenate(heard, axis=1), onsets)

    def _until_clapped(self, each: int, heard: list[Samples]) -> Iterator[Samples]:
        """Every block that comes until ``heard`` has ``each`` claps, each in its own middle."""
        rate = self._ear.rate
        half = round(MEMORY_S * rate) // 2
        memory = np.zeros((4, 0), np.float32)
        start = waited = 0  # start of the memory; samples since the last clap
        last = -half
        for samples in self._ear.blocks(np.inf):
            yield samples
            memory = np.concatenate([memory, samples], axis=1)
            waited += samples.shape[1]
            for onset in find_claps(memory, rate):
                done = memory.shape[1] - onset > APART_S * rate
                if done and start + onset > last + APART_S * rate:
                    heard.append(_around(memory, onset, half))
                    last, waited = start + onset, 0
            if len(heard) >= each:
                del heard[each:]
                return
            if waited > WAIT_S * rate:
                raise SourceError(
                    f"no clap was heard for {WAIT_S:.0f} s: clap louder or nearer, or turn the "
                    "gain up; in a noisy room record claps elsewhere and give --claps FILE"
                )
            over = max(0, memory.shape[1] - 2 * half)
            start += over
            memory = memory[:, over:]

    def _record(self, seconds: float) -> Samples:
        pieces: list[Samples] = []
        done = 0.0
        with self._live() as show:
            for samples in self._ear.blocks(seconds):
                pieces.append(samples)
                done += samples.shape[1] / self._ear.rate
                share = min(1.0, done / seconds)
                show(samples, Text.assemble("  ", bar(share, 20, "cyan"), f" {done:4.1f} s"))
        return np.concatenate(pieces, axis=1)

    @contextmanager
    def _live(self) -> Iterator[_Show]:
        """Meters that are gone when it is left; nothing in a pipe."""
        if not self._console.is_terminal:
            yield _Show(None, self)
            return
        with Live(console=self._console, transient=True, auto_refresh=False) as live:
            yield _Show(live, self)

    def meters(self, samples: Samples) -> RenderableType:
        """A bar for each channel: what it is now, and red where it clips."""
        levels = levels_dbfs(samples)
        highest = 20 * np.log10(np.maximum(np.abs(samples).max(axis=1), 1e-10))
        kept = HELD * self._peaks + (1 - HELD) * MIN_DBFS
        self._peaks = np.maximum(kept, np.maximum(highest, MIN_DBFS))
        table = Table.grid(padding=(0, 1))
        for number, level, peak in zip(self._ear.numbers, levels, self._peaks, strict=True):
            share = (float(peak) - MIN_DBFS) / -MIN_DBFS
            colour = "red" if peak > -0.5 else "yellow" if peak > -6 else "green"
            dead = level < MIN_DBFS - 20
            told = Text("no signal" if dead else f"{level:4.0f} dBFS", "red" if dead else "dim")
            table.add_row(f"  channel {number}", bar(share, 30, colour), told)
        return table

    def _head(self, number: int, title: str, what: str) -> None:
        self._console.print()
        self._console.print(Text.assemble((f"{number} of 3  {title}", "bold")))
        self._console.print(Text(what))

    def _say(self, mark: str, text: str, colour: str) -> None:
        self._console.print(Text.assemble(("  " + mark + " ", colour), text), soft_wrap=True)


class _Show:
    """Draws the meters and what is below them, if there is a terminal."""

    def __init__(self, live: Live | None, guide: Guide) -> None:
        self._live = live
        self._guide = guide

    def __call__(self, samples: Samples, below: Text) -> None:
        if self._live is None:
            return
        self._live.update(Group(self._guide.meters(samples), below), refresh=True)


def _around(memory: Samples, onset: int, half: int) -> Samples:
    """``memory`` (4, n) with ``onset`` in the middle of 2 * ``half``, silence where it ends."""
    out = np.zeros((4, 2 * half), np.float32)
    first = max(0, onset - half)
    part = memory[:, first : onset + half]
    at = half - (onset - first)
    out[:, at : at + part.shape[1]] = part
    return out


def bar(share: float, width: int, style: str) -> Text:
    """A bar of eighths of a character; ``share`` 0..1, anything outside is cut."""
    eighths = round(8 * width * min(max(share, 0.0), 1.0))
    whole, part = divmod(eighths, 8)
    drawn = "█" * whole + ("▏▎▍▌▋▊▉"[part - 1] if part else "")
    return Text.assemble((drawn, style), ("·" * (width - len(drawn)), "dim"))
