"""Rules changed from a screen: checked, written whole, listened by, or nothing of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from elsa_rt.encoder.audio import AudioEncoder
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.errors import UsageError
from elsa_rt.listener import Listener
from elsa_rt.rules_file.reader import read_rules
from elsa_rt.screens.rule_book import RuleBook

HOME = """\
# at home
rules:
  # the first
  - prompt: hum on the left   # low
    false_alarms_per_hour: 2
  - {id: hiss, prompts: [hiss, a hiss], alert_start: 0.5}
"""


def quiet(_: str) -> None:
    pass


@pytest.fixture
def listener(bundle: Path) -> Listener:
    encoder = AudioEncoder(ModelBundle.load(bundle))
    return Listener(["hum on the left"], encoder=encoder, on_notice=quiet)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    home = tmp_path / "home.yaml"
    home.write_text(HOME)
    return home


@pytest.fixture
def book(bundle: Path, path: Path) -> RuleBook:
    file = read_rules(path)
    encoder = AudioEncoder(ModelBundle.load(bundle))
    listener = Listener(config=None, rules=file.rules, encoder=encoder, on_notice=quiet)
    return RuleBook(listener, file)


def listened(listener: Listener) -> list[str]:
    listener._adopt()
    return [rule.id for rule in listener.config.rules]


def test_in_memory_rules_come_change_and_go(listener: Listener) -> None:
    changes = []
    book = RuleBook(listener, on_change=lambda: changes.append("x"))
    rule = book.add("hiss", {"region": {"azimuth_deg": [30, 90]}, "false_alarms_per_hour": 0.1})
    assert (rule.id, book.region_of(rule).azimuth_deg, book.rate_of(rule)) == (
        "hiss",
        (30, 90),
        0.1,
    )
    assert book.add("hiss").id == "hiss-2"
    assert listened(listener) == ["hum-on-the-left", "hiss", "hiss-2"]
    assert book.change("hiss", {"region": None, "prompts": ["hiss", "hum"]}).prompts == (
        "hiss", "hum"
    )  # fmt: skip
    book.mute("hiss", True)
    assert listened(listener) == ["hum-on-the-left", "hiss", "hiss-2"]  # none of its alerts is told
    assert book.mutes.rules == {"hiss"}
    for name in ("hum-on-the-left", "hiss", "hiss-2"):
        book.remove(name)
    assert listened(listener) == []
    assert book.mutes.rules == set()  # one of the same name would not be muted
    assert len(changes) == 8


def test_rules_of_a_file_are_written_with_every_comment(book: RuleBook, path: Path) -> None:
    path.chmod(0o600)  # it may hold the password of a broker
    book.add("hum", {"region": {"azimuth_deg": [145, -145]}})
    book.change("hum-on-the-left", {"false_alarms_per_hour": 0.5})
    book.change("hiss", {"false_alarms_per_hour": 1.0})
    assert (
        path.read_text()
        == """\
# at home
rules:
  # the first
  - prompt: hum on the left   # low
    false_alarms_per_hour: 0.5
  - {id: hiss, prompts: [hiss, a hiss], false_alarms_per_hour: 1}
  - id: hum
    prompt: hum
    region: {azimuth_deg: [145, -145]}
"""
    )
    assert read_rules(path).rules == book.rules
    assert path.stat().st_mode & 0o777 == 0o600
    book.remove("hiss")
    assert "# the first" in path.read_text()
    assert [rule.id for rule in read_rules(path).rules] == ["hum-on-the-left", "hum"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda book: book.add("  "), "a prompt is empty"),
        (lambda book: book.change("nobody", {}), "there is no rule 'nobody'"),
        (lambda book: book.change("hiss", {"id": "x"}), "only prompts, but_not, region"),
        (lambda book: book.change("hiss", {"region": {"azimuth_deg": [0]}}), "two numbers"),
        (lambda book: book.change("hiss", {"region": {"azimuth_deg": [0, 999]}}), "is possible"),
        (lambda book: book.change("hiss", {"false_alarms_per_hour": -1}), "above 0"),
        (lambda book: book.change("hiss", {"prompts": []}), "needs a sentence"),
    ],
)  # fmt: skip
def test_what_is_refused_changes_nothing(
    book: RuleBook, path: Path, change: Any, said: str
) -> None:
    before = book.rules
    with pytest.raises(UsageError, match=said):
        change(book)
    assert path.read_text() == HOME
    assert book.rules == before
    assert [p.name for p in path.parent.iterdir()] == ["home.yaml"]


def test_a_file_that_cannot_be_written_is_said(book: RuleBook, path: Path) -> None:
    path.rename(path.with_name("elsewhere.yaml"))
    with pytest.raises(UsageError, match=r"home\.yaml"):
        book.add("hum")
    assert [rule.id for rule in book.rules] == ["hum-on-the-left", "hiss"]


def test_muted_rules_stay_muted_when_the_file_is_read_again(book: RuleBook, path: Path) -> None:
    book.mute("hiss", True)
    path.write_text(HOME + "  - prompt: hum\n")
    book.reload(read_rules(path))
    assert book.mutes.rules == {"hiss"}
    assert len(book.rules) == 3


def test_rules_in_memory_are_saved_as_a_file_that_says_the_same(
    listener: Listener, tmp_path: Path
) -> None:
    book = RuleBook(listener)
    book.add('a "hiss": loud', {"but_not": ["hum"], "region": [{"azimuth_deg": [30, 90]},
                                {"azimuth_deg": [-90, -30]}]})  # fmt: skip
    target = tmp_path / "mine.yaml"
    book.save(target)
    assert read_rules(target).rules == book.rules
    with pytest.raises(UsageError, match="it exists"):
        book.save(target)
    with pytest.raises(UsageError, match="give another name"):
        book.save(tmp_path / "no" / "where.yaml")


def test_what_was_read_before_a_change_does_not_undo_it(book: RuleBook, path: Path) -> None:
    path.write_text(path.read_text() + "  - {prompt: hum behind me}\n")
    before = read_rules(path)
    assert book.reload(before)
    book.change("hiss", {"false_alarms_per_hour": 0.1})
    # read before the change, by the thread that looks at the file
    assert not book.reload(before)
    assert book.find("hiss").false_alarms_per_hour == 0.1
    assert not book.reload(read_rules(path))
    assert book.find("hiss").false_alarms_per_hour == 0.1
    assert len(book.rules) == 3
