"""A rules file that changes: taken whole or refused whole."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from elsa_rt.errors import UsageError
from elsa_rt.rules.rule import Rule
from elsa_rt.rules_file import watch
from elsa_rt.rules_file.reader import RulesFile, read_rules
from elsa_rt.rules_file.watch import Watcher

DOG, CAT = "rules:\n- prompt: a dog\n", "rules:\n- prompt: a dog\n- prompt: a cat\n"

LIMIT_S = 20.0


class Watched:
    """A file with its watcher, what the watcher said and what it handed on."""

    def __init__(self, directory: Path, text: str = DOG) -> None:
        self.path = directory / "rules.yaml"
        self.said: list[str] = []
        self.taken: list[RulesFile] = []
        self.write(text)
        self.is_new = True
        self.watcher = Watcher(read_rules(self.path), self._take, self.said.append)

    def _take(self, file: RulesFile) -> bool:
        self.taken.append(file)
        return self.is_new

    def write(self, text: str) -> None:
        self.path.write_text(text, encoding="utf-8")
        later = time.time_ns() + 1_000_000 * len(text)  # a disk may tell no times so close apart
        os.utime(self.path, ns=(later, later))

    def look(self, times: int = 2) -> None:
        for _ in range(times):
            self.watcher.look()


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


def test_what_does_not_change_is_not_read(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(watch, "read_rules")
    watched.look(5)
    assert (watched.said, watched.taken) == ([], [])


def test_a_change_is_taken_once_it_rests(watched: Watched) -> None:
    watched.write(CAT)
    watched.look(1)
    assert watched.taken == []  # its editor may not be done
    watched.look(3)
    (new,) = watched.taken
    assert [rule.id for rule in new.rules] == ["a-dog", "a-cat"]
    assert watched.said == [f"{watched.path} was read again: 2 rules now, 1 new"]


def test_a_file_that_is_written_again_as_it_was_is_no_change(watched: Watched) -> None:
    watched.write(DOG)
    os.utime(watched.path, (5, 5))
    watched.look(3)
    assert (watched.said, watched.taken) == ([], [])


def test_what_a_screen_wrote_and_listens_by_is_not_news(watched: Watched) -> None:
    watched.is_new = False
    watched.write(CAT)
    watched.look(3)
    assert (watched.said, len(watched.taken)) == ([], 1)
    watched.is_new = True
    watched.write("rules:\n- prompt: a cat\n")
    watched.look(3)
    assert watched.said == [f"{watched.path} was read again: 1 rule now, 1 removed"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rules:\n- prompt: a dog\n  azimut: 3\n- promt: a cat\n", "line 3: unknown key 'azimut'"),
        ("rules: [", "not YAML"),
        ("", "rules is missing"),
    ],
)
def test_a_mistake_leaves_the_old_rules_and_is_said_once(
    watched: Watched, text: str, said: str
) -> None:
    watched.write(text)
    watched.look(5)
    assert watched.taken == []
    (notice,) = watched.said
    assert said in notice
    assert notice.endswith("the old rules go on")
    watched.write(CAT)
    watched.look()
    assert len(watched.taken) == 1


def test_a_file_that_is_gone_and_comes_again(watched: Watched) -> None:
    watched.path.unlink()
    watched.look(4)
    (notice,) = watched.said
    assert "it cannot be read (No such file or directory)" in notice
    watched.write(CAT)
    watched.look()
    assert len(watched.taken) == 1


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ("microphone: {format: fuma}\n", "format"),
        ("microphone: {source: hw:1}\n", "source"),
        ("model: {threads: 2}\n", "threads"),
        ("outputs: [{type: jsonl, path: x}]\n", "outputs"),
    ],
)
def test_what_cannot_change_while_listening_is_refused_with_all_else(
    watched: Watched, more: str, what: str
) -> None:
    watched.write(CAT + more)
    watched.look(4)
    assert watched.taken == []
    (notice,) = watched.said
    assert f"{what} cannot change while listening" in notice


def test_who_takes_it_may_refuse_it(tmp_path: Path) -> None:
    watched = Watched(tmp_path)

    def refuse(new: RulesFile) -> bool:
        raise UsageError("no such thing")

    watched.watcher = Watcher(read_rules(watched.path), refuse, watched.said.append)
    watched.write(CAT)
    watched.look(4)
    assert watched.said == ["no such thing; the old rules go on"]
    assert watched.watcher.file.rules == (Rule("a-dog", ("a dog",)),)


def test_counts_of_what_changed(tmp_path: Path) -> None:
    watched = Watched(tmp_path, CAT)
    watched.write("rules:\n- prompt: a cat\n  alert_start: 0.6\n- prompt: a cow\n")
    watched.look()
    assert watched.said[0].endswith("2 rules now, 1 new, 1 changed, 1 removed")


def wait_for(happened: Callable[[], bool]) -> None:
    end_s = time.monotonic() + LIMIT_S
    while not happened():
        assert time.monotonic() < end_s
        time.sleep(0.01)


def test_its_thread_looks_by_itself(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "LOOK_S", 0.02)
    with watched.watcher:
        watched.write(CAT)
        wait_for(lambda: bool(watched.said))
    assert len(watched.taken) == 1


def test_hangup_has_it_read_at_once(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "LOOK_S", 1_000.0)
    before = signal.getsignal(signal.SIGHUP)
    with watched.watcher:
        watched.write(CAT)
        os.kill(os.getpid(), signal.SIGHUP)
        wait_for(lambda: bool(watched.said))
    assert len(watched.taken) == 1
    assert signal.getsignal(signal.SIGHUP) == before
