"""Files of lines that are begun anew, and survive what a disk does to them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from elsa_rt.errors import UsageError
from elsa_rt.outputs.rotating import RETRY_S, JsonlFile, RotatingFile

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
    file = RotatingFile(JsonlFile(str(target), max_mb=5e-6, keep=1), said.append, clock)
    file.write("one\n")
    (tmp_path / "a.1").mkdir()
    (tmp_path / "a.1" / "full").touch()  # nothing can be moved there
    file.write("two\n")
    file.write("three\n")
    assert len(said) == 1
    assert "1 lines are lost so far" in said[0]
    (tmp_path / "a.1" / "full").unlink()
    (tmp_path / "a.1").rmdir()
    clock.now_s += RETRY_S
    file.write("four\n")
    file.close()
    assert target.read_text() == "four\n"
    assert (tmp_path / "a.1").read_text() == "one\n"
