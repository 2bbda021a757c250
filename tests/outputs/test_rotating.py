"""Files of lines that are begun anew, and survive what a disk does to them."""

from __future__ import annotations

import json
import os
import resource
import signal
import time
from pathlib import Path

import pytest

from elsa_rt.errors import UsageError
from elsa_rt.outputs.base import Surroundings
from elsa_rt.outputs.controls import Controls
from elsa_rt.outputs.rotating import RETRY_S, JsonlFile, RotatingFile
from tests.support.hearings import GLASS, Rules, counted, hearing

DAY_S = 86_400.0
NOON = time.mktime((2026, 1, 31, 12, 0, 0, 0, 0, -1))


class Clock:
    now_s = NOON

    def __call__(self) -> float:
        return self.now_s


def ignore(notice: str) -> None:
    raise AssertionError(notice)


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_new_file_before_it_grows_too_large(tmp_path: Path) -> None:
    file = RotatingFile(JsonlFile(str(tmp_path / "a.jsonl"), max_mb=30e-6, keep=2), ignore)
    for number in range(7):
        file.write(f"line {number}....\n")  # 11 bytes, two fit
    file.close()
    assert names(tmp_path) == ["a.jsonl", "a.jsonl.1", "a.jsonl.2"]
    assert (tmp_path / "a.jsonl").read_text() == "line 6....\n"
    assert (tmp_path / "a.jsonl.1").read_text() == "line 4....\nline 5....\n"
    assert (tmp_path / "a.jsonl.2").read_text() == "line 2....\nline 3....\n"


def test_a_line_that_is_larger_than_a_file_is_written_all_the_same(tmp_path: Path) -> None:
    file = RotatingFile(JsonlFile(str(tmp_path / "a"), max_mb=1e-6), ignore)
    file.write("long\n")
    file.write("longer\n")
    file.close()
    assert (tmp_path / "a").read_text() == "longer\n"
    assert (tmp_path / "a.1").read_text() == "long\n"


def test_a_new_file_each_day(tmp_path: Path) -> None:
    clock = Clock()
    file = RotatingFile(JsonlFile(str(tmp_path / "a"), daily=True), ignore, clock)
    file.write("saturday\n")
    clock.now_s += 11.9 * 3600
    file.write("late\n")
    clock.now_s += 0.2 * 3600
    file.write("sunday\n")
    file.close()
    assert (tmp_path / "a.1").read_text() == "saturday\nlate\n"
    assert (tmp_path / "a").read_text() == "sunday\n"


def test_what_is_there_is_gone_on_with(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("before\n")
    file = RotatingFile(JsonlFile(str(tmp_path / "a")), ignore)
    file.write("after\n")
    file.close()
    assert (tmp_path / "a").read_text() == "before\nafter\n"


def test_a_place_that_cannot_be_written_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="name a writable place"):
        RotatingFile(JsonlFile(str(tmp_path / "no" / "a")), ignore)


def test_a_disk_that_fails_is_said_and_tried_again(tmp_path: Path) -> None:
    clock, said = Clock(), list[str]()
    target = tmp_path / "a"
    file = RotatingFile(JsonlFile(str(target), max_mb=5e-6, keep=1), said.append, clock, clock)
    file.write("one\n")
    (tmp_path / "a.1").mkdir()
    (tmp_path / "a.1" / "full").touch()  # nothing can be moved there
    file.write("two\n")
    file.write("three\n")
    assert len(said) == 1
    assert "lines lost so far: 1" in said[0]
    (tmp_path / "a.1" / "full").unlink()
    (tmp_path / "a.1").rmdir()
    clock.now_s += RETRY_S
    file.write("four\n")
    file.close()
    assert target.read_text() == '{"type": "lost", "lines": 2}\nfour\n'
    assert (tmp_path / "a.1").read_text() == "one\n"
    assert "2 lines lost; it is written again" in said[1]


