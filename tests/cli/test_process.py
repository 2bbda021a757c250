"""The command as a process: pipes, signals and terminals are real."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import shlex
import signal
import struct
import subprocess
import termios
import threading
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.busy import besides_waiting
from tests.support.run_ids import without_run

LIMIT_S = 60


@pytest.fixture
def listen(command: list[str], bundle: Path) -> list[str]:
    return [*command, "listen", "--bundle", str(bundle), "--prompt", "a hum"]


@pytest.fixture
def pcm(scene: NDArray[np.float32]) -> bytes:
    """The scene as 16-bit samples, a frame is 8 bytes."""
    return np.round(scene.T * 2**15).astype("<i2").tobytes()


RAW = ("-", "--rate", "16000", "--channels", "4", "--sample-format", "s16")


def parse(out: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_a_pipe_gives_what_the_file_gives(listen: list[str], recording: Path, pcm: bytes) -> None:
    file = subprocess.run([*listen, recording], capture_output=True, timeout=LIMIT_S, check=True)
    pipe = subprocess.run(
        [*listen, *RAW], input=pcm, capture_output=True, timeout=LIMIT_S, check=True
    )
    lines = parse(pipe.stdout)
    assert all(line.pop("at").endswith("Z") for line in lines)
    assert without_run(lines) == without_run(parse(file.stdout))
    assert besides_waiting(pipe.stderr) == besides_waiting(file.stderr) == []


def test_a_pipe_that_ends_in_mid_frame(listen: list[str], pcm: bytes) -> None:
    ended = subprocess.run(
        [*listen, *RAW], input=pcm[: 3 * 16_000 * 8 + 5], capture_output=True, timeout=LIMIT_S
    )
    assert ended.returncode == 0
    states = [line["state"] for line in parse(ended.stdout) if line["type"] == "alert"]
    assert states == ["start", "end"]
    assert b"middle of a frame: 5 of 8 bytes" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_nothing_is_left_behind_in_the_home(
    listen: list[str], recording: Path, tmp_path: Path
) -> None:
    """An inference engine that keeps a device id for its maker has no place beside a microphone."""
    environment = {**os.environ, "HOME": str(tmp_path)}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    for name in ("XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        environment.pop(name, None)
    subprocess.run(
        [*listen, recording], env=environment, capture_output=True, timeout=LIMIT_S, check=True
    )
    left = [path for path in tmp_path.rglob("*") if "numba" not in str(path).lower()]
    assert [path for path in left if path.is_file()] == []


def test_a_service_without_a_place_to_cache(listen: list[str], recording: Path) -> None:
    environment = {**os.environ, "ELSA_RT_CACHE": "/dev/null/nowhere"}
    ended = subprocess.run(
        [*listen, recording], env=environment, capture_output=True, timeout=LIMIT_S
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.startswith(b"elsa-rt: the cache cannot be written")
    assert ended.stderr.count(b"\n") == 1


def test_a_user_without_a_home_directory(
    listen: list[str], recording: Path, tmp_path: Path
) -> None:
    """As in a container that is started with ``--user 12345``: no HOME, no entry in passwd."""
    (tmp_path / "sitecustomize.py").write_text(
        "import pwd\ndef unknown(uid):\n    raise KeyError(uid)\npwd.getpwuid = unknown\n"
    )
    environment = {"PATH": os.environ["PATH"], "ELSA_RT_CACHE": str(tmp_path / "cache"),
                   "PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"}  # fmt: skip
    for argv in ([*listen, str(recording)], [listen[0], "microphones"], [listen[0], "doctor",
                 str(recording), *listen[listen.index("--bundle") :][:2]]):  # fmt: skip
        ended = subprocess.run(argv, env=environment, capture_output=True, timeout=LIMIT_S)
        assert (ended.returncode, b"internal error" in ended.stderr) == (0, False), ended.stderr


def test_a_reader_that_had_enough(listen: list[str], recording: Path) -> None:
    process = subprocess.Popen(
        [*listen, recording, "--realtime"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        assert json.loads(process.stdout.readline())["type"] == "hearing"
        process.stdout.close()
        assert process.wait(LIMIT_S) == 0
        assert besides_waiting(process.stderr.read()) == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_open_alert(
    listen: list[str], pcm: bytes, number: signal.Signals, code: int
) -> None:
    process = subprocess.Popen(
        [*listen, *RAW], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        process.stdin.write(pcm[: 2 * 16_000 * 8])  # into the hum, and then nothing more
        process.stdin.flush()
        before: list[dict[str, Any]] = []
        while not before or before[-1]["type"] != "alert":
            before.append(json.loads(process.stdout.readline()))
        process.send_signal(number)
        after = parse(process.stdout.read())
        assert process.wait(LIMIT_S) == code
        assert besides_waiting(process.stderr.read()) == []
    ends = [line for line in after if line["type"] == "alert"]
    assert [end["state"] for end in ends] == ["end"]
    assert ends[0]["id"] == before[-1]["id"]


def test_a_second_signal_ends_it_at_once_without_a_word(listen: list[str], pcm: bytes) -> None:
    process = subprocess.Popen(
        [*listen, *RAW], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdin is not None

    def feed(into: IO[bytes]) -> None:
        with contextlib.suppress(BrokenPipeError), into:
            while True:
                into.write(pcm)

    feeder = threading.Thread(target=feed, args=(process.stdin,))
    process.stdin = None
    feeder.start()
    with process:
        assert json.loads(process.stdout.readline())["type"] == "hearing"
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=LIMIT_S)
    feeder.join()
    assert process.returncode == 130
    assert besides_waiting(err) == []


def test_standard_streams_that_are_closed(listen: list[str], recording: Path) -> None:
    for closed in ("<&-", ">&-", "2>&-"):
        shell = " ".join(map(shlex.quote, [*listen, str(recording)]))
        ended = subprocess.run(f"{shell} {closed}", shell=True, capture_output=True, check=True)
        assert ended.stderr == b""


def test_a_full_disk(listen: list[str], recording: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run([*listen, recording], stdout=full, stderr=subprocess.PIPE)
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1
    assert b"No space left on device: there is no room" in ended.stderr


def test_a_signal_while_embedding_keeps_what_was_heard(
    command: list[str], bundle: Path, recording: Path, tmp_path: Path
) -> None:
    target = tmp_path / "out.npz"
    process = subprocess.Popen(
        [*command, "embed", "-", *RAW[1:], "-o", str(target), "--bundle", str(bundle)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    with process:
        # more than any buffer holds: what is left unread shows that the rest was taken
        process.stdin.write(np.zeros(4 * 16_000 * 10, "<i2").tobytes())
        process.stdin.flush()
        process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT_S) == 130
    with np.load(target) as arrays:
        assert len(arrays["time_s"]) > 10


def on_a_terminal(argv: list[str], term: str = "xterm-256color") -> tuple[int, str]:
    """Run ``argv`` on a terminal of 80 x 24; its exit code and all that it wrote there."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = {**os.environ, "TERM": term}
    for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"):
        environment.pop(name, None)
    process = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave, env=environment)
    os.close(slave)
    written = bytearray()
    with contextlib.suppress(OSError):  # EIO is how a terminal says that nobody is there
        while piece := os.read(master, 65536):
            written += piece
    os.close(master)
    return process.wait(LIMIT_S), written.decode("utf-8").replace("\r\n", "\n")


