"""Sound on standard input or from a FIFO: raw PCM, or a container that says what it is."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Generator, Iterator
from io import BufferedIOBase
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.block import Block, SourceStatus
from elsa_rt.config import Config
from elsa_rt.errors import SourceError, UsageError
from elsa_rt.notices import OnNotice
from elsa_rt.sources.base import BLOCK_S, MIN_BLOCK_S, Source
from elsa_rt.sources.byte_stream import ByteStream, Rewindable
from elsa_rt.sources.containers import (
    DECODED,
    FRAMED_BYTES,
    HEAD_BYTES,
    PLAIN,
    container_of,
    may_be_framed,
    ogg_form,
    read_layout,
)
from elsa_rt.sources.declared import Declared
from elsa_rt.sources.pcm import PcmLayout, decode_pcm
from elsa_rt.sources.sample_bytes import encoding_doubt

HEARTBEAT_S = 0.5
"""So often a stream without sound is told to be."""

SAY_AFTER_S = 2.0
UNKNOWN_FRAMES = 1 << 40  # or more: libsndfile's word for a length that no header tells
HELD_UP_S = 2.0  # between two looks at the pipe: elsa-rt itself was stopped, or busy elsewhere
HELD_UP_AGAIN_S = 60.0
"""After so long without sound it is said."""

LOOK_AT = 4_096  # bytes; by then a header is there, as a rule


class PipeSource(Source):
    """Interleaved samples from a stream of bytes; what has arrived is passed on at once.

    A container (WAV, RF64, W64, AIFF, AU, CAF, FLAC, Ogg) is recognised by its first bytes and
    read by what it says; raw samples need ``rate`` and ``input_channels`` of ``config``. Where no
    sound comes, blocks without samples tell so.
    """

    live = True

    def __init__(
        self,
        stream: BufferedIOBase,
        config: Config,
        on_notice: OnNotice,
        name: str = "standard input",
    ) -> None:
        self.name = name
        self._say = on_notice
        self._config = config
        if stream.isatty():
            raise UsageError(
                "standard input is a terminal: pipe samples into it, e.g. "
                "arecord -t raw -f S16_LE -r 48000 -c 4 | "
                "elsa-rt listen - --rate 48000 --channels 4 --sample-format s16"
            )
        self._stream = stream
        self._bytes = ByteStream(stream)
        self._closed = False
        self.owns_stream = False  # it is closed with the source
        self._position = 0  # samples so far
        self._looked_s = time.monotonic()  # at what came
        self._held_up_until_s = 0.0  # that it was is not said again
        self._decoder: Any = None
        self._layout = self._declared() or self._read_header(self._head())
        self.rate, self.channels = self._layout.rate, self._layout.channels
        self._form = Declared(self._layout.form, config, name, on_notice)

    def _head(self) -> bytes:
        try:
            return self._peek(8)
        except OSError:  # standard input that cannot be read
            return b""

    def _peek(self, count: int) -> bytes:
        """The next ``count`` bytes, fewer at the end: they are waited for, and that is said."""
        got = self._bytes.peek(count, SAY_AFTER_S)
        if len(got) == count or self._bytes.ended:
            return got
        self._say(
            f"{self.name}: nothing has come for {SAY_AFTER_S:.0f} s, it is waited for: does the "
            "program that writes to it run?"
        )
        return self._bytes.peek(count)

    def close(self) -> None:
        """Whoever iterates comes to the end."""
        self._closed = True
        if self.owns_stream:
            self._stream.close()

    def _declared(self) -> PcmLayout | None:
        """What the settings say that comes; None where they leave it to a header."""
        config = self._config
        if config.rate is None or config.input_channels is None:
            return None
        return PcmLayout(config.sample_format, config.rate, config.input_channels)

    def _read_header(self, first: bytes) -> PcmLayout:
        """What comes, by its header or else by the settings."""
        declared = self._declared()
        kind = self._container(first)
        if not kind:
            if declared is None:
                raise UsageError(
                    f"raw samples on {self.name} carry no header: say what they are, e.g. "
                    "--rate 48000 --channels 4 --sample-format s16"
                )
            return declared
        layout = self._open_decoder(kind) if kind in DECODED else self._open_layout(kind)
        wrong = []
        if declared and declared.rate != layout.rate:
            wrong.append(f"--rate {declared.rate} is given and {layout.rate} Hz holds")
        if declared and declared.channels != layout.channels:
            wrong.append(f"--channels {declared.channels} is given and {layout.channels} hold")
        self._say(
            f"{self.name} is {kind} and says itself what it holds: {layout.channels} channels at "
            f"{layout.rate} Hz" + "".join(f"; {text}" for text in wrong)
        )
        return layout

    def _container(self, first: bytes) -> str:
        """What begins with these bytes, or ""; what has frames alone is told by several."""
        if may_be_framed(first):
            first = self._bytes.peek(FRAMED_BYTES, HEARTBEAT_S)
        return container_of(first.ljust(8, b"\0"))

    def _open_layout(self, kind: str) -> PcmLayout:
        size = LOOK_AT
        head = self._peek(size) if kind in PLAIN else b""
        while (layout := read_layout(head)) is None:
            if len(head) < size or size >= HEAD_BYTES:
                raise SourceError(
                    f"{self.name} is {kind} that cannot be read from a pipe: send PCM, e.g. "
                    "ffmpeg -i INPUT -f wav - | elsa-rt listen -"
                )
            size *= 4
            head = self._peek(size)
        skipped = layout.offset
        while skipped:
            skipped -= len(self._bytes.read(skipped) or b"") or skipped
        return layout

    def _open_decoder(self, kind: str) -> PcmLayout:
        import soundfile as sf

        form = ogg_form(self._peek(LOOK_AT)) if kind == "Ogg" else ""
        try:
            if kind == "Ogg":
                self._decoder = sf.SoundFile(self._through_a_pipe())
            else:
                self._decoder = sf.SoundFile(Rewindable(self._bytes))
        except (sf.LibsndfileError, OSError) as error:
            raise SourceError(
                f"{self.name} is {kind} that cannot be decoded ({error}): send PCM, e.g. "
                "ffmpeg -i INPUT -f wav - | elsa-rt listen -"
            ) from error
        # soundfile seeks after each read where it may, which at the end of a stream fails
        self._decoder.seekable = lambda: False
        return PcmLayout("f32", self._decoder.samplerate, self._decoder.channels, form=form)

    def _through_a_pipe(self) -> int:
        """A pipe that libsndfile reads for itself: of Ogg it reads no other stream."""
        out, into = os.pipe()

        def feed() -> None:
            try:
                while not self._closed and (piece := self._bytes.read(1 << 16)):
                    view = memoryview(piece)
                    while view:
                        view = view[os.write(into, view) :]
            except OSError:
                pass  # the reader has gone
            finally:
                os.close(into)

        threading.Thread(target=feed, name="elsa-rt pipe", daemon=True).start()
        return out

    def __iter__(self) -> Iterator[Block]:
        if self._decoder is not None:
            yield from self._decoded()
            return
        layout = self._layout
        if not layout.container:
            first = yield from self._first_bytes()
            layout = self._read_header(first)
            if self._decoder is not None:
                self.rate, self.channels = layout.rate, layout.channels
                yield from self._decoded()
                return
        self.rate, self.channels = layout.rate, layout.channels
        yield from self._raw(layout)

    def _first_bytes(self) -> Generator[Block, None, bytes]:
        """Wait for the first bytes, with heartbeats; gives them."""
        silent = 0.0
        while True:
            first = self._bytes.peek(8, HEARTBEAT_S)
            if len(first) >= 4 or self._bytes.ended or self._closed:
                return first
            silent += HEARTBEAT_S
            self._say_silence(silent)
            yield self._heartbeat(silent)

    def _say_silence(self, silent_s: float) -> None:
        if silent_s == SAY_AFTER_S:
            self._say(
                f"{self.name}: no sound has come for {silent_s:.0f} s: does the program before "
                "the pipe still run?"
            )

    def _say_held_up(self) -> None:
        """Say that the pipe was not read for long: what its writer lost meanwhile nobody counts."""
        now = time.monotonic()
        gap, self._looked_s = now - self._looked_s, now
        if gap < HELD_UP_S + HEARTBEAT_S or now < self._held_up_until_s:
            return
        self._held_up_until_s = now + HELD_UP_AGAIN_S
        self._say(
            f"{self.name}: listening stood still for {gap:.1f} s, stopped or too busy: a program "
            "that waits for the pipe has lost nothing, a microphone has lost sound that is not "
            "counted here"
        )

    def _heartbeat(self, silent_s: float) -> Block:
        reason = f"{self.name}: no sound has come for {silent_s:.1f} s"
        empty = np.empty((self.channels, 0), np.float32)
        status = SourceStatus(silent_s=silent_s, reason=reason)
        return Block(empty, self.rate, self._position, status=status)

    def _block(self, samples: NDArray[np.float32], silent_s: float) -> Block:
        start = self._position
        self._position += len(samples)
        sound = self._form.to_ambix(np.ascontiguousarray(samples.T))
        return Block(sound, self.rate, start, status=SourceStatus(silent_s=silent_s))

    def _raw(self, layout: PcmLayout) -> Iterator[Block]:
        frame = layout.frame_bytes
        self._looked_s = time.monotonic()
        least = frame * max(1, round(self.rate * MIN_BLOCK_S))
        most = frame * max(1, round(self.rate * BLOCK_S))
        waiting = b""
        silent = 0.0
        looked = False
        while not self._closed:
            arrived = self._bytes.read(most - len(waiting), HEARTBEAT_S)
            self._say_held_up()
            if arrived is None:
                silent += HEARTBEAT_S
                self._say_silence(silent)
                yield self._heartbeat(silent)
                continue
            waiting += arrived
            if arrived and len(waiting) < least:
                continue
            whole = len(waiting) // frame * frame
            if whole:
                looked = looked or self._look_at(waiting[:whole], layout)
                samples = decode_pcm(waiting[:whole], layout.encoding)
                yield self._block(samples.reshape(-1, self.channels), silent)
                waiting, silent = waiting[whole:], 0.0
            if not arrived:
                break
        if waiting:
            self._say(
                f"{self.name} ended in the middle of a frame: {len(waiting)} of {frame} bytes "
                "left over; are --channels and --sample-format right?"
            )
        elif self._position == 0:
            self._say(f"{self.name} held no samples: does the program before the pipe run?")

    def _look_at(self, raw: bytes, layout: PcmLayout) -> bool:
        """Say it if the samples are of another kind; whether enough was seen to know."""
        doubt = "" if layout.container else encoding_doubt(self.name, raw, layout)
        if doubt:
            self._say(doubt)
        return doubt is not None

    def _decoded(self) -> Iterator[Block]:
        """What libsndfile decodes on a thread of its own, as it waits without end."""
        decoder, ready = self._decoder, queue.Queue[Any](8)
        count = max(1, round(self.rate * MIN_BLOCK_S))

        def decode() -> None:
            try:
                while not self._closed:
                    samples = decoder.read(count, dtype="float32", always_2d=True)
                    ready.put(samples)
                    if len(samples) < count:
                        break
            except Exception as error:  # libsndfile's own, or the stream has gone
                ready.put(error)
            ready.put(None)

        threading.Thread(target=decode, name="elsa-rt decoder", daemon=True).start()
        silent = 0.0
        while not self._closed:
            try:
                samples = ready.get(timeout=HEARTBEAT_S)
            except queue.Empty:
                silent += HEARTBEAT_S
                self._say_silence(silent)
                yield self._heartbeat(silent)
                continue
            if samples is None:
                break
            if isinstance(samples, Exception):
                self._say(f"{self.name} is damaged from here on: {samples}")
                continue
            if len(samples):
                yield self._block(samples, silent)
                silent = 0.0
        if self._position < decoder.frames < UNKNOWN_FRAMES and not self._closed:
            self._say(
                f"{self.name} is cut short after {self._position / self.rate:.2f} s: its header "
                f"promises {decoder.frames / self.rate:.2f} s"
            )


def open_fifo(path: bytes, config: Config, on_notice: OnNotice, name: str) -> PipeSource:
    """Open a FIFO or another file without an end; who writes may come later."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    stream = open(descriptor, "rb")  # noqa: SIM115
    try:
        source = PipeSource(stream, config, on_notice, name)
    except BaseException:
        stream.close()
        raise
    source.owns_stream = True
    return source