def test_a_clock_that_is_set_back_holds_nothing_up(tmp_path: Path) -> None:
    clock, passing, said = Clock(), Clock(), list[str]()
    (tmp_path / "d").mkdir()
    file = RotatingFile(JsonlFile(str(tmp_path / "d" / "a")), said.append, clock, passing)
    file.write("one\n")
    (tmp_path / "d" / "a").unlink()
    (tmp_path / "d").rmdir()
    file.write("two\n")
    (tmp_path / "d").mkdir()
    clock.now_s -= 3600
    passing.now_s += RETRY_S
    file.write("three\n")
    file.close()
    assert (tmp_path / "d" / "a").read_text() == '{"type": "lost", "lines": 1}\nthree\n'


def test_a_torn_line_is_closed_before_the_next(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b'{"id": 1}\n{"id": 2, "na')
    file = RotatingFile(JsonlFile(str(tmp_path / "a")), ignore)
    file.write('{"id": 3}\n')
    file.close()
    assert (tmp_path / "a").read_text().splitlines()[-1] == '{"id": 3}'


def test_a_full_disk_leaves_whole_lines_and_a_count(tmp_path: Path) -> None:
    clock, said = Clock(), list[str]()
    file = RotatingFile(JsonlFile(str(tmp_path / "a")), said.append, clock, clock)
    line = json.dumps({"n": "x" * 300}) + "\n"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, before[1]))  # a short write, then EFBIG
        for _ in range(20):
            file.write(line)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    clock.now_s += RETRY_S
    file.write(line)
    file.close()
    rows = [json.loads(text) for text in (tmp_path / "a").read_text().splitlines()]
    assert [row for row in rows if "type" in row] == [{"type": "lost", "lines": 14}]
    assert len(rows) == 6 + 1 + 1


@pytest.mark.parametrize("how", ["rename", "delete"])
def test_a_file_that_was_moved_or_deleted_is_begun_anew(tmp_path: Path, how: str) -> None:
    said = list[str]()
    file = RotatingFile(JsonlFile(str(tmp_path / "a")), said.append)
    file.write("one\n")
    if how == "rename":
        (tmp_path / "a").rename(tmp_path / "old")
    else:
        (tmp_path / "a").unlink()
    file.write("two\n")
    file.close()
    assert (tmp_path / "a").read_text() == "two\n"
    assert "a new one is begun" in said[0]


def test_two_writers_of_one_file_are_refused(tmp_path: Path) -> None:
    file = RotatingFile(JsonlFile(str(tmp_path / "a")), ignore)
    with pytest.raises(UsageError, match="another program writes to it"):
        RotatingFile(JsonlFile(str(tmp_path / "a")), ignore)
    file.close()
    RotatingFile(JsonlFile(str(tmp_path / "a")), ignore).close()


def test_what_is_no_file_is_refused_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", tmp_path):
        with pytest.raises(UsageError, match="no regular file"):
            RotatingFile(JsonlFile(str(path)), ignore)


def test_the_owner_alone_may_read_it(tmp_path: Path) -> None:
    mask = os.umask(0)
    try:
        RotatingFile(JsonlFile(str(tmp_path / "a")), ignore).close()
    finally:
        os.umask(mask)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600


def test_statistics_of_the_rules_once_a_day(tmp_path: Path) -> None:
    rules = Rules(GLASS)
    rules.statistics = (counted("glass-behind", proposed_start=0.81),)
    path = tmp_path / "a.jsonl"
    output = JsonlFile(str(path)).open(Surroundings(ignore, Controls(rules), is_live=False))
    for hour in (1, 23.9, 24, 30, 48, 71.9, 0.1, 23, 24.2):  # the last three of another stream
        output.show(hearing(3600 * hour))
    output.close()
    told = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["time_s"] / 3600 for line in told] == pytest.approx([24, 48, 24.2])
    assert {line["type"] for line in told} == {"statistics"}
    (rule,) = told[0]["rules"]
    assert (rule["rule"], rule["alerts"], rule["proposed_start"]) == ("glass-behind", 6, 0.81)