def test_a_terminal_shows_the_live_view(listen: list[str], recording: Path) -> None:
    code, written = on_a_terminal([*listen, str(recording)])
    assert code == 0
    assert written.startswith("elsa-rt: loading the model ...\n")
    assert '"type"' not in written
    screens, left = written.split("\x1b[?1049l")
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screens)
    for part in ("front", "behind", "alerts and near misses", "q quit", "a hum"):
        assert part in plain
    for part in ("a hum", "left", "heard 0:06.0", "lost 0 samples", "load"):
        assert part in left


def test_a_dumb_terminal_gets_plain_lines(listen: list[str], recording: Path) -> None:
    code, written = on_a_terminal([*listen, str(recording)], term="dumb")
    assert code == 0
    assert "\x1b" not in written
    assert re.search(r"0:01\.\d  start   a hum  \(left ±\d+°\)", written)


def test_json_on_a_terminal(listen: list[str], recording: Path) -> None:
    code, written = on_a_terminal([*listen, str(recording), "--json"])
    assert code == 0
    _, *lines = written.splitlines()
    assert {json.loads(line)["type"] for line in lines} == {"hearing", "alert"}


def test_standard_input_that_is_a_terminal(listen: list[str]) -> None:
    code, written = on_a_terminal([*listen, *RAW])
    assert code == 2
    assert "arecord" in written
