"""Standard input and arrays."""

from __future__ import annotations

import io
import os
import threading
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from elsa_rt.config import Config
from elsa_rt.errors import SourceError, UsageError
from elsa_rt.sources.array import ArraySource
from elsa_rt.sources.open import open_source
from elsa_rt.sources.pipe import PipeSource
from tests.support.contract import ODD_SIZES

RATE = 48_000


def settings(
    sample_format: Any = "s16", rate: int | None = RATE, input_channels: int | None = 4
) -> Config:
    return Config(sample_format=sample_format, rate=rate, input_channels=input_channels)


def encode(samples: NDArray[np.float64], sample_format: str) -> bytes:
    """The obvious way, sample by sample."""
    flat = samples.T.ravel()
    if sample_format == "f32":
        return flat.astype("<f4").tobytes()
    bits = int(sample_format[1:])
    whole = (round(value * 2 ** (bits - 1)) for value in flat)
    return b"".join(value.to_bytes(bits // 8, "little", signed=True) for value in whole)


def listen(raw: bytes, config: Config, size: int | None = None) -> tuple[Any, list[str]]:
    """The blocks of ``raw`` written into a real pipe in pieces of ``size``, and the notices."""
    reading, writing = os.pipe()

    def feed() -> None:
        with open(writing, "wb", buffering=0) as pipe:
            for at in range(0, len(raw), size or len(raw) or 1):
                pipe.write(raw[at : at + (size or len(raw))])

    feeder = threading.Thread(target=feed)
    feeder.start()
    said: list[str] = []
    with open(reading, "rb") as stream, PipeSource(stream, config, said.append) as source:
        blocks = list(source)
    feeder.join()
    return blocks, said


def ramp(count: int) -> NDArray[np.float64]:
    """Multiples of 2**-15 that all formats hold exactly, full scale included."""
    return np.arange(-32768, -32768 + 4 * count * 3, 3).reshape(count, 4).T / 2**15


@pytest.mark.parametrize("sample_format", ["s16", "s24", "s32", "f32"])
@pytest.mark.parametrize("size", [*ODD_SIZES[1:], None])
def test_formats_in_any_pieces(sample_format: str, size: int | None) -> None:
    sent = ramp(2000)
    blocks, said = listen(encode(sent, sample_format), settings(sample_format), size)
    assert said == []
    got = np.concatenate([block.samples for block in blocks], axis=1)
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, sent)
    starts = np.cumsum([0, *(block.samples.shape[1] for block in blocks)])[:-1]
    assert [block.start for block in blocks] == starts.tolist()
    assert max(block.samples.shape[1] for block in blocks) <= 4800


def test_what_has_arrived_is_passed_on_before_the_end() -> None:
    reading, writing = os.pipe()
    with open(reading, "rb") as stream, open(writing, "wb", buffering=0) as pipe:
        pipe.write(bytes(480 * 8))
        with PipeSource(stream, settings(), print) as source:
            assert next(iter(source)).samples.shape == (4, 480)  # the pipe is still open


def test_the_end_in_the_middle_of_a_frame() -> None:
    sent = ramp(700)
    blocks, said = listen(encode(sent, "s16") + b"\x01\x02\x03", settings(), 1000)
    np.testing.assert_array_equal(np.concatenate([b.samples for b in blocks], axis=1), sent)
    assert len(said) == 1
    assert "in the middle of a frame: 3 of 8 bytes left over" in said[0]


@pytest.mark.parametrize("raw", [b"", b"\x01\x02\x03"])
def test_nothing_at_all_is_said(raw: bytes) -> None:
    blocks, said = listen(raw, settings())
    assert blocks == []
    assert len(said) == 1


@pytest.mark.parametrize("config", [settings(rate=None), settings(input_channels=None)])
def test_raw_samples_must_be_declared(config: Config) -> None:
    with pytest.raises(UsageError, match="--rate 48000 --channels 4 --sample-format s16"):
        PipeSource(io.BytesIO(), config, print)


@pytest.mark.parametrize("rate", [0, -1, 10**9])
def test_absurd_rates(rate: int) -> None:
    with pytest.raises(UsageError, match=f"--rate {rate}: "):
        PipeSource(io.BytesIO(), settings(rate=rate), print)


def test_other_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO()))
    with pytest.raises(SourceError, match="standard input has 2 channels, four are needed"):
        open_source("-", settings(input_channels=2))
    with pytest.raises(UsageError, match="--sample-format 'u8' is unknown: choose s16"):
        PipeSource(io.BytesIO(), settings("u8"), print)


def test_a_terminal_is_no_pipe() -> None:
    leader, follower = os.openpty()
    refused = pytest.raises(UsageError, match="standard input is a terminal.*arecord")
    with open(leader, "rb", buffering=0), open(follower, "rb") as terminal, refused:
        PipeSource(terminal, settings(), print)


@pytest.mark.parametrize("block", [None, *ODD_SIZES])
def test_array(block: int | None) -> None:
    sent = np.random.default_rng(0).normal(0, 0.1, (5, 3000))
    source = ArraySource(sent, RATE, block)
    with open_source(source, Config()) as opened:
        assert opened is source
        for _ in range(2):  # an array can be played again
            blocks = list(opened)
            got = np.concatenate([b.samples for b in blocks], axis=1)
            np.testing.assert_array_equal(got, sent.astype(np.float32))
            blocks[0].samples[:] = np.nan  # a block belongs to whoever takes it
    assert blocks[-1].start == 3000 - blocks[-1].samples.shape[1]
    assert blocks[0].samples.shape[1] == min(3000, block or 4800)


def test_array_refusals() -> None:
    with pytest.raises(SourceError, match=r"holds int16: floats .* samples / 32768"):
        ArraySource(np.zeros((4, 100), np.int16), RATE)
    with pytest.raises(SourceError, match=r"shape \(100, 4\): .*samples\.T"):
        ArraySource(np.zeros((100, 4)), RATE)
    with pytest.raises(UsageError, match="rate 0"):
        ArraySource(np.zeros((4, 100)), 0)
